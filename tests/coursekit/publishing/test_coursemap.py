"""The course map: no circles, no lesson above what it needs, every line and lesson drawn once."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.lessons.course import Course
from coursekit.lessons.errors import CourseError
from coursekit.publishing import coursemap
from coursekit.publishing.coursemap import Node

ROOT = Path(__file__).resolve().parents[3]


def graph(**needs):
    """Lessons a, b, … by what they need: graph(b="a") is two lessons."""
    return [Node(name, f"0_{name}", f"Lesson {name}", 30, 5, 2, 1, tuple(need)) for name, need in needs.items()]


@st.composite
def graphs(draw):
    """Any course: each lesson needs some of the earlier ones."""
    size = draw(st.integers(1, 12))
    needs = [draw(st.sets(st.integers(0, k - 1))) if k else set() for k in range(size)]
    letters = "abcdefghijkl"
    return graph(**{letters[k]: "".join(letters[n] for n in sorted(needs[k])) for k in range(size)})


def reach(lines):
    """All pairs that following the lines joins."""
    pairs = set(lines)
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


def test_a_circle_is_named():
    with pytest.raises(CourseError, match=r"circle: [abc] → [abc] → [abc] → [abc]\."):
        coursemap.check(graph(a="c", b="a", c="b"))


def test_a_lesson_that_is_not_listed_is_named():
    with pytest.raises(CourseError, match="lesson b comes after x, which the book does not list"):
        coursemap.check(graph(a="", b="ax"))


def test_lines_that_others_imply_are_left_out():
    assert coursemap.edges(graph(a="", b="a", c="ab")) == [("a", "b"), ("b", "c")]


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_lines_say_what_the_lessons_say(course):
    stated = {(need, node.number) for node in course for need in node.needs}
    drawn = set(coursemap.edges(course))
    assert drawn <= stated
    assert reach(drawn) == reach(stated)


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_layout_keeps_order_and_distance(course):
    x, layer, lines, width = coursemap.layout(course)
    for need, lesson in coursemap.edges(course):
        assert layer[need] < layer[lesson]
    assert [(line[0], line[-1]) for line in lines] == coursemap.edges(course)
    rows = {}
    for number, row in layer.items():
        rows.setdefault(row, []).append(x[number])
    for places in rows.values():
        assert min(places) >= 0.5 - 1e-9
        assert max(places) <= width - 0.5 + 1e-9
        assert all(right - left >= 1 - 1e-9 for left, right in pairwise(sorted(places)))


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_lines_beside_the_list_never_share_a_lane(course):
    drawn, lane = coursemap.lanes(course)
    row = {node.number: k for k, node in enumerate(course)}
    spans = [(lane[a], row[a], max(row[b] for c, b in drawn if c == a)) for a in lane]
    for k, (one, start, _) in enumerate(spans):
        for other, begin, end in spans[:k]:
            assert one != other or not begin < start < end


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_every_lesson_is_a_link_and_every_line_is_drawn_twice(course):
    html = coursemap.drawing(course, ["A part"], lambda name: f"x/{name}.html")
    assert re.findall(r'<a href="x/0_(\w)\.html">', html) == [node.number for node in course]
    for need, lesson in coursemap.edges(course):
        assert html.count(f'<path class="from-{need} to-{lesson}"') == 2
    assert html.count("<path") == 2 * len(coursemap.edges(course))


def test_titles_are_text_not_markup():
    node = Node("a", "0_a", "<b> & co", 30, 5, 2, 1, ())
    assert "&lt;b&gt; &amp; co</a>" in coursemap.drawing([node], ["One"], str)


def test_numbers_come_from_the_lessons():
    course = Course(ROOT)
    lessons = coursemap.nodes(course)
    assert coursemap.total(course, "lessons") == str(len(lessons)) == str(len(course.numbers))
    assert coursemap.total(course, "hours") == str(round(sum(course.lesson(n).facts[0] for n in course.numbers) / 60))
    assert coursemap.total(course, "exercises") == str(sum(len(course.lesson(n).gaps) for n in course.numbers))
    assert coursemap.total(course, "seconds") == str(max(course.lesson(n).facts[1] for n in course.numbers))
    parts = [caption.split()[0] for caption, _ in coursemap.lesson_parts(course)]
    for kind in ("lessons", "hours", "exercises"):
        assert sum(int(coursemap.total(course, f"{kind} {part}")) for part in parts) == int(
            coursemap.total(course, kind)
        )


@pytest.mark.parametrize("wanted", ["days", "hours XII", ""])
def test_a_number_that_there_is_not_says_so(wanted):
    with pytest.raises(CourseError, match="is not a number of the course"):
        coursemap.total(Course(ROOT), wanted)


def test_a_lesson_without_facts_is_named(toy_course):
    lesson = toy_course.lessons / "01_sums.ipynb"
    lesson.write_text(lesson.read_text().replace("15 min · CPU 1 s · after: nothing", "10 minutes"))
    (toy_course.root / "book").mkdir()
    toc = "root: book/intro\nparts: [{caption: I, chapters: [{file: lessons/01_sums}]}]"
    (toy_course.root / "book" / "_toc.yml").write_text(toc)
    with pytest.raises(CourseError, match="01_sums has no line of facts"):
        coursemap.nodes(toy_course)
