"""A person's answers run: each in a kernel of its own, on a seed that nobody has seen, so that none touches another."""

import contextlib
import functools
import itertools
import json
from dataclasses import dataclass

from coursekit.checking.checks import RAW, SEED, VALUES_MIME
from coursekit.checking.marks import clean
from coursekit.grading.sandbox import Lost
from coursekit.lessons.cells import LONGEST, as_python, is_blank, parsed
from coursekit.lessons.fill import Answers, fill, is_extra
from coursekit.lessons.notebook import body, code_cells, mark
from coursekit.lessons.slices import alone, imports_apart
from coursekit.proving.record import PRACTICE_SEED

CELL_SECONDS = 60.0
MOST_CODE, MOST_CELLS = 4 * LONGEST, 500  # characters of all the cells that a person added, and how many
BLANK = {"credit": {"blank": True, "cases": []}, "practice": None, "raised": ""}


def run_answers(lesson, answers, seed, box, seconds=CELL_SECONDS, right=None):
    """Values of each exercise on a secret seed, and reasons where there are none.

    Returns {"values": {exercise: {"credit": …, "practice": …, "raised": …}}, "lost": {exercise: reason}}.
    `right(exercise, credit)` says whether values are right. A first kernel runs all answers together, and an answer
    that is right there counts as right: values on a seed that nobody has seen come from knowing the answer. Every other
    answer runs again in a kernel of its own with only the cells that it needs, so an answer that ends the kernel,
    floods it, changes NumPy or never returns costs no other exercise anything. Cells that a person added may have
    effects without a name, such as `sys.setrecursionlimit`: all of them run in the first kernel, and again where the
    cells needed by name were not enough. An exercise without an answer is blank, whatever a kernel says.
    """
    return run_plan(lesson, plan(lesson, answers), seed, box, seconds, right)


def plan(lesson, answers):
    """What is to be run for a person's answers, as plain data: the only part that looks into their code."""
    answers, lost = _bearable(answers)
    filled = imports_apart(fill(lesson, answers))
    parts = alone(filled, lesson)
    written = {e: {cell.id for cell in part if _is_persons(cell, lesson)} for e, part in parts.items()}
    todo = [exercise for exercise in lesson.checks if written[exercise] and exercise not in lost]
    extras, together, more = [cell for cell in code_cells(filled) if is_extra(cell)], None, {}
    if len(set().union(*(written[exercise] for exercise in todo))) > 1:
        needed = {cell.id for exercise in todo for cell in parts[exercise]} | {cell.id for cell in extras}
        shared = _until_check([cell for cell in filled.cells if cell.id in needed], todo[-1])
        together = _together(shared)
    for exercise in todo if extras else ():
        needed = {cell.id for cell in [*parts[exercise], *extras]}
        cells = _until_check([cell for cell in filled.cells if cell.id in needed], exercise)
        if len(cells) > len(parts[exercise]):
            more[exercise] = _steps(cells, exercise)
    blank = [exercise for exercise in lesson.checks if not written[exercise] and exercise not in lost]
    steps = {exercise: _steps(parts[exercise], exercise) for exercise in todo}
    return {"lost": lost, "blank": blank, "together": together, "steps": steps, "more": more}


def run_plan(lesson, planned, seed, box, seconds=CELL_SECONDS, right=None):
    """The values of `run_answers`, from a plan."""
    lost, steps, more = dict(planned["lost"]), planned["steps"], planned["more"]
    values, kernels = dict.fromkeys(planned["blank"], BLANK), _Kernels(lesson, seed, box, seconds)
    if right and planned["together"] is not None:
        found = kernels.together(planned["together"], list(steps))
        values |= {e: value for e, value in found.items() if value["credit"] and right(e, value["credit"])}
    for exercise in steps:
        if exercise not in values:
            try:
                values[exercise] = kernels.alone(steps[exercise], exercise, right)
            except Lost as error:
                lost[exercise] = str(error)
            if right and exercise in more and not _is_right(values.get(exercise), exercise, right):
                try:
                    again = kernels.alone(more[exercise], exercise, right)
                except Lost:
                    more = {}  # the added cells may be to blame, and would cost every other exercise as much time
                    continue
                if _is_right(again, exercise, right):
                    values[exercise], _ = again, lost.pop(exercise, None)
    return {"values": {exercise: values[exercise] for exercise in lesson.checks if exercise in values}, "lost": lost}


def _is_right(value, exercise, right):
    return value is not None and value["credit"] is not None and right(exercise, value["credit"])


def _bearable(answers):
    """(answers, {exercise: reason}): without those whose length alone would keep the grader busy."""
    long = {exercise for exercise, source in answers.by_exercise.items() if len(source) > LONGEST}
    kept = {exercise: source for exercise, source in answers.by_exercise.items() if exercise not in long}
    extras, room = [], MOST_CODE
    for position, source in answers.extras[:MOST_CELLS]:
        if len(source) <= min(room, LONGEST):
            room -= len(source)
            extras.append((position, source))
    return Answers(kept, extras, answers.remarks), dict.fromkeys(long, f"it has over {LONGEST} characters")


def _is_persons(cell, lesson):
    """Whether a cell of a filled notebook holds anything that is not the lesson's."""
    found = mark(cell)
    return is_extra(cell) or (
        found is not None and found.kind == "exercise" and not is_blank(body(cell), lesson.gaps[found.exercise])
    )


@dataclass
class _Kernels:
    """Where answers run."""

    lesson: object
    seed: int
    box: object
    seconds: float

    @functools.cached_property
    def bare(self):
        """The lesson's own steps for each exercise, without any answer."""
        return {
            e: _steps(part, e) for e, part in alone(imports_apart(fill(self.lesson, Answers({}))), self.lesson).items()
        }

    def together(self, sources, exercises):
        """{exercise: values} from one kernel for all answers, as far as it gets."""
        outputs = []
        try:
            with self.box(self.seed) as kernel:
                for source in sources:
                    outputs += kernel.execute(source, self.seconds)
        except Lost as error:
            outputs += error.outputs
        found = {exercise: handed_out(outputs, exercise) for exercise in exercises}
        for exercise, credit in found.items():
            found[exercise] = None  # where measuring fails, what the answer's own kernel claims must not stand
            with contextlib.suppress(Lost):
                found[exercise] = self.measured(exercise, credit)
        return {exercise: {"credit": credit, "practice": None, "raised": ""} for exercise, credit in found.items()}

    def alone(self, steps, exercise, right):
        """Values of one exercise, practice values too where they are not right; Lost when its kernel was lost."""
        raised, practice = "", None
        with self.box(self.seed) as kernel:
            for own, source in steps["before"]:
                outputs = kernel.execute(source, self.seconds)
                raised = next((_says(o) for o in outputs if o["output_type"] == "error"), "") if own else raised
            credit = handed_out(kernel.execute(steps["check"], self.seconds), exercise)
            if credit is None or credit.get("raw") or right is None or not right(exercise, credit):
                change = f"import os\nos.environ |= { ({SEED: str(PRACTICE_SEED), RAW: ''}) }\n"
                practice = handed_out(kernel.execute(change + steps["check"], self.seconds), exercise)
        return {"credit": self.measured(exercise, credit), "practice": practice, "raised": raised}

    def measured(self, exercise, credit):
        """Handed-out values; those of an open exercise measured by the lesson's code in a kernel without an answer.

        Only plain values go in, which the check takes instead of calling an answer. This process decides that they are
        measured, not the answer's kernel, so no answer can avoid it.
        """
        if credit is None or not credit.get("raw"):
            return credit and credit | {"measured": False}
        steps, cases = self.bare[exercise], json.dumps(credit.get("cases"))
        with self.box(self.seed) as kernel:
            for _, source in steps["before"]:
                kernel.execute(source, self.seconds)
            give = f"import json, coursekit.checking.checks as c\nc.results[{exercise!r}] = json.loads({cases!r})"
            measured = handed_out(kernel.execute(f"{give}\n{steps['check']}", self.seconds), exercise)
        return measured and measured | {"measured": True}


def _together(cells):
    """The sources of cells that one kernel runs: one source where no cell may raise and the others run all the same."""
    if any(map(is_extra, cells)):
        return [source for _, source in _grouped(cells, None)]
    return ["\n\n".join(as_python(cell.source) for cell in cells if parsed(cell.source, compiled=True))]


def _steps(cells, exercise):
    """{"before": [[whether it is the exercise's answer, source], …], "check": source}."""
    *before, check = _until_check(cells, exercise)
    return {"before": [list(step) for step in _grouped(before, exercise)], "check": check.source}


def _grouped(cells, exercise):
    """(whether it is the exercise's answer, source) of cells; the lesson's own, one after another, are one."""
    for lessons, group in itertools.groupby(cells, lambda cell: mark(cell) is None and not is_extra(cell)):
        group = list(group)
        if lessons:
            yield False, "\n\n".join(cell.source for cell in group)
        else:
            yield from (
                ((found := mark(cell)) is not None and found.exercise == exercise, cell.source) for cell in group
            )


def _until_check(cells, exercise):
    """The cells up to the check of an exercise, which is the last of them."""
    places = {(found.kind, found.exercise): k for k, cell in enumerate(cells) if (found := mark(cell))}
    return cells[: places["check", exercise] + 1]


def _says(error):
    return clean(f"{error.get('ename')}: {error.get('evalue')}"[:300])


def handed_out(outputs, exercise):
    """The values that a check handed out, exactly once; None otherwise."""
    data = [output.get("data") for output in outputs if output["output_type"] == "display_data"]
    values = [bundle[VALUES_MIME] for bundle in data if isinstance(bundle, dict) and VALUES_MIME in bundle]
    ours = [value for value in values if isinstance(value, dict) and value.get("exercise") == exercise]
    return {key: value for key, value in ours[0].items() if key != "measured"} if len(ours) == 1 else None
