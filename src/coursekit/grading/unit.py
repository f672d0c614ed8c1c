"""Runs a submission's answers on a secret seed and collects the values that their checks hand out."""

import ast
import atexit
import functools
import json
import threading
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.words import brief
from coursekit.grading.judging import agrees
from coursekit.grading.nursery import Nursery, supported
from coursekit.grading.reading import apart
from coursekit.grading.runs import CELL_SECONDS, plan, run_answers, run_plan
from coursekit.grading.sandbox import Boxes, refuse_without
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect, reference
from coursekit.lessons.notebook import Lesson, code_cells, parse
from coursekit.proving.record import unfit


def boxes(lesson, unsafe=False):
    """What makes a kernel for a seed: from a warm parent where this process may have one, cold elsewhere."""
    if not unsafe:
        refuse_without()
    nursery = None if unsafe else _nursery(imports(lesson))
    if (nursery, unsafe) not in _boxes:
        _boxes[nursery, unsafe] = Boxes(unsafe=unsafe, nursery=nursery)
        atexit.register(_boxes[nursery, unsafe].close)
    return _boxes[nursery, unsafe]


_nurseries, _boxes = {}, {}


def _nursery(modules):
    """The warm parent of a set of modules: one that was borrowed, else one of this process; None where none can be."""
    nursery = _nurseries.get(modules)
    if nursery is not None and not nursery.ended():
        return nursery
    if not supported():
        return None
    try:
        nursery = _nurseries[modules] = _Own(modules)
    except RuntimeError:  # the warm parent has printed why; kernels start cold
        return None
    atexit.register(nursery.__exit__)
    return nursery


class _Own(Nursery):
    """A warm parent of this process, which ends with it."""

    def ended(self):
        return self.process.poll() is not None


@dataclass(frozen=True)
class _Borrowed:
    """A warm parent that another process of this machine started, and ends."""

    address: str
    ask = Nursery.ask

    def ended(self):
        return False


def lend(lesson):
    """(modules, address) of this process's warm parent for a lesson, to `borrow` in another one; None without one."""
    nursery = _nursery(imports(lesson))
    return nursery and (imports(lesson), nursery.address)


def borrow(modules, address):
    """Let this process ask another one's warm parent for kernels."""
    _nurseries[modules] = _Borrowed(address)


def imports(lesson):
    """The modules that a lesson's own cells import, as a sorted tuple."""
    found = {"coursekit.checking.checks"}
    for cell in code_cells(lesson.notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    return tuple(sorted(found))


def submission_values(text, lesson, seed, box, right=None, seconds=CELL_SECONDS):
    """A submission's text in, JSON out. Runs in a sandbox, judges nothing.

    Returns {"values": {exercise: {"practice": …, "credit": …}}, "lost": {exercise: reason}, "remarks": …,
    "answers": {exercise: source}}, or {"unreadable": reason}.
    """
    try:
        planned = apart(_planned, text, lesson)
    except NotebookError as error:
        return {"unreadable": str(error)}
    is_right = right and (lambda exercise, credit: agrees(credit, right[exercise]))
    found = run_plan(lesson, planned, seed, box, seconds, is_right)
    return found | {"remarks": planned["remarks"], "answers": planned["answers"]}


def _planned(text, lesson):
    """The result of reading a submission, as plain data."""
    answers = collect(lesson, parse(text, "the submission"))
    return plan(lesson, answers) | {"remarks": answers.remarks, "answers": answers.by_exercise}


def reference_values(lesson, solutions, seed, box):
    """What the reference answers give on a seed: {exercise: values}. NotebookError when one of them fails."""
    found = run_answers(lesson, reference(solutions), seed, box, right=lambda *_: True)
    values = {exercise: value.get("credit") for exercise, value in found["values"].items()}
    for exercise in lesson.gaps:
        value = values.get(exercise)
        bad = value and unfit(value["cases"])
        if not value or value["blank"] or bad:
            reason = f"it gives {brief(bad)}" if bad else found["lost"].get(exercise, "its check handed out nothing")
            raise NotebookError(f"The reference answer to {exercise} cannot be graded with: {reason}.")
        if not agrees(value, value):
            raise NotebookError(f"The reference answer to {exercise} is not right on seed {seed}: try another seed.")
    return values


def load_known(course, lesson):
    """The recorded practice cases and known mistakes of a lesson, by exercise."""
    path = course.expected / f"{lesson.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def work(text, name, lesson_text, seed, right, unsafe=False, seconds=CELL_SECONDS):
    """The unit of work: text of a submission, name and text of the lesson, seed → JSON; the same in any process.

    `right`, the reference's values, only saves time: what agrees with them need not run again. They stay out of
    every kernel, and solutions are not needed here at all. What could not be read when it was due, a dict that says so,
    comes back as it is.
    """
    if isinstance(text, dict):
        return text
    lesson = _lesson(name, lesson_text)
    with _one_at_a_time:
        return submission_values(text, lesson, seed, boxes(lesson, unsafe), right, seconds)


_one_at_a_time = threading.Lock()  # a process has one user for its sandboxes, whose processes are counted


@functools.lru_cache(4)
def _lesson(name, text):
    return Lesson(Path(name), parse(text, name))
