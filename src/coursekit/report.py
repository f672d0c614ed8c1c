"""`course check`: a person's notebook against the recorded lesson, told exercise by exercise."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from coursekit import kernels
from coursekit.checks import VERDICT_MIME
from coursekit.fill import collect, fill, is_blank
from coursekit.lesson import NotebookError, first_line, mark, read
from coursekit.slices import names_of

CELL_SECONDS = 60
TOO_LONG = "it took too long: is there a loop that never ends?"


@dataclass
class Row:
    """One exercise's outcome: kind is right, blank, wrong or error; text says why; remark how it was found."""

    exercise: str
    kind: str
    text: str
    remark: str = ""

    @property
    def line(self):
        return self.text + (f"\n    ({self.remark})" if self.remark else "")


def lesson_of(course, path, notebook):
    """The lesson that a notebook is a copy of: by most of its marks, else by its file name."""
    numbers = Counter(found.exercise.split(".")[0].zfill(2) for cell in notebook.cells if (found := mark(cell)))
    for number, _ in numbers.most_common(1):
        if number not in course.numbers:
            raise NotebookError(f"{path.name} has exercises of lesson {number}, which this course does not have.")
        return course.lesson(number)
    named = re.match(r"(\d\d)_", path.name)
    if named and named[1] in course.numbers:
        return course.lesson(named[1])
    raise NotebookError(
        f"{path.name} is not a notebook of this course: no cell of it begins with a mark like `#| exercise: 1.1`."
    )


def check_notebook(course, path, timeout=CELL_SECONDS):
    """Fill the lesson with a notebook's answers, run it under nbval, and return (lesson, rows, remarks)."""
    path = Path(path)
    notebook = read(path)
    lesson = lesson_of(course, path, notebook)
    answers = collect(lesson, notebook)
    if not answers.by_exercise:
        raise NotebookError(
            f"{path.name} has none of the exercises of lesson {lesson.number}: each answer's cell begins with its "
            f"mark, `#| exercise: {next(iter(lesson.gaps), '1.1')}`; put it back or take a fresh copy."
        )
    blamed, remarks = {}, []
    while True:
        filled = fill(lesson, answers)
        cells = kernels.compare(filled, course.expected, lax=True, timeout=timeout)
        lost = next((cell for cell in cells if cell["lost"]), None)
        if lost is None or not _take_out(lesson, answers, filled, lost, blamed, remarks):
            found = rows(filled, cells, lesson, answers)
            return lesson, [blamed.get(row.exercise, row) for row in found], remarks


def _take_out(lesson, answers, filled, lost, blamed, remarks):
    """Take what lost the kernel out of the answers, so that another run can report the others; whether it was there."""
    why = TOO_LONG if lost["late"] else "it ends Python: is there an exit() in it, or does it fill the memory?"
    if lost["id"].startswith("extra-"):
        source = answers.extras.pop(int(lost["id"].removeprefix("extra-")))[1]
        remarks.append(f"Your cell {first_line(source)!r} was left out: {why}")
        return True
    cell = next(cell for cell in filled.cells if cell.id == lost["id"])
    guilty = {mark(cell).exercise} if mark(cell) else _used(lesson, cell)
    guilty = {e for e in guilty & answers.by_exercise.keys() if not is_blank(answers.by_exercise[e], lesson.gaps[e])}
    for exercise in guilty:
        blamed[exercise] = Row(exercise, "wrong", f"✗ {exercise}  {why}")
        answers.by_exercise[exercise] = lesson.gaps[exercise]
    return bool(guilty)


def _used(lesson, cell):
    """The exercises whose answers a cell of the lesson uses."""
    used = names_of(cell.source)[1]
    return {exercise for exercise, gap in lesson.gaps.items() if names_of(gap)[0] & used}


def rows(filled, cells, lesson, answers):
    """One row for each exercise of the lesson; what was not positively reported did not pass."""
    reports = {cell["id"]: cell for cell in cells}
    ids = {(m.kind, m.exercise): cell.id for cell in filled.cells if (m := mark(cell))}
    found = []
    for exercise in lesson.gaps:
        kind, text = _verdict(reports.get(ids.get(("check", exercise))), exercise)
        own = reports.get(ids["exercise", exercise])
        if kind != "right" and own and (own["late"] or _errors(own)):
            kind, text = "wrong", f"✗ {exercise}  its cell does not run: {_last_words(own)}"
        remark = answers.remarks.get(exercise, "")
        if exercise not in answers.by_exercise:
            kind, remark = "blank", "its cell is gone from the notebook"
        found.append(Row(exercise, kind, text, remark))
    return found


def _verdict(cell, exercise):
    shown = [o["data"] for o in (cell or {}).get("outputs", []) if VERDICT_MIME in o.get("data", {})]
    if not shown:
        why = _last_words(cell) if cell else "the run ended before it"
        return "error", f"! {exercise}  the check did not report: {why}"
    return shown[-1][VERDICT_MIME]["kind"], shown[-1]["text/plain"]


def _errors(cell):
    return [f"{o['ename']}: {o['evalue']}" for o in cell["outputs"] if o["output_type"] == "error"]


def _last_words(cell):
    words = TOO_LONG if cell["late"] else (_errors(cell) or [cell["why"]])[-1]
    return " ".join(words.split())[:300]
