"""`course check` compares a person's notebook with the recorded lesson and reports exercise by exercise."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.checks import VERDICT_MIME
from coursekit.checking.marks import digest
from coursekit.lessons.cells import is_blank
from coursekit.lessons.copies import number_of
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import answered, collect, fill, is_extra
from coursekit.lessons.notebook import Lesson, first_line, mark, read
from coursekit.lessons.slices import names_of
from coursekit.proving import kernels

CELL_SECONDS = 60
DEAD = "Kernel dead on test start"  # what nbval says of a cell that came too late to be run
TOO_LONG = "it took too long: is there a loop that never ends?"


@dataclass
class Row:
    """One exercise's outcome: kind is right, blank, wrong or error; text says why; remark how it was found.

    answer: the digest of the answer that was tried, "" where there was none
    """

    exercise: str
    kind: str
    text: str
    remark: str = ""
    answer: str = ""

    @property
    def line(self):
        return self.text + (f"\n  ({self.remark})" if self.remark else "")


def lesson_of(course, path, notebook):
    """The lesson that a notebook is a copy of: by most of its marks, by its file's name, or by what it defines."""
    numbers = Counter(found.exercise.split(".")[0].zfill(2) for cell in notebook.cells if (found := mark(cell)))
    for number, _ in numbers.most_common(1):
        if number not in course.numbers:
            raise NotebookError(f"{path.name} has exercises of lesson {number}, which this course does not have.")
        return course.lesson(number)
    if number_of(path.name) in course.numbers:
        return course.lesson(number_of(path.name))
    best = max((_alike(path, notebook) for path in course.paths), key=lambda found: found[0], default=(0, None))
    if best[0]:
        return best[1]
    raise NotebookError(
        f"{path.name} is not a notebook of this course: no cell of it begins with a mark like `#| exercise: 1.1`, "
        "and none defines what an exercise asks for."
    )


def _alike(path, notebook):
    """(how many of a lesson's exercises a notebook answers, the lesson); a damaged lesson is like none."""
    try:
        lesson = Lesson.load(path)
    except NotebookError:
        return 0, None
    return len(answered(lesson, notebook)), lesson


def check_notebook(course, path, timeout=CELL_SECONDS, variables=None):
    """Fill the lesson with a notebook's answers, run it under nbval, and return (lesson, rows, remarks).

    variables  of the environment, for the kernel
    """
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
        cells = kernels.compare(filled, course.expected, lax=True, timeout=timeout, also=variables)
        lost = next((cell for cell in cells if cell["lost"]), None)
        if lost is None or not _take_out(lesson, answers, filled, lost, blamed, remarks):
            slow = _troubles(lesson, filled, cells, answers, timeout)
            found = rows(filled, cells, lesson, answers, slow)
            remarks += [sentence[0].upper() + sentence[1:] + "." for sentence in slow.values()]
            return lesson, [blamed.get(row.exercise, row) for row in found], remarks


def _take_out(lesson, answers, filled, lost, blamed, remarks):
    """Remove the answer that ended the kernel, so that another run can report the others; whether there was one."""
    why = TOO_LONG if lost["late"] else "it ends Python: is there an exit() in it, or does it fill the memory?"
    if lost["id"].startswith("extra-"):
        source = answers.extras.pop(int(lost["id"].removeprefix("extra-")))[1]
        remarks.append(f"Your cell {first_line(source)!r} was left out: {why}")
        return True
    cell = next(cell for cell in filled.cells if cell.id == lost["id"])
    guilty = {mark(cell).exercise} if mark(cell) else _used(lesson, cell)
    guilty = {e for e in guilty & answers.by_exercise.keys() if not is_blank(answers.by_exercise[e], lesson.gaps[e])}
    for exercise in guilty:
        tried = digest(answers.by_exercise[exercise])
        blamed[exercise] = Row(exercise, "wrong", f"✗ {exercise}  {why}", answer=tried)
        answers.by_exercise[exercise] = lesson.gaps[exercise]
    return bool(guilty)


def _troubles(lesson, filled, cells, answers, timeout):
    """What became of the lesson's own cells that were too slow, or after which there was no Python: {id: sentence}."""
    own, found = {cell.id: cell for cell in filled.cells if not mark(cell) and not is_extra(cell)}, {}
    for cell in cells:
        if cell["id"] in own and (cell["late"] or (cell["lost"] and cell["why"] != DEAD)):
            source = own[cell["id"]].source
            words = f"had not ended after {timeout} s: `--seconds {2 * timeout}` gives each cell twice as long"
            words = words if cell["late"] else "ended Python: is there enough memory?"
            used = sorted(_used(lesson, own[cell["id"]]) & answers.by_exercise.keys())
            uses = f" (it uses your answer to {', '.join(used)})" if used else ""
            found[cell["id"]] = f"the lesson's own cell `{first_line(source)}`{uses} {words}"
    return found


def _used(lesson, cell):
    """The exercises whose answers a cell of the lesson uses."""
    used = names_of(cell.source)[1]
    return {exercise for exercise, gap in lesson.gaps.items() if names_of(gap)[0] & used}


def rows(filled, cells, lesson, answers, troubles=None):
    """One row for each exercise of the lesson; an exercise without a report did not pass.

    troubles: sentences on the lesson's own cells, by id, which tell why a check after them did not report
    """
    reports = {cell["id"]: cell for cell in cells}
    ids = {(m.kind, m.exercise): cell.id for cell in filled.cells if (m := mark(cell))}
    found = []
    for exercise in lesson.gaps:
        kind, text = _verdict(reports.get(ids.get(("check", exercise))), exercise)
        order = [cell.id for cell in filled.cells]
        before = order[: order.index(ids["check", exercise])] if ("check", exercise) in ids else order
        sentences = [(troubles or {})[name] for name in before if name in (troubles or {})]
        if kind == "error" and sentences:
            text = f"! {exercise}  the check did not report: {sentences[-1]}"
        own = reports.get(ids["exercise", exercise])
        if kind != "right" and own and (own["late"] or _errors(own)):
            kind, text = "wrong", f"✗ {exercise}  its cell does not run: {_last_words(own)}"
        remark = answers.remarks.get(exercise, "")
        if exercise not in answers.by_exercise:
            kind, remark = "blank", "its cell is gone from the notebook"
        answer = answers.by_exercise.get(exercise, "")
        found.append(Row(exercise, kind, text, remark, digest(answer) if answer else ""))
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
