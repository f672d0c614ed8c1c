#!/usr/bin/env bash
# A code cell with a comment that begins with %% comes back from jupytext's percent format as two cells.
#
# Guess: what would read as a cell's mark is escaped, as jupytext does for magics.
# Seen:  `# %% of the loss` inside a cell starts a cell, with the words as its title.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jupytext==1.19.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import jupytext
from nbformat.v4 import new_code_cell, new_notebook

source = "share = 0.3\n# %% of the loss\nprint(share)"
back = jupytext.reads(jupytext.writes(new_notebook(cells=[new_code_cell(source)]), "py:percent"), "py:percent").cells
print("jupytext", version("jupytext"), [cell.source for cell in back], [dict(cell.metadata) for cell in back])
if [cell.source for cell in back] == [source]:
    raise SystemExit("jupytext now keeps the cell in one piece.")
PY
