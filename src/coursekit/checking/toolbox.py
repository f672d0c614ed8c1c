"""The toolbox: right answers become a learner's own, readable code in `work/toolbox.py`, that later lessons import.

`from toolbox import f` gives the learner's `f`, or the course's twin of it where there is none yet. An answer is
taken along with the imports, helpers and constants that it needs, as the cells that ran have defined them.
"""

import ast
import builtins
import contextlib
import importlib
import linecache
import os
import re
import symtable
import sys
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path

TOOLBOX = "COURSEKIT_TOOLBOX"  # the path of the learner's toolbox; unset, nothing is kept
TWINS = "coursekit.twins"  # the entry points of modules whose __all__ are the course's twins
BEFORE = "toolbox_before.py"
SECTION = re.compile(r"^# ---- (\d+\.\d+) (\w+) -*$", re.MULTILINE)
LEND = "from coursekit.checking.toolbox import lend as __getattr__  # what is not here yet is the course's"
HEAD = f'''"""Your toolbox: your own right answers, each under the number of its exercise.

A check that says ✓ puts them here; what it replaces is kept in toolbox_before.py. `course toolbox` lists them.
"""

{LEND}
'''
LARGEST = 64  # entries of an array that is written out as a constant


class Unmovable(Exception):
    """Why an answer cannot be taken out of its notebook."""


@dataclass(frozen=True)
class Tool:
    """One section of a toolbox: the exercise, the function's name and the code."""

    exercise: str
    name: str
    code: str

    @property
    def text(self):
        head = f"# ---- {self.exercise} {self.name} "
        return f"{head.ljust(79, '-')}\n{self.code}"


def tools(path):
    """The sections of a toolbox, in the order of their exercises; none where there is no file."""
    return sorted(_sections(_read(path))[1], key=lambda tool: [int(part) for part in tool.exercise.split(".")])


def lend(name):
    """The course's twin of a function; AttributeError where there is none.

    Imported as `__getattr__`, it answers for the names that a module does not have.
    """
    from importlib.metadata import entry_points  # takes as long as all else here

    for point in entry_points(group=TWINS):
        module = importlib.import_module(point.value)
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"the toolbox has no {name}: neither an answer of yours nor a twin of the course's")


def whose(*functions):
    """Print for each function whether it is the learner's or the course's."""
    for function in functions:
        print(f"{function.__name__}: {_owner(function)}")


def _owner(function):
    path = getattr(sys.modules.get("toolbox"), "__file__", None) or ""
    found = [tool.exercise for tool in tools(path) if tool.name == function.__name__] if path else []
    return f"yours, from {found[0]}" if found and _file_of(function) == path else "the course's"


def _file_of(function):
    return getattr(getattr(function, "__code__", None), "co_filename", "")


def keep(exercise, answer, agrees):
    """Put a right answer into the toolbox; return a sentence on it, "" when there is nothing to say.

    agrees  (function) -> whether it is right, as the answer was: one that was moved is tried before it is kept
    """
    path = os.environ.get(TOOLBOX)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not path or shell is None or not callable(answer):
        return ""
    try:
        name = _name_of(answer, shell.user_ns)
        return _kept(Path(path), moved(exercise, name, _cells(shell, answer), shell.user_ns), agrees)
    except Unmovable as error:
        return f"It was not taken into your toolbox: {error}."
    except OSError as error:
        return f"Your toolbox could not be written ({error.strerror}): {path}"
    except Exception as error:  # whatever happens here, the answer stays right
        return f"It was not taken into your toolbox ({type(error).__name__}: {error})."


def _cells(shell, answer):
    """The cells that ran, in order; where a runner keeps no history, those that were compiled beside the answer's."""
    if ran := [source for source in shell.history_manager.input_hist_parsed if source]:
        return ran
    folder = os.path.dirname(_file_of(answer))
    return [
        "".join(linecache.getlines(path)) for path in [*linecache.cache] if folder and os.path.dirname(path) == folder
    ]


def _kept(path, tool, agrees):
    head, sections = _sections(_read(path))
    old = next((one for one in sections if one.exercise == tool.exercise), None)
    if old and old.code.strip() == tool.code.strip():
        return ""
    others = [one for one in sections if one is not old]
    if any(one.name == tool.name for one in others):
        raise Unmovable(f"another exercise's function there is called `{tool.name}`")
    tool = _apart(tool, others)
    if old and old.code.strip() == tool.code.strip():
        return ""
    at = sections.index(old) if old else len(sections)
    if head and LEND not in head:
        head = f"{head}\n\n{LEND}"
    text = "\n\n".join(part.rstrip() + "\n" for part in [head or HEAD, *_texts(sections[:at]), tool.text])
    text = "\n\n".join([text, *(part.rstrip() + "\n" for part in _texts(sections[at + 1 if old else at :]))])
    if not agrees(_run(text, tool.name)):
        raise Unmovable(f"away from this notebook, `{tool.name}` gives other values")
    if old:
        before = path.with_name(BEFORE)
        with before.open("a", encoding="utf-8") as file:
            file.write(("" if before.stat().st_size == 0 else "\n\n") + old.text.rstrip() + "\n")
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    sys.modules.pop("toolbox", None)  # the next import reads the new file
    importlib.invalidate_caches()
    return f"In your toolbox now: from toolbox import {tool.name}"


def _texts(sections):
    return [one.text for one in sections]


def _run(text, name):
    """The function of this name after a toolbox has run."""
    made = {"__name__": "toolbox"}
    try:
        exec(compile(text, "toolbox.py", "exec"), made)
    except (Exception, SystemExit) as error:
        raise Unmovable(f"your toolbox does not run ({type(error).__name__}: {error})") from error
    return made[name]


def _read(path):
    with contextlib.suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""


def _sections(text):
    """(what stands above the first section, the Tools) of a toolbox's text."""
    found = list(SECTION.finditer(text))
    starts = [*(one.start() for one in found), len(text)]
    ends = starts[1:] if found else []
    bodies = [text[one.end() + 1 : end].rstrip() + "\n" for one, end in zip(found, ends, strict=True)]
    return text[: starts[0]].rstrip(), [Tool(one[1], one[2], body) for one, body in zip(found, bodies, strict=True)]


# What an answer needs


def moved(exercise, name, cells, values):
    """The Tool of a function that these cells, in the order in which they ran, have defined; Unmovable else.

    values  the notebook's names: what is no function, class or module is written out as a constant
    """
    needed = _Needed(_bindings(cells), values)
    needed.add(name)
    return Tool(exercise, name, needed.code(name))


def _name_of(answer, values):
    name = getattr(answer, "__name__", "")
    if name.isidentifier() and values.get(name) is answer:
        return name
    names = [key for key, value in values.items() if value is answer and not key.startswith("_")]
    if not names:
        raise Unmovable("it has no name in this notebook")
    return names[0]


def _bindings(cells):
    """{name: (statement, its lines)} of the last statement at the top of a cell that defines a name."""
    found = {}
    for source in cells:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in tree.body:
            for name in _bound_by(node):
                found[name] = (node, _lines(source, node))
    return found


def _bound_by(node):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def _lines(source, node):
    """The source of a statement, its decorators and the comments within it included."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        return "\n".join(source.split("\n")[first - 1 : node.end_lineno])
    return ast.get_source_segment(source, node)


class _Needed:
    """The statements that a function needs, what is needed first."""

    def __init__(self, bindings, values):
        self.bindings, self.values = bindings, values
        self.imports, self.parts, self.seen = {}, [], set()

    def add(self, name):
        """Take a name along with everything that its definition uses."""
        if name in self.seen:
            return
        self.seen.add(name)
        node, lines = self.bindings.get(name, (None, ""))
        value = self.values.get(name)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports[name] = _import(node, name)
        elif isinstance(value, types.ModuleType):
            self.imports[name] = f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) or (node and callable(value)):
            if any(isinstance(part, (ast.Global, ast.Nonlocal)) for part in ast.walk(node)):
                raise Unmovable(f"`{name}` changes names outside itself")
            for other in _used(lines):
                if other in self.values and (other in self.bindings or not hasattr(builtins, other)):
                    self.add(other)
            self.parts.append((name, lines))
        elif callable(value) and (imported := _importable(name, value)):
            self.imports[name] = imported
        else:
            self.parts.append((name, f"{name} = {self._constant(name, value)}"))

    def _constant(self, name, value):
        import numpy as np  # not before an answer needs it: `course progress` reads this module, too

        if isinstance(value, np.ndarray) and value.size <= LARGEST and value.dtype.kind in "iufb":
            self.imports.setdefault("numpy", "import numpy")
            value, form = value.tolist(), f"numpy.array({{}}, dtype={str(value.dtype)!r})"
        else:
            value, form = value.item() if isinstance(value, np.generic) else value, "{}"
        with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            if ast.literal_eval(repr(value)) == value and len(repr(value)) < 2000:
                return form.format(repr(value))
        raise Unmovable(f"it needs `{name}`, which only this notebook has")

    def code(self, name):
        """The section's code: imports, then the rest; with helpers, inside a function of their own."""
        if [one for one, _ in self.parts] == [name]:
            return _stacked([*self.imports.values(), ""], [lines for _, lines in self.parts])
        return _enclosed(name, self.imports.values(), [lines for _, lines in self.parts])


def _stacked(imports, blocks):
    return "\n".join(line for line in imports if line) + "\n\n\n" * any(imports) + "\n\n\n".join(blocks) + "\n"


def _enclosed(name, imports, blocks):
    """Code in a function that returns one of its names, so that its helpers meet nobody else's."""
    if any(map(_has_a_long_text, blocks)):
        raise Unmovable("it has a text of several lines, which indenting would change")
    inner = _stacked(list(imports), blocks).strip("\n").replace("\n\n\n", "\n\n")
    body = textwrap.indent(f"{inner}\n\nreturn {name}", "    ")
    return f"def _make_{name}():\n{body}\n\n\n{name} = _make_{name}()\n"


def _has_a_long_text(block):
    """Whether a text of several lines stands in code, docstrings apart."""
    nodes = list(ast.walk(ast.parse(block)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, (ast.Constant, ast.JoinedStr)) and id(node) not in docstrings]
    return any(node.end_lineno > node.lineno for node in texts)


def _apart(tool, others):
    """A Tool whose imports mean something else in another section keeps them to itself."""
    mine, theirs = _imports(tool.code), {}
    for other in others:
        theirs |= _imports(other.code)
    if any(theirs.get(alias, line) != line for alias, line in mine.items()):
        body = [node for node in ast.parse(tool.code).body if not isinstance(node, (ast.Import, ast.ImportFrom))]
        blocks = [_lines(tool.code, node) for node in body]
        return Tool(tool.exercise, tool.name, _enclosed(tool.name, mine.values(), blocks))
    return tool


def _imports(code):
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return {}
    nodes = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias: _import(node, alias) for node in nodes for alias in _bound_by(node)}


def _import(node, name):
    """The statement that imports one name of a statement that may import several."""
    alias = next(one for one in node.names if (one.asname or one.name.partition(".")[0]) == name)
    whole = alias.name + (f" as {alias.asname}" if alias.asname else "")
    return f"from {node.module} import {whole}" if isinstance(node, ast.ImportFrom) else f"import {whole}"


def _importable(name, value):
    """The statement that imports a function where no cell has named its import, as after `from math import *`."""
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", "")
    if module not in (None, "__main__") and getattr(sys.modules.get(module), own, None) is value:
        return f"from {module} import {own}" + ("" if own == name else f" as {name}")
    return ""


def _used(lines):
    """The names that a statement takes from the notebook: those that no scope within it binds."""
    found, todo = [], [symtable.symtable(lines, "cell", "exec")]
    while todo:
        table = todo.pop()
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                found.append(symbol.get_name())
        todo += table.get_children()
    return list(dict.fromkeys(found))
