#!/usr/bin/env bash
# Jupytext: a lesson that shows how a MyST code cell is written has that cell to run after a round trip.
#
# Guess: Markdown that shows a fence {code-cell} stays Markdown, as a fence python does; it could be fenced with one tick more.
# Seen:  in md:myst the shown fence becomes a code cell, and a line +++ in a text cuts its cell in two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jupytext==1.19.6 nbformat==5.11.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jupytext
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

shown = "```{code-cell}\nimport this\n```"
texts = ["Write it so:\n\n" + shown, "Above\n\n+++\n\nBelow", "```python\nimport this\n```"]
before = new_notebook(cells=[*map(new_markdown_cell, texts), new_code_cell("1 + 1")])
after = jupytext.reads(jupytext.writes(before, "md:myst"), "md:myst")
kinds = [cell.cell_type for cell in after.cells]
print("jupytext", jupytext.__version__, "| before: 3 Markdown, 1 code | after:", kinds)
if kinds != ["markdown", "code", "markdown", "markdown", "markdown", "code"]:
    raise SystemExit("The round trip through MyST has changed.")
PY
