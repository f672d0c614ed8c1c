"""What `course toolbox` lists: a learner's own functions, and those that the course lends. Nothing of it is run."""

import ast
from pathlib import Path

from coursekit.checking.toolbox import BEFORE, TWINS, tools

FILE = "toolbox.py"


def lines(work):
    """Lines for a terminal: each function of the toolbox in a folder, then the twins of those that are missing."""
    path = Path(work) / FILE
    own = tools(path)
    if own:
        yield f"Yours, in {path}:"
    for tool in own:
        yield f"  {tool.exercise:>5}  {tool.name}{'' if _runs(tool.code) else '   (it has a syntax error)'}"
    if not own:
        yield f"{path} has nothing yet: a check that says ✓ in a lesson of `course lab` puts your answer there."
    if (Path(work) / BEFORE).is_file():
        yield f"What these replaced is in {Path(work) / BEFORE}."
    if lent := [name for name in twins() if name not in {tool.name for tool in own}]:
        yield f"The course's, until yours are there: {', '.join(lent)}."


def twins():
    """The names of the functions that the course lends, read from its source."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    found = []
    for point in entry_points(group=TWINS):
        spec = find_spec(point.value)
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                found += ast.literal_eval(node.value)
    return sorted(found)


def _runs(code):
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True
