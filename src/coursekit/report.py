"""`course check`: a person's notebook against the recorded lesson, told exercise by exercise."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from coursekit import kernels
from coursekit.checks import VERDICT_MIME
from coursekit.fill import collect, fill
from coursekit.lesson import NotebookError, mark, read


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


def check_notebook(course, path, timeout=kernels.CELL_SECONDS):
    """Fill the lesson with a notebook's answers, run it under nbval, and return (lesson, rows)."""
    path = Path(path)
    notebook = read(path)
    lesson = lesson_of(course, path, notebook)
    answers = collect(lesson, notebook)
    if not answers.by_exercise:
        raise NotebookError(
            f"{path.name} has none of the exercises of lesson {lesson.number}: each answer's cell begins with its "
            f"mark, `#| exercise: {next(iter(lesson.gaps))}`; put it back or take a fresh copy."
        )
    filled = fill(lesson, answers)
    cells = {cell["id"]: cell for cell in kernels.compare(filled, course.expected, lax=True, timeout=timeout)}
    return lesson, rows(filled, cells, lesson, answers)


def rows(filled, cells, lesson, answers):
    """One row for each exercise of the lesson; what was not positively reported did not pass."""
    found = []
    for cell in filled.cells:
        here = mark(cell)
        if not here or here.kind != "check":
            continue
        kind, text = _verdict(cells.get(cell.id), here.exercise)
        gap = next(c for c in filled.cells if (m := mark(c)) and (m.kind, m.exercise) == ("exercise", here.exercise))
        broken = cells.get(gap.id, {})
        if kind != "right" and broken and not broken["passed"]:
            text = f"✗ {here.exercise}  its cell does not run: {_last_words(broken)}"
        remark = answers.remarks.get(here.exercise, "")
        if here.exercise not in answers.by_exercise:
            kind, remark = "blank", "its cell is gone from the notebook"
        found.append(Row(here.exercise, kind, text, remark))
    return found


def _verdict(cell, exercise):
    shown = [o["data"] for o in (cell or {}).get("outputs", []) if VERDICT_MIME in o.get("data", {})]
    if not shown:
        why = _last_words(cell) if cell else "the run ended before it"
        return "error", f"! {exercise}  the check did not report: {why}"
    return shown[-1][VERDICT_MIME]["kind"], shown[-1]["text/plain"]


def _last_words(cell):
    raised = [o for o in cell["outputs"] if o["output_type"] == "error"]
    return f"{raised[-1]['ename']}: {raised[-1]['evalue']}" if raised else cell["why"]
