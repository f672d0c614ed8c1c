"""The part of a notebook that its checks depend on, found from the names that cells use and define."""

import ast
import builtins
import copy
import dis
import functools
import re
import types

from coursekit.lessons.cells import parsed, unwrapped
from coursekit.lessons.fill import is_extra
from coursekit.lessons.notebook import code_cells, mark

WRITES = re.compile(r"%%(?:writefile|file)\s+(?:(-a|--append)\s+)?(\S+)\s*$", re.MULTILINE)


def essential(notebook, exercises=None):
    """Return a copy with only the cells that the checks of `exercises` (default: all) need, in order.

    The first code cell always stays: it holds imports and settings that have no name. Learners' answers stay
    for the exercises asked for, and any cell that defines a name which a kept cell uses.
    """
    cells = code_cells(notebook)
    names = [names_of(cell.source) for cell in cells]
    return _with_needs(notebook, cells, names, {k for k, cell in enumerate(cells) if _is_asked(mark(cell), exercises)})


def _with_needs(notebook, cells, names, wanted):
    """A copy of a notebook with its first code cell, the wanted ones, and all cells whose names these need."""
    kept = set(range(len(cells))[:1]) | wanted
    while True:
        used = set().union(*(names[k][1] for k in kept))
        more = {k for k, cell in enumerate(cells) if names[k][0] & used and not _is_check(cell)} - kept
        if not more:
            break
        kept |= more
    part = copy.copy(notebook)
    part.cells = [copy.deepcopy(cells[k]) for k in sorted(kept)]
    return part


def within_reach(notebook):
    """Return a copy with only the exercises, the checks, the cells that an answer can affect, and what those need.

    An answer affects a cell that needs a name which the answer defines, or which another affected cell defines. Names
    of modules carry nothing on.
    """
    cells = code_cells(notebook)
    names = [names_of(cell.source) for cell in cells]
    modules = set().union(*(_modules(cell.source) for cell in cells))
    asked = {k for k, cell in enumerate(cells) if _is_asked(mark(cell), None)}
    reached = set().union(*(names[k][0] for k in asked if not _is_check(cells[k]))) - modules
    while True:
        affected = asked | {k for k, (_, needed) in enumerate(names) if needed & reached}
        more = set().union(*(names[k][0] for k in affected if not _is_check(cells[k]))) - modules - reached
        if not more:
            break
        reached |= more
    return _with_needs(notebook, cells, names, affected)


def alone(notebook, lesson):
    """The cells of a filled lesson that each exercise needs, as {exercise: cells}, without unneeded answers.

    A name that the lesson defines comes from the lesson's cells, and the name that the exercise asks for comes from its
    answer, even if other cells define them as well. A person's extra cells and answers to other exercises come along
    only for names that no other cell defines.
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
    # A check cannot need cells below it.
    check = next((k for k, cell in enumerate(cells) if _is_check(cell[0]) and cell[1].exercise == exercise), len(cells))
    every = range(min(check + 1, len(cells)))
    lessons = [k for k in every if cells[k][1] is None and not is_extra(cells[k][0])]
    others = sorted(set(every).difference(lessons))
    others = [k for k in others if cells[k][1] is None or cells[k][1].kind != "check"]
    makers, offers = _by_name(cells, lessons), _by_name(cells, others)
    fresh = set(lessons[:1]) | {k for k in every if _is_asked(cells[k][1], {exercise})}
    given = set(dir(builtins)).union(*(cells[k][2] for k in lessons))
    own = asked.union(*(cells[k][2] for k in fresh))
    kept, used, defined, unknown = set(), set(), set(), set()
    # In rounds, each of which looks only at what the last one added: a long chain of cells has as many rounds.
    while fresh:
        made = set().union(*(cells[k][2] for k in fresh))
        needed = set().union(*(cells[k][3] for k in fresh)) - used
        for old, new in ((kept, fresh), (used, needed), (defined, made)):
            old |= new
        unknown |= {name for name in needed - given - defined if " " not in name}
        unknown -= made
        more = set().union(*(_definers(cells, k, makers) for k in fresh))
        for name in needed - given:
            more |= {k for k in offers.get(name, ()) if is_extra(cells[k][0]) or name not in own}
        if unknown:
            more |= set(offers.pop("*", ()))
        fresh = more - kept
    return [cells[k][0] for k in sorted(kept)]


def _by_name(cells, places):
    """{name: those of the places whose cells define it}, in order."""
    found = {}
    for k in places:
        for name in cells[k][2]:
            found.setdefault(name, []).append(k)
    return found


def _definers(cells, k, makers):
    """The lesson's cells that give cell k what it needs: those before it, and for its functions those before the check.

    `makers` are the lesson's cells by the names that they define. Of several that make the same name, the last one
    hides those before it, unless it needs the name itself.
    """
    found, inner = set(), names_inside(cells[k][0].source)
    for name in cells[k][3] & makers.keys():
        for below in (k, len(cells)) if name in inner or makers[name][0] > k else (k,):
            for m in reversed([m for m in makers[name] if m < below]):
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

    `from x import *` and `%run` define "*". A file that `%%writefile` makes is a name as well, "file x.py", which a
    cell needs that imports or runs it.
    """
    if written := WRITES.match(source):
        return frozenset({f"file {written[2]}"}), frozenset({f"file {written[2]}"} if written[1] else ())
    source = unwrapped(source)
    tree, code = parsed(source), parsed(source, compiled=True)
    try:
        return _names(tree, code) if tree and code else (frozenset(), frozenset())
    except RecursionError:
        return frozenset(), frozenset()


@functools.lru_cache(maxsize=4096)
def names_inside(source):
    """Names that the functions in a cell take from the notebook when they are called."""
    if not names_of(source)[1] or WRITES.match(source):
        return frozenset()
    return frozenset(_globals(parsed(unwrapped(source), compiled=True)))


def _names(tree, code):
    stored, needed = set(), set()
    # Bytecode knows scopes and order: what is loaded before the cell itself stores it comes from elsewhere.
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_NAME" and step.argval not in stored:
            needed.add(step.argval)
        if step.opname == "STORE_NAME":
            stored.add(step.argval)
    files, everything = _files(tree)
    stored |= everything
    needed |= files | _globals(code) - stored
    return frozenset(stored | _changed(tree)), frozenset(
        name for name in needed if not name.startswith("__") and name != "get_ipython"
    )


def _modules(source):
    """Names under which a cell imports something."""
    tree = parsed(unwrapped(source))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)] if tree else []
    return {(alias.asname or alias.name).partition(".")[0] for node in found for alias in node.names}


def _files(tree):
    """({"file x.py"} for each file of Python that a cell may import or run, {"*"} where all its names come over)."""
    files, everything = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            files |= {f"file {alias.name.partition('.')[0]}.py" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            files |= {f"file {(node.module or '').partition('.')[0]}.py"} if not node.level else set()
            everything |= {"*"} if node.names[0].name == "*" else set()
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run_line_magic":
            words = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            if words[:1] == ["run"] and len(words) == 2:
                files |= {f"file {word}" for word in words[1].split()}
                everything |= {"*"}
    return files, everything


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
