"""The part of a notebook that its checks depend on, found from the names that cells use and define."""

import ast
import copy
import dis
import types

from coursekit.lesson import mark


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


def _is_check(cell):
    found = mark(cell)
    return found is not None and found.kind == "check"


def _is_asked(found, exercises):
    if found is None or found.kind not in ("exercise", "check"):
        return False
    return exercises is None or found.exercise in exercises


def names_of(source):
    """(names defined or changed, names needed from elsewhere) by a cell; a cell that does not parse has neither."""
    source = _python(source)
    try:
        tree, code = ast.parse(source), compile(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    stored, needed = set(), set()
    # Bytecode knows scopes and order: what is loaded before the cell itself stores it comes from elsewhere.
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_NAME" and step.argval not in stored:
            needed.add(step.argval)
        if step.opname == "STORE_NAME":
            stored.add(step.argval)
    needed |= _globals(code) - stored
    return stored | _changed(tree), {name for name in needed if not name.startswith("__")}


def _python(source):
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def _globals(code):
    """Names that the functions inside a code object take from the notebook."""
    inside = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    names = {step.argval for part in inside for step in dis.get_instructions(part) if step.opname in loads}
    return names.union(*map(_globals, inside))


def _changed(node):
    """Names whose objects `x[0] = …`, `x.a = …` or a bare `x.append(…)` change, outside functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return set()
    names = set().union(*map(_changed, ast.iter_child_nodes(node)))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        names |= _base(node.value.func)
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
