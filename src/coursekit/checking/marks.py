"""Marks: the line of a cell that says which exercise it answers or checks, and what tells one answer from another."""

import ast
import hashlib
import re
import warnings

MARK = re.compile(r"#\s*\|\s*(exercise|check|answer|mistake|hint|equivalent)\s*:\s*(\d+\.\d+)\b\s*(.*)$")
ABOVE = ("#", "%", "!", "?")  # comments, Colab's form titles, magics, shell lines and help may stand above a mark


def clean(text):
    """Text that UTF-8 can write: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def marked_line(source):
    """(number of the line with a cell's mark, its match of MARK), or None; no code stands above a mark."""
    k, start = 0, 0
    while start <= len(source):  # line by line, since most cells show in their first that they have none
        end = source.find("\n", start)
        line = source[start : end if end >= 0 else len(source)].strip()
        if line and (found := MARK.match(line)):
            return k, found
        if (line and not line.startswith(ABOVE)) or end < 0:
            return None
        k, start = k + 1, end + 1
    return None


def digest(source):
    """A digest of an answer's source; comments, docstrings, layout and what stands above its mark do not count."""
    if found := marked_line(source):
        source = "\n".join(source.split("\n")[found[0] + 1 :])
    lines = [line.strip() for line in source.split("\n")]
    while lines and (not lines[0] or lines[0].startswith("%%")):
        lines.pop(0)
        source = source.partition("\n")[2]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = ast.unparse(_Undocumented().visit(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # magics, say
        text = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


class _Undocumented(ast.NodeTransformer):
    """Takes away docstrings and other constants that do nothing."""

    def visit_Expr(self, node):
        return None if isinstance(node.value, ast.Constant) else node


def latest(exercise, inputs, name=""):
    """The source of an exercise's answer among the cells that ran, the last one first; "" where there is none.

    It is known by its mark, else by the `name` that it defines. Of a cell with several marks it is the part below its
    own.
    """
    defines = re.compile(rf"^(?:(?:async +)?(?:def|class) +{re.escape(name)}\b|{re.escape(name)} *=)", re.MULTILINE)
    for source in reversed(inputs):
        parts, at = [], -1
        for line in source.split("\n"):
            if found := MARK.match(line.strip()):
                parts.append((found[1], found[2], []))
                at = len(parts) - 1
            if at >= 0:
                parts[at][2].append(line)
        if ours := [lines for kind, number, lines in parts if (kind, number) == ("exercise", exercise)]:
            return "\n".join(ours[-1])
        if name.isidentifier() and not parts and defines.search(source):
            return source
    return ""
