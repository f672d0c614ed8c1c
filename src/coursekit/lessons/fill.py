"""`fill` puts answers into a lesson's gaps and returns a notebook. Authors' and learners' answers all go through it."""

import copy
import re
from dataclasses import dataclass, field

from coursekit.lessons.cells import is_blank, pieces, unwrapped
from coursekit.lessons.notebook import body, code_cell, code_cells, mark, marked

CHECK_TAG = "nbval-check-output"
EXTRA = "extra-"
DEFINITION = re.compile(r"^(?:async +)?(?:def|class) +(\w+)|^(\w+) *(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@dataclass
class Answers:
    """Answers by exercise, a person's own cells beside them, and remarks on how they were found.

    `extras` pairs the position of a lesson's cell with the source that runs right after it.
    """

    by_exercise: dict
    extras: list = field(default_factory=list)
    remarks: dict = field(default_factory=dict)


def fill(lesson, answers):
    """Return the lesson's notebook with its gaps filled; the lesson stays as it was.

    Every cell but the gaps is the lesson's own, so a changed check or demonstration has no effect.
    """
    notebook = copy.deepcopy(lesson.notebook)
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        # nbval compares nothing where the reference has no count.
        cell.execution_count = count
        found = mark(cell)
        if found and found.kind == "exercise" and found.exercise in answers.by_exercise:
            cell.source = f"#| exercise: {found.exercise}\n{answers.by_exercise[found.exercise]}"
        if found and found.kind == "check":
            cell.metadata["tags"] = [CHECK_TAG]
    extras = sorted(answers.extras, key=lambda extra: extra[0])
    for k, (position, source) in reversed(list(enumerate(extras))):
        extra = code_cell(source, id=f"{EXTRA}{k}", metadata={"tags": ["raises-exception"]})
        notebook.cells.insert(position + 1, extra)
    return notebook


def is_extra(cell):
    """Whether a cell of a filled notebook is a person's own, beside the lesson's."""
    return cell.id.startswith(EXTRA)


def reference(solutions):
    """The answers of a solutions notebook."""
    return Answers(marked(solutions, "answer"))


def mistakes(solutions):
    """The named mistakes of a solutions notebook: [(exercise, sentence, source)], in order."""
    found = ((mark(cell), cell) for cell in solutions.cells)
    return [(m.exercise, m.text, body(cell)) for m, cell in found if m and m.kind == "mistake"]


def hints(solutions):
    """The hints of a solutions notebook in the order in which they are told: {exercise: [text]}."""
    found = {}
    for cell in solutions.cells:
        if (m := mark(cell)) and m.kind == "hint":
            found.setdefault(m.exercise, []).append(_prose(m.text, body(cell)))
    return found


def equivalents(solutions):
    """Edits of reference answers that leave their behaviour as it is: {exercise: {"old → new": why}}."""
    found = {}
    for cell in solutions.cells:
        if (m := mark(cell)) and m.kind == "equivalent":
            changes = [line.removeprefix("#").strip() for line in body(cell).splitlines()]
            found.setdefault(m.exercise, {}).update(dict.fromkeys(filter(None, changes), m.text))
    return found


def _prose(first, rest):
    """A mark's text and the comments below it as one paragraph."""
    lines = (line.removeprefix("#").strip() for line in rest.splitlines())
    return " ".join(filter(None, [first, *lines]))


def collect(lesson, notebook):
    """A person's answers, found in their copy of the lesson, whatever an editor or a person has done to it.

    An answer is known by its mark, else by the name that it defines, else by its id. Of several answers to one
    exercise the last that is not blank counts. Code cells that are not the lesson's own come along as extras.
    """
    own = {cell.source.strip() for cell in lesson.notebook.cells}
    cells = _unmerged(lesson, notebook)
    free = [cell for cell in cells if cell.source.strip() not in own | {""} and not _is(cell, "check")]
    answers, places = Answers({}), _places(lesson)
    used, mine = {}, {id(cell) for cell in free}
    by_key = {}
    for cell in cells:
        by_key.setdefault(_key(cell), []).append(cell)
    unmarked = [cell for cell in free if not mark(cell)]
    for k, gap in enumerate(lesson.notebook.cells):
        if _is(gap, "exercise"):
            used |= dict.fromkeys(_take(answers, gap, by_key.get(_key(gap), []), unmarked), k)
    position = -1
    for cell in cells:
        keys = (_key(cell), cell.source.strip(), cell.id)
        position = max(position, used.get(id(cell), next((places[key] for key in keys if key in places), -1)))
        if id(cell) in mine and id(cell) not in used and (source := unwrapped(cell.source)):
            answers.extras.append((position, source))
    return answers


def answered(lesson, notebook):
    """The exercises of a lesson that a person's copy answers, rightly or wrongly, in the lesson's order."""
    answers = collect(lesson, notebook).by_exercise
    return [exercise for exercise, gap in lesson.gaps.items() if not is_blank(answers.get(exercise, gap), gap)]


def _unmerged(lesson, notebook):
    """A copy's code cells, with merged cells split again; the id stays with the first piece that has a mark."""
    texts = [cell.source.strip() for cell in code_cells(lesson.notebook) if not _is(cell, "exercise")]
    cells = []
    for cell in code_cells(notebook):
        parts = [type(cell)(cell, source=source) for source in pieces(cell.source, texts)]
        heir = next((part for part in parts if mark(part)), parts[0])
        for part in parts:
            part.id = cell.id if part is heir else ""
        cells += parts
    return cells


def _key(cell):
    found = mark(cell)
    return found and (found.kind, found.exercise)


def _is(cell, kind):
    return mark(cell) is not None and mark(cell).kind == kind


def _places(lesson):
    """Positions of a lesson's cells by id, by source and by mark."""
    cells = list(enumerate(lesson.notebook.cells))
    by_text = {text: k for k, cell in cells for text in (cell.id, cell.source.strip()) if text}
    return by_text | {_key(cell): k for k, cell in cells if _key(cell)}


def _take(answers, gap, marked, unmarked):
    """Store the answer that counts; return the ids of the cells that belong to this exercise."""
    exercise, stub = mark(gap).exercise, body(gap)
    lost = _lost(gap, unmarked)
    written = [cell for cell in marked if not is_blank(_answer(cell), stub)]
    if not written and (written := [cell for cell in lost if not is_blank(_answer(cell), stub)]):
        answers.remarks[exercise] = "its mark was missing, but it was found"
    if len({_answer(cell) for cell in written}) > 1:
        answers.remarks[exercise] = "answered more than once; the last answer that is not blank counts"
    if marked or lost:
        answers.by_exercise[exercise] = _answer(written[-1]) if written else stub
    return {id(cell) for cell in [*marked, *written, *(c for c in lost if is_blank(_answer(c), stub))]}


def _lost(gap, cells):
    """Cells without a mark that define what a gap defines, or failing that, have its id."""
    names = _defined(gap.source)
    alike = [cell for cell in cells if names and names <= _defined(cell.source)]
    return alike or [cell for cell in cells if cell.id and cell.id == gap.id]


def _answer(cell):
    return unwrapped(body(cell) if mark(cell) else cell.source, whatever=True)


def _defined(source):
    """Names that a cell defines or assigns at top level, whether it parses or not."""
    return {name or other for name, other in DEFINITION.findall(source)}
