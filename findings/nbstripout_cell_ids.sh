#!/usr/bin/env bash
# nbstripout numbers a notebook's cell ids anew, 0, 1, 2, …: links and tools that hold on to an id lose it.
#
# Guess: stripping outputs leaves the cells' ids, which exist to tell cells apart across edits.
# Seen:  ids become 0 and 1 in every notebook, so inserting a cell renames all below it in the next diff; --keep-id is not the default.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbstripout==0.9.1 nbformat==5.11.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

nbformat.write(new_notebook(cells=[new_code_cell("1", id="alpha"), new_code_cell("2", id="beta")]), "a.ipynb")
subprocess.run([sys.executable, "-m", "nbstripout", "a.ipynb"], check=True)
found = [cell.id for cell in nbformat.read("a.ipynb", 4).cells]
print("nbstripout", version("nbstripout"), "| ids alpha, beta are now", found)
if found != ["0", "1"]:
    raise SystemExit("nbstripout now keeps ids.")
PY
