"""Strangers' answers, run on a seed that nobody has seen, for the values that their checks hand out."""

import ast
import atexit
import functools
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from coursekit.checks import SEED, VALUES_MIME
from coursekit.fill import collect, fill, reference
from coursekit.lesson import Lesson, NotebookError, code_cells, mark, parse
from coursekit.nursery import Nursery, supported
from coursekit.record import PRACTICE_SEED
from coursekit.sandbox import Lost, Sandbox, refuse_without
from coursekit.slices import essential
from coursekit.verify import agree

CELL_SECONDS = 60.0


def boxes(lesson, unsafe=False, slot=0):
    """What makes a kernel for a seed: from a warm parent where this process may have one, cold elsewhere."""
    if not unsafe:
        refuse_without()
    warm = None if unsafe or not supported() else _nursery(imports(lesson))
    return functools.partial(Sandbox, slot=slot, unsafe=unsafe, nursery=warm)


_nurseries = {}


def _nursery(modules):
    """The warm parent of a set of modules: one that was borrowed, else one of this process, which ends with it."""
    nursery = _nurseries.get(modules)
    if nursery is None or (isinstance(nursery, Nursery) and nursery.process.poll() is not None):
        nursery = _nurseries[modules] = Nursery(modules)
        atexit.register(nursery.__exit__)
    return nursery


@dataclass
class Borrowed:
    """A warm parent that another process on this machine started, and ends."""

    address: str
    kernel = Nursery.kernel


def lend(lesson):
    """(modules, address) of this process's warm parent for a lesson, to `borrow` in another one; None without one."""
    modules = imports(lesson)
    return (modules, _nursery(modules).address) if supported() else None


def borrow(modules, address):
    """Let this process ask another one's warm parent for kernels."""
    _nurseries[modules] = Borrowed(address)


def imports(lesson):
    """The modules that a lesson's own cells import, as a sorted tuple."""
    found = {"coursekit.checks"}
    for cell in code_cells(lesson.notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    return tuple(sorted(found))


def submission_values(text, lesson, seed, box, seconds=CELL_SECONDS):
    """A submission's text in, JSON out. Runs in a sandbox, judges nothing.

    Returns {"values": {exercise: {"practice": …, "credit": …}}, "lost": {exercise: reason}, "remarks": …,
    "answers": {exercise: source}}, or {"unreadable": reason}.
    """
    try:
        answers = collect(lesson, parse(text, "the submission"))
    except NotebookError as error:
        return {"unreadable": str(error)}
    found = run_answers(lesson, answers, seed, box, seconds)
    return found | {"remarks": answers.remarks, "answers": answers.by_exercise}


def run_answers(lesson, answers, seed, box, seconds=CELL_SECONDS):
    """Values of each exercise on the practice and on the secret seed, and reasons where there are none.

    All exercises share a kernel. When that is lost, each runs again in a kernel of its own, with only the cells that
    it needs: an answer that ends the kernel, floods it or never returns costs nobody else anything.
    """
    every = list(lesson.checks)
    try:
        return {"values": _run_once(lesson, answers, every, seed, box, seconds), "lost": {}}
    except Lost:
        pass
    values, lost = {}, {}
    for exercise in every:
        try:
            values |= _run_once(lesson, answers, [exercise], seed, box, seconds)
        except Lost as error:
            lost[exercise] = str(error)
    return {"values": values, "lost": lost}


def _run_once(lesson, answers, exercises, seed, box, seconds):
    """Run the cells that some exercises need in a fresh kernel and return {exercise: values}; Lost when it was lost."""
    found, raised = {}, {}
    cells = essential(fill(lesson, answers), set(exercises)).cells
    with box(PRACTICE_SEED) as kernel:
        for cell in cells:
            outputs, here = kernel.execute(cell.source, seconds), mark(cell)
            if here and here.kind == "exercise":
                for error in (o for o in outputs if o["output_type"] == "error"):
                    raised[here.exercise] = f"{error.get('ename')}: {error.get('evalue')}"[:300]
            if here and here.kind == "check":
                practice = _handed_out(outputs, here.exercise)
                found[here.exercise] = {"practice": practice, "raised": raised.get(here.exercise, "")}
        kernel.execute(f"import os; os.environ[{SEED!r}] = {str(seed)!r}", seconds)
        for cell in cells:
            if (here := mark(cell)) and here.kind == "check":
                outputs = kernel.execute(cell.source, seconds)
                found[here.exercise]["credit"] = _handed_out(outputs, here.exercise)
    return found


def _handed_out(outputs, exercise):
    """The values that a check handed out, exactly once; None otherwise."""
    data = [output.get("data") for output in outputs if output["output_type"] == "display_data"]
    values = [bundle[VALUES_MIME] for bundle in data if isinstance(bundle, dict) and VALUES_MIME in bundle]
    ours = [value for value in values if isinstance(value, dict) and value.get("exercise") == exercise]
    return ours[0] if len(ours) == 1 else None


def reference_values(lesson, solutions, seed, box):
    """What the reference answers give on a seed: {exercise: values}. NotebookError when one of them fails."""
    found = run_answers(lesson, reference(solutions), seed, box)
    values = {exercise: value.get("credit") for exercise, value in found["values"].items()}
    if missing := [exercise for exercise in lesson.gaps if not values.get(exercise)]:
        reason = found["lost"].get(missing[0], "its check handed out nothing")
        raise NotebookError(f"The reference answer to {missing[0]} cannot be graded with: {reason}.")
    if wrong := [exercise for exercise, value in values.items() if not agree(value, value)]:
        raise NotebookError(f"The reference answer to {wrong[0]} is not right on seed {seed}: run `course verify`.")
    return values


def load_known(course, lesson):
    """The recorded practice cases and known mistakes of a lesson, by exercise."""
    path = course.expected / f"{lesson.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def work(text, name, lesson_text, seed, unsafe=False, seconds=CELL_SECONDS):
    """The unit of work: text of a submission, name and text of the lesson, seed → JSON; the same in any process.

    Solutions and reference values are not among its arguments: they never leave the process that judges.
    """
    lesson = _lesson(name, lesson_text)
    with _one_at_a_time:
        return submission_values(text, lesson, seed, boxes(lesson, unsafe, os.getpid()), seconds)


_one_at_a_time = threading.Lock()  # a worker's threads would share a user, whose processes are counted


@functools.lru_cache(4)
def _lesson(name, text):
    return Lesson(Path(name), parse(text, name))
