"""Cells that begin with a mark, `#| exercise: 1.2`, get its name as a class, so that style can tell them apart."""

import re

from docutils import nodes

MARK = re.compile(r"#\|\s*(exercise|check):")


def name_cells(app, doctree) -> None:
    """Add `marked-exercise` or `marked-check` to each cell whose source starts with that mark."""
    for block in doctree.findall(nodes.literal_block):
        found = MARK.match(block.astext())
        cell = block.parent and block.parent.parent
        if found and cell is not None and "cell" in cell.get("classes", []):
            cell["classes"].append(f"marked-{found[1]}")


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("doctree-read", name_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
