"""`grade`: run strangers' answers on a seed that nobody has seen, compare their values outside."""

import ast
import atexit
import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from coursekit.checks import SEED, VALUES_MIME
from coursekit.fill import collect, fill, reference
from coursekit.lesson import Lesson, NotebookError, code_cells, mark, parse
from coursekit.nursery import Nursery, supported
from coursekit.record import PRACTICE_SEED
from coursekit.sandbox import Lost, Sandbox, refuse_without
from coursekit.slices import essential
from coursekit.values import differ
from coursekit.verify import agree

CELL_SECONDS = 60.0


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


def boxes(lesson, unsafe=False, slot=0):
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


def submission_values(text, lesson, seed, box):
    """The unit of work: a submission's text in, JSON out. Runs in a sandbox, judges nothing.

    Returns {"values": {exercise: {"practice": …, "credit": …}}, "lost": {exercise: reason}, "remarks": …,
    "answers": {exercise: source}}, or {"unreadable": reason}.
    """
    try:
        answers = collect(lesson, parse(text, "the submission"))
    except NotebookError as error:
        return {"unreadable": str(error)}
    found = run_answers(lesson, answers, seed, box)
    return found | {"remarks": answers.remarks, "answers": answers.by_exercise}


def run_answers(lesson, answers, seed, box):
    """Values of each exercise on the practice and on the secret seed, and reasons where there are none.

    All exercises share a kernel. When that is lost, each runs again in a kernel of its own, with only the cells that
    it needs: an answer that ends the kernel, floods it or never returns costs nobody else anything.
    """
    every = list(lesson.checks)
    try:
        return {"values": _run_once(lesson, answers, every, seed, box), "lost": {}}
    except Lost:
        pass
    values, lost = {}, {}
    for exercise in every:
        try:
            values |= _run_once(lesson, answers, [exercise], seed, box)
        except Lost as error:
            lost[exercise] = str(error)
    return {"values": values, "lost": lost}


def _run_once(lesson, answers, exercises, seed, box):
    """Run the cells that some exercises need in a fresh kernel and return {exercise: values}; Lost when it was lost."""
    found, raised = {}, {}
    cells = essential(fill(lesson, answers), set(exercises)).cells
    with box(PRACTICE_SEED) as kernel:
        for cell in cells:
            outputs, here = kernel.execute(cell.source, CELL_SECONDS), mark(cell)
            if here and here.kind == "exercise":
                for error in (o for o in outputs if o["output_type"] == "error"):
                    raised[here.exercise] = f"{error.get('ename')}: {error.get('evalue')}"[:300]
            if here and here.kind == "check":
                practice = _handed_out(outputs, here.exercise)
                found[here.exercise] = {"practice": practice, "raised": raised.get(here.exercise, "")}
        kernel.execute(f"import os; os.environ[{SEED!r}] = {str(seed)!r}", CELL_SECONDS)
        for cell in cells:
            if (here := mark(cell)) and here.kind == "check":
                outputs = kernel.execute(cell.source, CELL_SECONDS)
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
    return values


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
    if value.get("raised"):
        return "wrong", f"its cell does not run: {value['raised']}", ""
    credit, practice = value.get("credit"), value.get("practice")
    if credit is None:
        return "lost", "its check did not report values, once and once only", ""
    if _safely(lambda: credit["blank"] is True):
        return "blank", "not answered", ""
    sentence = _safely(lambda: _known(practice, known)) or ""
    if _safely(lambda: agree(credit, right)):
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


def grade_text(text, lesson_name, lesson_text, right, known, seed, slot=0, unsafe=False):
    """Grade one submission's text: plain data in, plain data out, the same on any worker."""
    lesson = Lesson(Path(lesson_name), parse(lesson_text, lesson_name))
    found = submission_values(text, lesson, seed, boxes(lesson, unsafe, slot))
    outcomes = [asdict(outcome) for outcome in judge(lesson, found, right, known)]
    return {"outcomes": outcomes, "answers": found.get("answers", {}), "remarks": found.get("remarks", {})}
