"""Cells that only draw: their code is folded in JupyterLab and in the book. Their first line says what they draw."""

import re

LABEL = re.compile(r"# (?=(?:Draws|A figure to drag:) )")


def folded(cell):
    """Whether a cell's first line is the label under which its code is folded."""
    return cell.cell_type == "code" and LABEL.match(cell.source) is not None


def fold(cell):
    """Give a labelled cell the metadata by which JupyterLab and the book fold it."""
    label = LABEL.sub("", cell.source.split("\n")[0])
    metadata = cell.metadata
    metadata["jupyter"] = {**metadata.get("jupyter", {}), "source_hidden": True}
    metadata["mystnb"] = {"code_prompt_hide": label, "code_prompt_show": label}
    metadata["tags"] = sorted({*metadata.get("tags", []), "hide-input"})
