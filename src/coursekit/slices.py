"""The part of a notebook that its checks depend on, found from the names that cells use and define."""

import ast
import builtins
import copy
import dis
import functools
import types
import warnings

from coursekit.fill import is_extra
from coursekit.lesson import code_cells, mark

LONGEST = 50_000  # characters of a cell that is looked into: the compiler's stack ends somewhere above


def essential(notebook, exercises=None):
    """Return a copy with only the cells that the checks of `exercises` (default: all) need, in order.

    The first code cell always stays: it holds imports and settings that have no name. Learners' answers stay
    for the exercises asked for, and any cell that defines a name which a kept cell uses.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    names = [names_of(cell.source) for cell in cells]
    kept = set(range(len(cells))[:1]) | {k for k, cell in enumerate(cells) if _is_asked(mark(cell), exercises)}
    while True:
        used = set().union(*(names[k][1] for k in kept))
        more = {k for k, cell in enumerate(cells) if names[k][0] & used and not _is_check(cell)} - kept
        if not more:
            break
        kept |= more
    part = copy.copy(notebook)
    part.cells = [copy.deepcopy(cells[k]) for k in sorted(kept)]
    return part


def alone(notebook, lesson):
    """For each exercise the cells of a filled lesson that it needs, as {exercise: cells}; no other answer by chance.

    What the lesson defines comes from the lesson's cells, and what the exercise asks for from its answer, whoever else
    defines it; a person's extra cells and answers to other exercises come along only for names that nobody else offers.
    """
    cells = [(cell, mark(cell), *names_of(cell.source)) for cell in code_cells(notebook)]
    gaps = {exercise: names_of(gap)[0] for exercise, gap in lesson.gaps.items()}
    return {exercise: _alone(cells, exercise, gaps[exercise]) for exercise in lesson.checks}


def imports_apart(notebook):
    """A copy of a filled lesson in which imports stand in cells of their own, before what else their cells do.

    A demonstration is not needed because a check uses a module that it imports. The first cell stays as it is.
    """
    part = copy.copy(notebook)
    part.cells, first = [], next(iter(code_cells(notebook)), None)
    for cell in notebook.cells:
        split = cell.cell_type == "code" and cell is not first and mark(cell) is None and not is_extra(cell)
        for k, source in enumerate(_imports_and_rest(cell.source) if split else [cell.source]):
            part.cells.append(type(cell)(cell, source=source, id=f"{cell.id}-rest" if k else cell.id))
    return part


def _imports_and_rest(source):
    """[imports, everything else] of a cell's source; the source alone where there are not both."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return [source]
    lines, imports = source.split("\n"), []
    for node in reversed(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.insert(0, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
            del lines[node.lineno - 1 : node.end_lineno]
    rest = "\n".join(lines).strip("\n")
    return ["\n".join(imports), rest] if imports and rest else [source]


def _alone(cells, exercise, asked):
    # What stands below a check, the check cannot need.
    check = next((k for k, cell in enumerate(cells) if _is_check(cell[0]) and cell[1].exercise == exercise), len(cells))
    every = range(min(check + 1, len(cells)))
    lessons = [k for k in every if cells[k][1] is None and not is_extra(cells[k][0])]
    others = [k for k in every if k not in lessons and not _is_check(cells[k][0])]
    kept = set(lessons[:1]) | {k for k in every if _is_asked(cells[k][1], {exercise})}
    given = set(dir(builtins)).union(*(cells[k][2] for k in lessons))
    own = asked.union(*(cells[k][2] for k in kept))
    while True:
        used = set().union(*(cells[k][3] for k in kept))
        unknown = used - given - set().union(*(cells[k][2] for k in kept))
        more = set().union(*(_definers(cells, k, lessons) for k in kept))
        for k in others:
            offered = cells[k][2] & used - given
            missing = offered if is_extra(cells[k][0]) else offered - own
            more |= {k} if missing or (unknown and "*" in cells[k][2]) else set()
        if more <= kept:
            return [cells[k][0] for k in sorted(kept)]
        kept |= more


def _definers(cells, k, lessons):
    """The lesson's cells that give cell k what it needs: those before it, and for its functions those before the check.

    Of several that make the same name, the last one hides those before it, unless it needs the name itself.
    """
    found, inner = set(), names_inside(cells[k][0].source)
    for name in cells[k][3]:
        makers = [m for m in lessons if name in cells[m][2]]
        for below in (k, len(cells)) if name in inner or not makers or makers[0] > k else (k,):
            for m in reversed([m for m in makers if m < below]):
                found.add(m)
                if name not in cells[m][3]:
                    break
    return found


def _is_check(cell):
    found = mark(cell)
    return found is not None and found.kind == "check"


def _is_asked(found, exercises):
    if found is None or found.kind not in ("exercise", "check"):
        return False
    return exercises is None or found.exercise in exercises


@functools.lru_cache(maxsize=4096)
def names_of(source):
    """(names defined or changed, names needed from elsewhere) by a cell; a cell that does not parse has neither.

    `from x import *` defines "*".
    """
    source = _python(source)
    if len(source) > LONGEST:
        return frozenset(), frozenset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in an answer is not for whoever grades it
            tree, code = ast.parse(source), compile(source, "cell", "exec")
        return _names(tree, code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(), frozenset()


@functools.lru_cache(maxsize=4096)
def names_inside(source):
    """Names that the functions in a cell take from the notebook when they are called."""
    if not names_of(source)[1]:
        return frozenset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return frozenset(_globals(compile(_python(source), "cell", "exec")))


def _names(tree, code):
    stored, needed = set(), set()
    # Bytecode knows scopes and order: what is loaded before the cell itself stores it comes from elsewhere.
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_NAME" and step.argval not in stored:
            needed.add(step.argval)
        if step.opname == "STORE_NAME":
            stored.add(step.argval)
    stored |= {"*" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"}
    needed |= _globals(code) - stored
    return frozenset(stored | _changed(tree)), frozenset(name for name in needed if not name.startswith("__"))


def _python(source):
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def _globals(code):
    """Names that the functions inside a code object take from the notebook."""
    inside = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    names = {step.argval for part in inside for step in dis.get_instructions(part) if step.opname in loads}
    return names.union(*map(_globals, inside))


def _changed(node):
    """Names whose objects `x[0] = …`, `x.a = …` or a bare `x.append(…)` change, outside functions and classes.

    `np.testing.assert_allclose(…)` and its like change nothing.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return set()
    names = set().union(*map(_changed, ast.iter_child_nodes(node)))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        names |= set() if getattr(node.value.func, "attr", "").startswith("assert") else _base(node.value.func)
    elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        names |= _base(node)
    return names


def _base(node):
    """{"x"} for x.a[0].b, nothing for a bare name."""
    if not isinstance(node, ast.Subscript | ast.Attribute):
        return set()
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
