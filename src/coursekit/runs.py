"""A person's answers run: each in a kernel of its own, on a seed that nobody has seen, so that none touches another."""

import json

from coursekit.checks import RAW, SEED, VALUES_MIME
from coursekit.fill import Answers, fill, is_blank, is_extra
from coursekit.lesson import body, mark
from coursekit.record import PRACTICE_SEED
from coursekit.sandbox import Lost
from coursekit.slices import LONGEST, alone

CELL_SECONDS = 60.0
MOST_CODE = 4 * LONGEST  # characters of all the cells that a person added
BLANK = {"credit": {"blank": True, "cases": []}, "practice": None, "raised": ""}


def run_answers(lesson, answers, seed, box, seconds=CELL_SECONDS, right=None):
    """Values of each exercise on a secret seed, and reasons where there are none.

    Returns {"values": {exercise: {"credit": …, "practice": …, "raised": …}}, "lost": {exercise: reason}}. Each exercise
    runs in a kernel of its own with only the cells that it needs: an answer that ends its kernel, floods it, changes
    NumPy or never returns costs no other exercise anything, and earns none anything. `right(exercise, credit)` says
    whether values are right: where they are, no practice values are fetched.
    """
    answers, lost = _bearable(answers)
    filled, bare, values = fill(lesson, answers), fill(lesson, Answers({})), {}
    parts, bare_parts = alone(filled, lesson.checks), alone(bare, lesson.checks)
    for exercise in lesson.checks:
        if exercise in lost:
            continue
        if not any(_is_persons(cell, lesson) for cell in parts[exercise]):
            values[exercise] = BLANK
            continue
        try:
            values[exercise] = _run(exercise, parts[exercise], bare_parts[exercise], seed, box, seconds, right)
        except Lost as error:
            lost[exercise] = str(error)
    return {"values": values, "lost": lost}


def _bearable(answers):
    """(answers, {exercise: reason}): without those whose length alone would keep the grader busy."""
    long = {exercise for exercise, source in answers.by_exercise.items() if len(source) > LONGEST}
    kept = {exercise: source for exercise, source in answers.by_exercise.items() if exercise not in long}
    extras, room = [], MOST_CODE
    for position, source in answers.extras:
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


def _run(exercise, cells, bare, seed, box, seconds, right):
    """The values of one exercise; Lost when its kernel was lost."""
    before, check = _until_check(cells, exercise)
    raised, practice = "", None
    with box(seed) as kernel:
        for cell in before:
            outputs, found = kernel.execute(cell.source, seconds), mark(cell)
            if found and found.exercise == exercise:
                raised = next((_says(o) for o in outputs if o["output_type"] == "error"), "")
        credit = handed_out(kernel.execute(check.source, seconds), exercise)
        raw = credit is not None and credit.get("raw") is True
        if raw or credit is None or right is None or not right(exercise, credit):
            change = {SEED: str(PRACTICE_SEED), RAW: ""}
            kernel.execute(f"import os; os.environ |= {change}", seconds)
            practice = handed_out(kernel.execute(check.source, seconds), exercise)
    if raw:
        credit = _measured(exercise, credit.get("cases"), bare, seed, box, seconds)
    # Said here and not by the kernel, so that nobody gets round being measured.
    credit = credit and credit | {"measured": raw}
    return {"credit": credit, "practice": practice, "raised": raised}


def _measured(exercise, cases, bare, seed, box, seconds):
    """An open exercise's values, measured by the lesson's own code in a kernel that no answer was in.

    What goes in are plain values, which the check there takes instead of an answer's results.
    """
    before, check = _until_check(bare, exercise)
    give = f"import json, coursekit.checks as c\nc.results[{exercise!r}] = json.loads({json.dumps(cases)!r})"
    with box(seed) as kernel:
        for cell in before:
            kernel.execute(cell.source, seconds)
        kernel.execute(give, seconds)
        return handed_out(kernel.execute(check.source, seconds), exercise)


def _until_check(cells, exercise):
    """(cells before the check of an exercise, the check)."""
    marks = [(found.kind, found.exercise) if (found := mark(cell)) else None for cell in cells]
    place = marks.index(("check", exercise))
    return cells[:place], cells[place]


def _says(error):
    return f"{error.get('ename')}: {error.get('evalue')}"[:300]


def handed_out(outputs, exercise):
    """The values that a check handed out, exactly once; None otherwise."""
    data = [output.get("data") for output in outputs if output["output_type"] == "display_data"]
    values = [bundle[VALUES_MIME] for bundle in data if isinstance(bundle, dict) and VALUES_MIME in bundle]
    ours = [value for value in values if isinstance(value, dict) and value.get("exercise") == exercise]
    return ours[0] if len(ours) == 1 else None
