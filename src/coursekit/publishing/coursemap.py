"""The course map: which lesson needs which, as the lessons' lines of facts say, drawn for pages of any width.

Lessons lie in layers, each below everything that it needs (Sugiyama, Tagawa & Toda 1981); on a narrow page they are a
list with the same lines beside it. Hovering or focusing a lesson lights the lines to what it needs and what it opens.
"""

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from html import escape
from itertools import combinations, pairwise

from coursekit.lessons.errors import CourseError
from coursekit.publishing.book import parts

SWEEPS = 24
BEND, LANE = 0.35, 14  # width of a passing line, in lessons; distance of lines beside the list, in pixels
ROW, HIGH = 156, 118  # from layer to layer, and the height of a lesson, in pixels at 16 pixels a rem
LINE = 88  # the height of a lesson in the list


@dataclass(frozen=True)
class Node:
    """A lesson on the map; `part` counts from 1, `needs` are numbers of other lessons.

    minutes  of a learner;  seconds  of a processor, to run it from top to bottom
    """

    number: str
    name: str
    title: str
    minutes: int
    seconds: int
    exercises: int
    part: int
    needs: tuple[str, ...]


def nodes(course):
    """The lessons that the book lists, in order; CourseError where a line of facts is missing or cannot be."""
    listed = []
    for part, (_, names) in enumerate(lesson_parts(course), start=1):
        for name in names:
            lesson = course.lesson(name)
            if lesson.facts is None:
                raise CourseError(f"{name} has no line of facts, “50 min · CPU 2 s · after: 01”, below its title.")
            minutes, seconds, needs = lesson.facts
            found = Node(lesson.number, lesson.name, lesson.title, minutes, seconds, len(lesson.gaps), part, needs)
            listed.append(found)
    check(listed)
    return listed


def lesson_parts(course):
    """The book's parts that hold lessons: (caption, names of the lessons), in order."""
    held = [
        (caption, [name[8:] for name in names if name.startswith("lessons/")]) for caption, names in parts(course.root)
    ]
    return [(caption, names) for caption, names in held if names]


def check(listed):
    """CourseError when a lesson needs one that is not listed, or lessons need each other."""
    known = {node.number for node in listed}
    for node in listed:
        if lost := sorted(set(node.needs) - known):
            raise CourseError(f"lesson {node.number} comes after {', '.join(lost)}, which the book does not list.")
    try:
        tuple(TopologicalSorter({node.number: node.needs for node in listed}).static_order())
    except CycleError as error:
        raise CourseError(f"lessons wait for each other in a circle: {' → '.join(error.args[1])}.") from None


def edges(listed):
    """Pairs (needed, lesson) that no longer path implies: 01 → 03 is left out where 01 → 02 → 03 is there."""
    needs = {node.number: set(node.needs) for node in listed}

    def above(number):
        return needs[number].union(*(above(need) for need in needs[number]))

    return [
        (need, node.number)
        for node in listed
        for need in sorted(node.needs)
        if not any(need in above(other) for other in node.needs)
    ]


def layers(listed):
    """Layer of each lesson, from 0: one below the lowest lesson that it needs."""
    needs, depth = {node.number: node.needs for node in listed}, {}
    for number in TopologicalSorter(needs).static_order():
        depth[number] = 1 + max((depth[need] for need in needs[number]), default=-1)
    return depth


def layout(listed):
    """(x by lesson and by bend, layer by lesson, lines as lists of those keys, the width), x in lessons from the left.

    A line that passes a layer bends there, at a key (needed, lesson, layer).
    """
    depth = layers(listed)
    lines = [[a, *((a, b, k) for k in range(depth[a] + 1, depth[b])), b] for a, b in edges(listed)]
    rows = [[n.number for n in listed if depth[n.number] == k] for k in range(max(depth.values(), default=-1) + 1)]
    for line in lines:
        for bend in line[1:-1]:
            rows[bend[2]].append(bend)
    links = [link for line in lines for link in pairwise(line)]
    rows = _untangled(rows, links)
    x, width = _spread(rows, links)
    return x, depth, lines, width


def _untangled(rows, links):
    """The rows in the order, of those that sweeping up and down by neighbours' mean gives, with fewest crossings."""
    best, fewest = rows, _crossings(rows, links)
    for sweep in range(SWEEPS):
        rows = [list(row) for row in rows]
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            place = {key: k / max(len(r) - 1, 1) for r in rows for k, key in enumerate(r)}
            near = _neighbours(links, down)
            row.sort(key=lambda key: _mean([place[other] for other in near.get(key, [])], place[key]))
        if (count := _crossings(rows, links)) < fewest:
            best, fewest = rows, count
    return best


def _neighbours(links, above):
    near = {}
    for a, b in links:
        near.setdefault(b if above else a, []).append(a if above else b)
    return near


def _mean(values, otherwise):
    return sum(values) / len(values) if values else otherwise


def _crossings(rows, links):
    place = {key: k for row in rows for k, key in enumerate(row)}
    row_of = {key: k for k, row in enumerate(rows) for key in row}
    return sum(
        row_of[a] == row_of[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for (a, b), (c, d) in combinations(links, 2)
    )


def _spread(rows, links):
    """Where each key stands in its row: near the middle of its neighbours, in order, apart, within the widest row.

    Lessons are drawn to the middle of the map as well: a tree that leans to one side would leave half a page empty.
    """

    def size(key):
        return BEND if isinstance(key, tuple) else 1

    width = max((sum(map(size, row)) for row in rows), default=1)
    x = {}
    for row in rows:
        at = (width - sum(map(size, row))) / 2
        for key in row:
            x[key] = at + size(key) / 2
            at += size(key)
    near, below = _neighbours(links, True), _neighbours(links, False)
    for _ in range(10 * SWEEPS):
        for row in rows:
            for key in row:
                drawn = [x[other] for other in near.get(key, []) + below.get(key, [])]
                x[key] = _mean(drawn if isinstance(key, tuple) else [*drawn, width / 2], x[key])
            _apart(row, x, size, width)
    return x, width


def _apart(row, x, size, width):
    """Push the keys of a row apart, first to the right, then back from the right edge, then from the left one."""
    for sign, edge, order in ((1, None, row), (-1, width, row[::-1]), (1, 0, row)):
        for key in order:
            if edge is not None:
                nearest = edge + sign * size(key) / 2
                x[key] = max(x[key], nearest) if sign > 0 else min(x[key], nearest)
            edge = x[key] + sign * size(key) / 2


def lanes(listed):
    """For the list: (edges, lane of each lesson that opens others); two lanes of one number never overlap."""
    row = {node.number: k for k, node in enumerate(listed)}
    drawn = edges(listed)
    reach = {a: max(row[b] for c, b in drawn if c == a) for a, _ in drawn}
    lane, busy = {}, []
    for a in sorted(reach, key=row.get):
        free = next((k for k, until in enumerate(busy) if until <= row[a]), len(busy))
        busy[free : free + 1] = [reach[a]]
        lane[a] = free
    return drawn, lane


def lane_width(listed):
    """The room for the lines beside the list, in pixels."""
    return LANE * (max(lanes(listed)[1].values(), default=0) + 1) + 6


def drawing(listed, captions, address):
    """The map as HTML: a list of links, with the lines drawn twice, for wide and for narrow pages, and its parts.

    `captions` name the parts, `address` gives the link of a lesson's name.
    """
    x, depth, lines, width = layout(listed)
    rows = max(depth.values(), default=-1) + 1
    items = "".join(
        f'<li class="lesson-{node.number} part-{node.part}"'
        f' style="--x:{x[node.number] / width:.4f};--row:{depth[node.number]}">'
        f'<a href="{escape(address(node.name))}"><b>{node.number}</b> {escape(node.title)}</a> '
        f"<span>{node.minutes} min<i>, after {', '.join(node.needs) or 'nothing'}</i></span></li>"
        for node in listed
    )
    gutter = lane_width(listed)
    light = "".join(
        f".course-map:has(.lesson-{node.number}:is(:hover,:focus-within)) :is(.from-{node.number},.to-{node.number})"
        + ("," if node is not listed[-1] else "")
        for node in listed
    )
    sizes = f"--rows:{rows};--width:{width:.2f};--lessons:{len(listed)};--gutter:{gutter}"
    return (
        f'<nav class="course-map" aria-label="Course map" style="{sizes}">'
        f"<style>{light}{{stroke:var(--course-map-lit);stroke-width:3}}</style>"
        f"{_wide(x, depth, lines, width, rows)}{_narrow(listed)}<ol>{items}</ol></nav>{_parts(listed, captions)}"
    )


def _parts(listed, captions):
    """The key of the map: what the colours stand for, in words."""
    items = ""
    for part, caption in enumerate(captions, start=1):
        held = [node for node in listed if node.part == part]
        hours = _hours(listed, part)
        numbers = held[0].number if len(held) == 1 else f"{held[0].number} to {held[-1].number}"
        plural = "" if hours == 1 else "s"
        items += f'<li class="part-{part}"><b>{escape(caption)}</b> lesson{"s" if len(held) > 1 else ""} {numbers}, '
        items += f"about {hours} hour{plural}</li>"
    return f'<ul class="course-parts" aria-label="Parts of the course">{items}</ul>'


def _hours(listed, part):
    """Whole hours of a part, rounded so that those of all parts make those of the course."""
    up_to = [sum(node.minutes for node in listed if node.part <= last) for last in (part - 1, part)]
    return round(up_to[1] / 60) - round(up_to[0] / 60)


def _wide(x, depth, lines, width, rows):
    paths = []
    for line in lines:
        points = [(1000 * x[key] / width, ROW * (key[2] if isinstance(key, tuple) else depth[key])) for key in line]
        (x0, y0), *rest = points
        path, y0 = f"M{x0:.0f} {y0 + HIGH}", y0 + HIGH
        for (x1, y1), key in zip(rest, line[1:], strict=True):
            middle = (y0 + y1) / 2
            path += f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1}"
            if isinstance(key, tuple):
                path += f"V{y1 + HIGH}"
            x0, y0 = x1, y1 + HIGH
        paths.append(f'<path class="from-{line[0]} to-{line[-1]}" d="{path}"/>')
    return _svg("wide", 1000, max(ROW * rows - ROW + HIGH, 1), paths)


def _narrow(listed):
    drawn, lane = lanes(listed)
    row = {node.number: k for k, node in enumerate(listed)}
    right = lane_width(listed)
    paths = []
    for a, b in drawn:
        left = right - 6 - LANE * (lane[a] + 1) + LANE / 2
        top, end = (LINE * (row[n] + 0.5) for n in (a, b))
        top, end = top + 7, end - 7  # lines leave a lesson below its middle and reach the next one above it
        out = f"M{right} {top:.0f}H{left + 9:.0f}Q{left:.0f} {top:.0f} {left:.0f} {top + 9:.0f}"
        back = f"V{end - 9:.0f}Q{left:.0f} {end:.0f} {left + 9:.0f} {end:.0f}H{right}"
        paths.append(f'<path class="from-{a} to-{b}" d="{out}{back}"/>')
    return _svg("narrow", right, max(LINE * len(listed), 1), paths)


def _svg(kind, width, height, paths):
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"'
        f' style="--wide:{width}">{"".join(paths)}</svg>'
    )


TOTALS = {
    "lessons": len,
    "exercises": lambda chosen: sum(node.exercises for node in chosen),
    "seconds": lambda chosen: max(node.seconds for node in chosen),
}


def total(course, wanted):
    """A number for the prose: `lessons`, `exercises`, `hours`, or the `seconds` of the slowest lesson.

    It is of the course or, as in `hours II`, of a part.
    """
    kind, _, part = wanted.partition(" ")
    captions = [caption.split()[0] if caption else "" for caption, _ in lesson_parts(course)]
    if kind not in (*TOTALS, "hours") or (part and part not in captions):
        known = ", ".join((*TOTALS, "hours"))
        raise CourseError(f"“{wanted}” is not a number of the course: say {known}, and perhaps a part.")
    listed, numbers = nodes(course), [captions.index(part) + 1] if part else range(1, len(captions) + 1)
    if kind == "hours":
        return str(sum(_hours(listed, number) for number in numbers))
    return str(TOTALS[kind]([node for node in listed if node.part in numbers]))
