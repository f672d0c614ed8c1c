"""A person's answers run: each in a kernel of its own, on a seed that nobody has seen, so that none touches another."""

import contextlib
import itertools
import json
from dataclasses import dataclass

from coursekit.checks import RAW, SEED, VALUES_MIME
from coursekit.fill import Answers, fill, is_blank, is_extra
from coursekit.lesson import body, mark
from coursekit.record import PRACTICE_SEED
from coursekit.sandbox import Lost
from coursekit.slices import LONGEST, alone, imports_apart

CELL_SECONDS = 60.0
MOST_CODE, MOST_CELLS = 4 * LONGEST, 500  # characters of all the cells that a person added, and how many
BLANK = {"credit": {"blank": True, "cases": []}, "practice": None, "raised": ""}


def run_answers(lesson, answers, seed, box, seconds=CELL_SECONDS, right=None):
    """Values of each exercise on a secret seed, and reasons where there are none.

    Returns {"values": {exercise: {"credit": …, "practice": …, "raised": …}}, "lost": {exercise: reason}}.
    `right(exercise, credit)` says whether values are right. A first kernel runs all answers together, and what is right
    there is right: values on a seed that nobody has seen come from knowing the answer. Everything else runs again in a
    kernel of its own with only the cells that it needs, so an answer that ends the kernel, floods it, changes NumPy or
    never returns costs no other exercise anything. An exercise without an answer is blank, whatever a kernel says.
    """
    answers, lost = _bearable(answers)
    filled, bare = imports_apart(fill(lesson, answers)), alone(imports_apart(fill(lesson, Answers({}))), lesson)
    parts = alone(filled, lesson)
    written = {e: {cell.id for cell in part if _is_persons(cell, lesson)} for e, part in parts.items()}
    values = {exercise: BLANK for exercise in lesson.checks if not written[exercise] and exercise not in lost}
    todo = [exercise for exercise in lesson.checks if written[exercise] and exercise not in lost]
    kernels = _Kernels(bare, seed, box, seconds)
    if right and len(set().union(*(written[exercise] for exercise in todo))) > 1:
        needed = {cell.id for exercise in todo for cell in parts[exercise]}
        found = kernels.together([cell for cell in filled.cells if cell.id in needed], todo)
        values |= {e: value for e, value in found.items() if value["credit"] and right(e, value["credit"])}
    for exercise in todo:
        if exercise not in values:
            try:
                values[exercise] = kernels.alone(parts[exercise], exercise, right)
            except Lost as error:
                lost[exercise] = str(error)
    return {"values": {exercise: values[exercise] for exercise in lesson.checks if exercise in values}, "lost": lost}


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
    """Where answers run: `bare` are the lesson's own cells for each exercise, without any answer."""

    bare: dict
    seed: int
    box: object
    seconds: float

    def together(self, cells, exercises):
        """{exercise: values} as far as a kernel gets that all answers share, with all cells in one."""
        source = "\n\n".join(cell.source for cell in _until_check(cells, exercises[-1]))
        try:
            with self.box(self.seed) as kernel:
                outputs = kernel.execute(source, self.seconds)
        except Lost as error:
            outputs = error.outputs
        found = {exercise: handed_out(outputs, exercise) for exercise in exercises}
        for exercise, credit in found.items():
            with contextlib.suppress(Lost):
                found[exercise] = self.measured(exercise, credit)
        return {exercise: {"credit": credit, "practice": None, "raised": ""} for exercise, credit in found.items()}

    def alone(self, cells, exercise, right):
        """Values of one exercise, practice values too where they are not right; Lost when its kernel was lost."""
        *before, check = _until_check(cells, exercise)
        raised, practice = "", None
        with self.box(self.seed) as kernel:
            for own, source in _grouped(before, exercise):
                outputs = kernel.execute(source, self.seconds)
                raised = next((_says(o) for o in outputs if o["output_type"] == "error"), "") if own else raised
            credit = handed_out(kernel.execute(check.source, self.seconds), exercise)
            if credit is None or credit.get("raw") or right is None or not right(exercise, credit):
                change = f"import os\nos.environ |= { ({SEED: str(PRACTICE_SEED), RAW: ''}) }\n"
                practice = handed_out(kernel.execute(change + check.source, self.seconds), exercise)
        return {"credit": self.measured(exercise, credit), "practice": practice, "raised": raised}

    def measured(self, exercise, credit):
        """Handed-out values; those of an open exercise measured by the lesson's code in a kernel without an answer.

        What goes in there are plain values, which the check takes instead of an answer's results. Whether that was
        done is said here and not by the answer's kernel, so nobody gets round it.
        """
        if credit is None or not credit.get("raw"):
            return credit and credit | {"measured": False}
        *before, check = _until_check(self.bare[exercise], exercise)
        cases = json.dumps(credit.get("cases"))
        with self.box(self.seed) as kernel:
            for _, source in _grouped(before, exercise):
                kernel.execute(source, self.seconds)
            give = f"import json, coursekit.checks as c\nc.results[{exercise!r}] = json.loads({cases!r})"
            measured = handed_out(kernel.execute(f"{give}\n{check.source}", self.seconds), exercise)
        return measured and measured | {"measured": True}


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
    return f"{error.get('ename')}: {error.get('evalue')}"[:300]


def handed_out(outputs, exercise):
    """The values that a check handed out, exactly once; None otherwise."""
    data = [output.get("data") for output in outputs if output["output_type"] == "display_data"]
    values = [bundle[VALUES_MIME] for bundle in data if isinstance(bundle, dict) and VALUES_MIME in bundle]
    ours = [value for value in values if isinstance(value, dict) and value.get("exercise") == exercise]
    return ours[0] if len(ours) == 1 else None
