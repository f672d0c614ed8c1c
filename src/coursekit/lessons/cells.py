"""The source of a code cell as IPython reads it: magics, shell lines, help, top-level await."""

import ast
import functools
import re
import warnings

from coursekit.checking.marks import MARK

LONGEST = 50_000  # characters of the longest cell that is parsed: far longer ones overflow the compiler's stack
# Cell magics whose cell is Python for the notebook's own names. Any other hides its cell from them.
PYTHON = {
    "time",
    "timeit",
    "capture",
    "prun",
    "debug",
    "memit",
    "mprun",
    "lprun",
    "pyinstrument",
    "scalene",
    "snakeviz",
}
# Lines by which Databricks and Synapse say that a cell is Python; Jupyter knows neither.
SPOKEN = ("%python", "%%pyspark")
ESCAPED = re.compile(r"\s*[%!?,;/]|.*\?\s*$|[^=#]*[^=!<>#]=\s*[%!]")
# What decides whether the end of a line ends a statement: strings, comments, brackets, a backslash at the end.
LEXEME = re.compile(
    r"#.*|'''|\"\"\"|'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?|[()\[\]{}]|\\\n|\\.", re.DOTALL
)  # fmt: skip
IDLE_LINES = ("...", "pass", "return", "return None", "return ...")


def parsed(source, compiled=False):
    """The syntax tree of a cell as IPython runs it (or its code, if `compiled`); None where IPython would not."""
    if len(source) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an answer's invalid escape is no warning for its grader
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (0 if compiled else ast.PyCF_ONLY_AST)
            return compile(as_python(source), "cell", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


@functools.lru_cache(1024)
def as_python(source):
    """The Python code into which IPython turns a cell; the cell itself where it is plain Python.

    IPython's `TransformerManager` tokenizes the whole cell again for each magic in it. Here it gets one line at a time,
    so the time grows only linearly with the length.
    """
    lines = source.splitlines(keepends=True)
    if not any(map(ESCAPED.match, lines)) and not source[:1].isspace() and not source.startswith((">>>", "In [")):
        return source
    from IPython.core.inputtransformer2 import TransformerManager  # takes a third of a second

    manager = TransformerManager()
    lines = (source if source.endswith("\n") else f"{source}\n").splitlines(keepends=True)
    for transform in [*manager.cleanup_transforms, *manager.line_transforms]:
        lines = transform(lines)
    made, k = [], 0
    while k < len(lines):
        if ESCAPED.match(lines[k]):
            statement = [lines[k]]
            while statement[-1].endswith("\\\n") and k + len(statement) < len(lines):
                statement.append(lines[k + len(statement)])
            if (turned := _turned(manager, "".join(statement))) is not None:
                made.append(turned)
                k += len(statement)
                continue
        length = _statement(lines, k)
        made += lines[k : k + length]
        k += length
    return "".join(made)


def _turned(manager, line):
    """A statement of IPython's own in Python; None for one that is Python."""
    indent = line[: len(line) - len(line.lstrip())]
    try:
        turned = "".join(manager.do_token_transforms(line.lstrip().splitlines(keepends=True)))
    except Exception:  # IPython shows whatever this raises, and runs nothing
        return None
    return indent + turned if turned != line.lstrip() else None


def _statement(lines, k):
    """How many lines a statement takes: as long as a bracket or a string is open, or the line goes on."""
    depth, quote, start = 0, "", k
    while k < len(lines):
        line, at, goes_on = lines[k], 0, False
        while at < len(line):
            if quote:
                end = _closing(line, quote, at)
                if end < 0:
                    break
                at, quote = end, ""
                continue
            if not (found := LEXEME.search(line, at)):
                break
            at, word = found.end(), found[0]
            if word in ("'''", '"""'):
                quote = word
            elif word in "([{":
                depth += 1
            elif word in ")]}":
                depth = max(0, depth - 1)
            goes_on = word == "\\\n"
        k += 1
        if not (quote or depth or goes_on):
            break
    return k - start


def _closing(line, quote, at):
    """Where a string of three quotes that is open at `at` has ended; -1 where it has not."""
    for found in re.compile(rf"\\.|{quote}", re.DOTALL).finditer(line, at):
        if found[0] == quote:
            return found.end()
    return -1


def unwrapped(source, whatever=False):
    """A cell's source without the cell magics above it, if what stands below is Python (or `whatever` it is)."""
    lines = source.split("\n")
    first = 0
    for k, line in enumerate(lines):
        if line.strip() in SPOKEN or (line.startswith("%%") and (whatever or _is_python(line))):
            first = k + 1
        elif line.strip():
            break
    return "\n".join(lines[first:]).strip("\n").rstrip() if first else source.strip("\n").rstrip()


def _is_python(line):
    """Whether a cell magic leaves the cell's names to the notebook."""
    return (line[2:].split(maxsplit=1) or [""])[0] in PYTHON


def pieces(source, own=()):
    """The cells that one cell was before somebody merged them.

    A mark begins one; after one of `own`, sources of a lesson's cells without spaces around them, another begins.
    """
    found, lines = [[]], source.split("\n")
    k = 0
    while k < len(lines):
        length = 1
        if "'''" in lines[k] or '"""' in lines[k]:  # a mark inside a string is not a mark
            length = _statement([f"{line}\n" for line in lines[k : k + 2000]], 0)
        elif MARK.match(lines[k]) and _says_something(found[-1]):
            found.append([])
        found[-1] += lines[k : k + length]
        k += length
    return [piece for part in found for piece in _split("\n".join(part), own)]


def _says_something(lines):
    """Whether there is more than what belongs to the mark below: comments and cell magics."""
    return any((line.strip() and not line.startswith(("#", "%%"))) or MARK.match(line) for line in lines)


def _split(source, own):
    """A source, with those of `own` that stand at its beginning taken off it."""
    rest = source.strip()
    while rest and rest not in own:
        first = next((text for text in own if text and rest.startswith(f"{text}\n")), None)
        if first is None:
            break
        yield first
        rest = rest[len(first) :].strip()
        source = rest
    if source.strip() or not rest:
        yield source


def is_blank(source, gap):
    """Whether an answer is still the gap, or nothing at all.

    Comments, docstrings, layout, magics, help and idle statements (`pass`, `...`, a bare `return`) do not count.
    """
    if len(source) > LONGEST:
        return False
    mine, stub = _bare(source), _bare(gap)
    if mine is None or stub is None:
        mine, stub = _bare_lines(source), _bare_lines(gap)
    return not mine or mine == stub


@functools.lru_cache(512)
def _bare(source):
    """What a cell does, as text; None where it does not parse."""
    tree = parsed(source)
    if tree is None:
        return None
    try:
        tree = _Bare().visit(tree)
        # `width = None` is the gap `width = ...`, as a check sees it.
        return "\n".join(map(ast.dump, tree.body)).replace("Constant(value=None)", "Constant(value=Ellipsis)")
    except RecursionError:
        return None


class _Bare(ast.NodeTransformer):
    """Takes away what does nothing."""

    def visit_Expr(self, node):
        inner = node.value
        if isinstance(inner, ast.Constant):
            return None
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            base = inner.func.value
            if isinstance(base, ast.Call) and getattr(base.func, "id", "") == "get_ipython":
                return None
        return node

    def visit_Pass(self, node):
        return None

    def visit_Return(self, node):
        idle = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value in (None, ...))
        return None if idle else node


def _bare_lines(source):
    lines = [line.strip() for line in source.splitlines()]
    idle = ("#", "%", "!", "?")
    return [line for line in lines if line and not line.startswith(idle) and line not in IDLE_LINES]
