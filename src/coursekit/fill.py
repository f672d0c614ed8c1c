"""`fill`: a lesson and answers in, a notebook out. The one door for everybody's answers."""

import ast
import copy
import difflib
from dataclasses import dataclass, field

from nbformat.v4 import new_code_cell

from coursekit.lesson import body, mark, marked

CHECK_TAG = "nbval-check-output"


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

    Every cell but the gaps is the lesson's own, so a changed check or demonstration counts for nothing.
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
    for position, source in sorted(answers.extras, key=lambda extra: extra[0], reverse=True):
        extra = new_code_cell(source, id=f"extra-{position}", metadata={"tags": ["raises-exception"]})
        notebook.cells.insert(position + 1, extra)
    _number(notebook)
    return notebook


def _number(notebook):
    for k, cell in enumerate(notebook.cells):
        if cell.id.startswith("extra-"):
            cell.id = f"extra-{k}"


def reference(solutions):
    """The answers of a solutions notebook."""
    return Answers(marked(solutions, "answer"))


def mistakes(solutions):
    """The named mistakes of a solutions notebook: [(exercise, sentence, source)], in order."""
    found = ((mark(cell), cell) for cell in solutions.cells)
    return [(m.exercise, m.text, body(cell)) for m, cell in found if m and m.kind == "mistake"]


def collect(lesson, notebook):
    """A person's answers, found in their copy of the lesson, whatever an editor or a hand did to it.

    A gap is known by its mark, else by its id, else by its likeness. Of several answers to one exercise the
    last that is not blank counts. Code cells that are not the lesson's own come along as extras.
    """
    homes = _homes(lesson.notebook.cells, notebook.cells)
    answers = Answers({})
    position = -1
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        home = homes.get(id(cell))
        gap = _gap(lesson, cell, home)
        if gap:
            _take(lesson, answers, gap, cell)
        elif _is_own(cell, home is not None and lesson.notebook.cells[home]):
            answers.extras.append((position, _without_magic(cell.source)))
        if home is not None:
            position = max(position, home)
        if gap:
            position = max(position, _place(lesson, gap))
    return answers


def _is_own(cell, home):
    """Whether a cell is a person's own: not blank, no check, and not as the lesson has it."""
    changed = not home or cell.source.strip() != home.source.strip()
    return bool(changed and cell.source.strip() and not (mark(cell) and mark(cell).kind == "check"))


def _homes(cells, others):
    """Match a copy's code cells to the lesson's: {id(cell): position}, by mark, then id, then likeness."""
    free = {k: cell for k, cell in enumerate(cells) if cell.cell_type == "code"}
    todo = [cell for cell in others if cell.cell_type == "code"]
    homes = {}
    for same in (_same_mark, _same_source, _same_id, _alike):
        for cell in todo:
            if id(cell) in homes:
                continue
            place = next((k for k, own in free.items() if same(cell, own)), None)
            if place is not None:
                homes[id(cell)] = place
                del free[place]
    return homes


def _same_mark(cell, own):
    found = mark(cell)
    return found is not None and found == mark(own)


def _same_source(cell, own):
    return cell.source.strip() == own.source.strip()


def _same_id(cell, own):
    return mark(cell) is None and cell.id == own.id


def _alike(cell, own):
    if mark(cell) or max(len(cell.source), len(own.source)) > 5000 or not cell.source.strip():
        return False
    if mark(own) and mark(own).kind == "exercise":
        names = _defined(cell.source)
        return bool(names) and names == _defined(own.source)
    matcher = difflib.SequenceMatcher(None, cell.source, own.source)
    return matcher.real_quick_ratio() > 0.7 and matcher.quick_ratio() > 0.7 and matcher.ratio() > 0.7


def _defined(source):
    """Names that a cell defines or assigns at top level; none where it does not parse."""
    try:
        tree = ast.parse(_without_magic(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    targets = [t for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
    return names | {t.id for t in targets if isinstance(t, ast.Name)}


def _gap(lesson, cell, home):
    """The exercise whose gap this cell is, or None."""
    found = mark(cell)
    if found:
        return found.exercise if found.kind == "exercise" and found.exercise in lesson.gaps else None
    own = mark(lesson.notebook.cells[home]) if home is not None else None
    return own.exercise if own and own.kind == "exercise" else None


def _place(lesson, exercise):
    marks = [mark(cell) for cell in lesson.notebook.cells]
    return next(k for k, m in enumerate(marks) if m and (m.kind, m.exercise) == ("exercise", exercise))


def _take(lesson, answers, exercise, cell):
    source = body(cell) if mark(cell) else _without_magic(cell.source)
    if not mark(cell):
        answers.remarks.setdefault(exercise, "its mark was missing; found by its place")
    if is_blank(source, lesson.gaps[exercise]):
        answers.by_exercise.setdefault(exercise, lesson.gaps[exercise])
        return
    before = answers.by_exercise.get(exercise)
    if before is not None and not is_blank(before, lesson.gaps[exercise]):
        answers.remarks[exercise] = "answered more than once; the last answer that is not blank counts"
    answers.by_exercise[exercise] = source


def is_blank(source, gap):
    """Whether an answer is still the gap, or nothing at all; comments do not count."""
    return not _bare(source) or _bare(source) == _bare(gap)


def _bare(source):
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _without_magic(source):
    """A cell's source from its first line that is not a magic: `%%time` would hide what stands below it."""
    lines = source.splitlines()
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("%")):
        lines.pop(0)
    return "\n".join(lines)
