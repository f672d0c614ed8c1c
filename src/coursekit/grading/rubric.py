"""The rubric: the teacher's points and comments by answer, for all who gave it, in a file kept between runs.

rubric.csv has three kinds of lines. One with an item and no answer says what the item means: points to add or to take
off, and a comment. One with an answer gives it items. One with an answer and points sets these. Answers go by the
short names under which look.html and report.html show them, so a changed line changes everybody's points who gave it.
"""

import math
from dataclasses import dataclass, field

from coursekit.grading.gradebook import Decision
from coursekit.grading.likeness import tag
from coursekit.grading.sheets import lines_of
from coursekit.lessons.errors import NotebookError

COLUMNS = ["exercise", "answer", "item", "points", "comment"]


@dataclass
class Rubric:
    """`items`: {(exercise, item): (points, comment)}; `given`: {(exercise, answer): (points, items, comment)}."""

    items: dict = field(default_factory=dict)
    given: dict = field(default_factory=dict)

    def decisions(self, row, lesson):
        """{exercise: Decision} of one Row, from the rubric's lines on its answers."""
        if not self.given:
            return {}
        found = {}
        for outcome in row.outcomes:
            source = row.answers.get(outcome.exercise)
            said = self.given.get((outcome.exercise, tag(source))) if source else None
            if said:
                points, items, comment = said
                worth = [self.items[outcome.exercise, item] for item in items]
                points = (outcome.points if points is None else points) + sum(points for points, _ in worth)
                comments = [*(text for _, text in worth), comment]
                points = min(max(points, 0), lesson.points[outcome.exercise])
                found[outcome.exercise] = Decision(points, " ".join(filter(None, comments)))
        return found

    def unused(self, rows):
        """The rubric's answers that nobody gave: [(exercise, answer)]."""
        given = (
            {(exercise, tag(source)) for row in rows for exercise, source in row.answers.items()} if self.given else ()
        )
        return [answer for answer in self.given if answer not in given]


def read_rubric(text, name, lesson):
    """The Rubric in a teacher's CSV; NotebookError names the line to put right."""
    rubric, header, uses = Rubric(), None, []
    for number, values in lines_of(text, name):
        where = f"{name}, line {number}"
        if header is None:
            header = [value.lower() for value in values]
            if not set(COLUMNS[:4]) <= set(header):
                raise NotebookError(f"{name} has no line of headings: its first line should be {','.join(COLUMNS)}.")
            continue
        if any(values[len(header) :]):
            raise NotebookError(f"{where} has more cells than headings: put a comment with a comma in quotes.")
        entry = dict(zip(header, [*values, *[""] * len(header)], strict=False))
        uses.append((where, *_line(rubric, entry, where, lesson)))
    for where, exercise, items in uses:
        for item in items:
            if (exercise, item) not in rubric.items:
                raise NotebookError(f"{where}: no line says what the item {item!r} of exercise {exercise} means.")
    return rubric


def _line(rubric, entry, where, lesson):
    """Take one line into the rubric; return the exercise and the items that it uses."""
    exercise, answer, items = entry["exercise"], entry["answer"].lstrip("'").lower(), entry["item"].split()
    if exercise not in lesson.points:
        raise NotebookError(f"{where}: there is no exercise {exercise!r} in lesson {lesson.number}.")
    points = _points(entry["points"], where)
    if not answer:
        if len(items) != 1:
            raise NotebookError(f"{where}: it names neither an answer nor one item.")
        rubric.items[exercise, items[0]] = (points or 0.0, entry.get("comment", ""))
        return exercise, []
    if points is not None and not 0 <= points <= lesson.points[exercise]:
        raise NotebookError(f"{where}: points of an answer are from 0 to {lesson.points[exercise]}.")
    rubric.given[exercise, answer] = (points, items, entry.get("comment", ""))
    return exercise, items


def _points(text, where):
    if not text:
        return None
    try:
        points = float(text.lstrip("'").replace(",", ".").replace("−", "-"))
    except ValueError:
        points = math.nan
    if not math.isfinite(points):
        raise NotebookError(f"{where}: points are a number, not {text!r}.")
    return points
