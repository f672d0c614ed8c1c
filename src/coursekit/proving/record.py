"""`record`: fill a lesson with its solutions, run it, keep outputs and expected values. Twice gives the same bytes."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.checks import EXAMPLE, SEED, VALUES_MIME, VERDICT_MIME
from coursekit.checking.values import leaves, rounded
from coursekit.checking.words import brief
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import fill, hints, mistakes, reference
from coursekit.lessons.notebook import Lesson, canonical, code_cell, first_line, mark, new_notebook, text_of
from coursekit.lessons.slices import essential
from coursekit.proving import kernels, shake
from coursekit.proving.prose import unsteady

PRACTICE_SEED = 0


def record(course, lesson, quick=False):
    """Run a lesson with its solutions; write outputs into it and values into `expected/`.

    A lesson that changed is also shaken (see `shake`), unless quick: then the proofs ask for another recording.
    Raises NotebookError, and writes nothing, when a cell raises, a reference answer does not pass, or something that a
    reader is told depends on the last bit.
    """
    solutions = course.solutions(lesson)
    expected = expected_values(lesson, solutions)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{lesson.name}.json").write_text(expected, encoding="utf-8")
        ran = kernels.run(fill(lesson, reference(solutions)), expected=folder)
        if raised := kernels.errors(ran):
            raise NotebookError(f"{lesson.name}: a cell raised {raised[0][1]} in: {first_line(raised[0][0])}")
        _refuse_failures(lesson, ran)
        recorded = canonical(with_outputs(lesson.notebook, ran))
        path = course.expected / shake.FOLDER / f"{lesson.name}.json"
        shaken = shake.known(path, recorded)
        if shaken is None and not quick:
            shaken = _shake(lesson, solutions, folder, recorded)
    write(course.expected / f"{lesson.name}.json", expected)
    if shaken:
        write(path, shaken)
    write(lesson.path, text_of(recorded))
    write(course.root / "solutions" / lesson.path.name, text_of(canonical(solutions)))
    return Lesson.load(lesson.path)


def _shake(lesson, solutions, expected, recorded):
    """The text of a lesson's shake; NotebookError for a stated result that depends on the last bit."""
    found = shake.shaken(lesson, solutions, expected, recorded)
    if found.otherwise:
        arithmetic, source, sentence = found.otherwise[0]
        raise NotebookError(f"{lesson.name}: under the arithmetic {arithmetic!r} the cell {source!r} {sentence}.")
    if told := unsteady(recorded, found.moves):
        numbers, line = ", ".join(number for number, _ in told), told[0][1]
        raise NotebookError(f"{lesson.name}: {numbers} hangs on the last bit, and the prose states it: {line[:100]}")
    return shake.record_text(recorded, found.moves)


def _refuse_failures(lesson, ran):
    for cell in ran.cells:
        found = mark(cell)
        if found and found.kind == "check":
            texts = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            if not any(text.startswith("✓") for text in texts):
                raise NotebookError(f"{lesson.name}: the reference answer fails its check: {' '.join(texts)}")


def with_outputs(notebook, ran):
    """The lesson's own cells with the outputs of the filled run."""
    notebook = canonical(notebook)
    for cell, done in zip(notebook.cells, ran.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = done.outputs
    return notebook


def write(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


@dataclass
class Trial:
    """Every check on the reference answers, then on each named mistake, with only the cells that they need.

    `setup` runs once, `round` once for each seed; `order` lists (exercise, None or the mistake's sentence), one for
    each check in a round. One kernel serves all of them, so that three hundred mistakes cost seconds, not hours.
    """

    setup: list
    round: list
    order: list

    def run(self, seeds, expected=os.devnull, arithmetic=None):
        """What the checks showed, as one list of MIME bundles a seed; with None for a seed they speak as in practice.

        Raises NotebookError when a cell raises or a check shows nothing.
        """
        cells = list(self.setup)
        for seed in seeds:
            cells += [code_cell(_seeding(seed)), *self.round]
        book = new_notebook(cells=[type(cell)(cell, id=f"cell-{k}") for k, cell in enumerate(cells)])
        ran = kernels.run(book, expected, arithmetic=arithmetic)
        if raised := kernels.errors(ran):
            raise NotebookError(f"a cell raised {raised[0][1]} in: {first_line(raised[0][0])}")
        data = [output.get("data", {}) for cell in ran.cells for output in cell.outputs]
        shown = [bundle for bundle in data if VALUES_MIME in bundle or VERDICT_MIME in bundle]
        if len(shown) != len(self.order) * len(seeds):
            raise NotebookError(f"{len(self.order) * len(seeds)} checks should have answered, {len(shown)} did.")
        return [shown[k : k + len(self.order)] for k in range(0, len(shown), len(self.order))]


def _seeding(seed):
    set_it = f"[{SEED!r}] = {str(seed)!r}" if seed is not None else f".pop({SEED!r}, None)"
    return f"import os as _os\n_ = _os.environ{set_it}"


def trial(lesson, solutions):
    """The trial of a lesson's checks; NotebookError for a mistake of an exercise that has none."""
    notebook = essential(fill(lesson, reference(solutions)))
    checks = {mark(cell).exercise: cell for cell in notebook.cells if mark(cell) and mark(cell).kind == "check"}
    gaps = {mark(cell).exercise: cell for cell in notebook.cells if mark(cell) and mark(cell).kind == "exercise"}
    cells, order = list(checks.values()), [(exercise, None) for exercise in checks]
    for exercise, says, source in mistakes(solutions):
        if exercise not in checks:
            raise NotebookError(f"{lesson.name}: mistake {exercise} has no exercise with a check.")
        cells += [type(gaps[exercise])(gaps[exercise], source=source), checks[exercise], gaps[exercise]]
        order.append((exercise, says))
    return Trial([cell for cell in notebook.cells if cell not in checks.values()], cells, order)


def unfit(cases):
    """The first value that no reference answer may give, since it cannot be graded: a bool, an error, an object."""
    bad = ("b", "n", "raised", "late", "other")
    return next((case for case in cases if any(leaf[0] in bad for leaf in leaves(case))), None)


def expected_values(lesson, solutions):
    """The text of `expected/NN_name.json`: by exercise the reference's cases, and each mistake's with its sentence."""
    tried = trial(lesson, solutions)
    [shown] = tried.run([PRACTICE_SEED])
    return expected_text(lesson, tried.order, [bundle[VALUES_MIME] for bundle in shown], hints(solutions))


def expected_text(lesson, order, values, told):
    """The same from what the checks of a trial handed out, and hints; NotebookError for a reference without a grade."""
    records = {}
    for (exercise, says), value in zip(order, values, strict=True):
        cases = rounded(value["cases"])
        if says is None:
            if case := unfit(cases):
                raise NotebookError(f"{lesson.name}: the reference answer to {exercise} gives {brief(case)}.")
            records[exercise] = {"cases": cases, "mistakes": []}
            if EXAMPLE in value:
                if unfit([value[EXAMPLE]]):
                    shown = brief(value[EXAMPLE])
                    raise NotebookError(
                        f"{lesson.name}: on its example, the reference answer to {exercise} gives {shown}."
                    )
                records[exercise][EXAMPLE] = rounded(value[EXAMPLE])
            if exercise in told:
                records[exercise]["hints"] = told[exercise]
        else:
            records[exercise]["mistakes"].append({"says": says, "cases": cases})
    if missing := lesson.gaps.keys() - records.keys():
        raise NotebookError(f"{lesson.name}: exercise {min(missing)} has no check.")
    return json.dumps(records, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
