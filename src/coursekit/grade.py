"""`grade`: run strangers' answers on a seed that nobody has seen, compare their values outside."""

import ast
import atexit
import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from coursekit.fill import collect, reference
from coursekit.lesson import Lesson, NotebookError, code_cells, parse
from coursekit.nursery import Nursery, supported
from coursekit.record import unfit
from coursekit.runs import CELL_SECONDS, run_answers
from coursekit.sandbox import Sandbox, refuse_without
from coursekit.values import brief, differ
from coursekit.verify import agree


@dataclass
class Outcome:
    """One exercise of one submission: points earned, status, and why.

    status is right, wrong, blank, missing (no such cell), lost (it broke the run) or unreadable (no notebook).
    """

    exercise: str
    points: float
    of: int
    status: str
    reason: str = ""
    open: bool = False
    practice: str = ""


def boxes(lesson, unsafe=False, slot=None):
    """What makes a kernel for a seed: from a warm parent where this process may have one, cold elsewhere."""
    if not unsafe:
        refuse_without()
    warm = None if unsafe or not supported() else _nursery(imports(lesson))
    return functools.partial(Sandbox, slot=slot, unsafe=unsafe, nursery=warm)


@functools.cache
def _nursery(modules):
    """One warm parent a process, for each set of modules; it ends with this process."""
    nursery = Nursery(modules)
    atexit.register(nursery.__exit__)
    return nursery


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


def submission_values(text, lesson, seed, box, right=None, seconds=CELL_SECONDS):
    """The unit of work: a submission's text in, JSON out. Runs in a sandbox, judges nothing.

    Returns {"values": {exercise: {"practice": …, "credit": …}}, "lost": {exercise: reason}, "remarks": …,
    "answers": {exercise: source}}, or {"unreadable": reason}.
    """
    try:
        answers = collect(lesson, parse(text, "the submission"))
    except NotebookError as error:
        return {"unreadable": str(error)}
    found = run_answers(lesson, answers, seed, box, seconds, right and functools.partial(_agrees, right))
    return found | {"remarks": answers.remarks, "answers": answers.by_exercise}


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
    return values


def _agrees(right, exercise, credit):
    """Whether handed-out values are those of the reference, whatever a stranger's process handed out."""
    return _safely(lambda: agree(credit, right[exercise])) is True


def judge(lesson, found, right, known):
    """Outcomes of one submission, from its values, the reference's values and the recorded known mistakes."""
    outcomes = []
    for exercise, points in lesson.points.items():
        status, reason, practice = _status(exercise, found, right[exercise], known.get(exercise))
        earned = points if status == "right" else 0
        is_open = bool(right[exercise].get("open"))
        outcomes.append(Outcome(exercise, earned, points, status, reason, is_open, practice))
    return outcomes


def _status(exercise, found, right, known):
    """(status, reason, practice sentence) of one exercise; whatever is not positively right is not right."""
    if "unreadable" in found:
        return "unreadable", found["unreadable"], ""
    if exercise in found["lost"]:
        return "lost", f"its answer was stopped: {found['lost'][exercise]}", ""
    if exercise not in found["answers"]:
        return "missing", "its cell is not in the notebook", ""
    value = found["values"].get(exercise, {})
    credit, practice = value.get("credit"), value.get("practice")
    right_values = credit is not None and _safely(lambda: agree(credit, right)) is True
    if value.get("raised") and not right_values:
        return "wrong", f"its cell does not run: {value['raised']}", ""
    if credit is None:
        return "lost", "its check did not report values, once and once only", ""
    if _safely(lambda: credit["blank"] is True):
        return "blank", "not answered", ""
    sentence = _safely(lambda: _known(practice, known)) or ""
    if right_values:
        return "right", found["remarks"].get(exercise, ""), sentence
    return "wrong", "its values differ from the reference's on this run's seed", sentence


def _safely(judged):
    """A judgement on values that a stranger's process sent: malformed ones are no reason to stop, and never right."""
    try:
        return judged()
    except Exception:
        return None


def _known(practice, known):
    """The sentence of the known mistake that the practice values are, or ""."""
    for mistake in known["mistakes"] if known else []:
        pairs = list(zip(practice["cases"], mistake["cases"], strict=False))
        same = len(practice["cases"]) == len(mistake["cases"])
        if same and all(differ(got, was, practice["rtol"], practice["atol"]) is None for got, was in pairs):
            return mistake["says"]
    return ""


def load_known(course, lesson):
    """The recorded practice cases and known mistakes of a lesson, by exercise."""
    path = course.expected / f"{lesson.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def grade_text(text, lesson_name, lesson_text, right, known, seed, slot=None, unsafe=False):
    """Grade one submission's text: plain data in, plain data out, the same on any worker."""
    lesson = Lesson(Path(lesson_name), parse(lesson_text, lesson_name))
    found = submission_values(text, lesson, seed, boxes(lesson, unsafe, slot), right)
    outcomes = [asdict(outcome) for outcome in judge(lesson, found, right, known)]
    return {"outcomes": outcomes, "answers": found.get("answers", {}), "remarks": found.get("remarks", {})}
