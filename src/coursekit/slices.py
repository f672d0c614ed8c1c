"""The part of a notebook that its checks depend on, found from the names that cells use and define."""

import ast
import copy

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
    """(names defined or changed, names used) by a cell; a cell that does not parse defines nothing."""
    try:
        tree = ast.parse(_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    finder = _Names()
    finder.visit(tree)
    return finder.defined, finder.used


def _python(source):
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


class _Names(ast.NodeVisitor):
    """Collects names at any depth as used, and those bound or changed at the top level as defined.

    `x[0] = …`, `x.a = …` and the statement `x.grow(…)` change x.
    """

    def __init__(self):
        self.defined, self.used, self.depth = set(), set(), 0

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.used.add(node.id)
        elif self.depth == 0:
            self.defined.add(node.id)

    def visit_Import(self, node):
        if self.depth == 0:
            self.defined |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node):
        if self.depth == 0:
            self.defined.add(node.name)
        for part in (*node.decorator_list, node.args):
            self.visit(part)
        self.depth += 1
        for statement in node.body:
            self.visit(statement)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        if self.depth == 0:
            self.defined.add(node.name)
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_Lambda(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self._change(node.value.func)
        self.generic_visit(node)

    def visit_Attribute(self, node):
        if not isinstance(node.ctx, ast.Load):
            self._change(node)
        self.generic_visit(node)

    visit_Subscript = visit_Attribute

    def _change(self, node):
        while isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
        if self.depth == 0 and isinstance(node, ast.Name):
            self.defined.add(node.id)
