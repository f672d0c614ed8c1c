#!/usr/bin/env bash
# nbformat.validate changes the notebook that it is given: of two cells with one id, the second gets another, at random.
#
# Guess: validating reads; or it fails, for the format demands ids of one's own.
# Seen:  it warns, renames the cell in place and passes; two runs write two different files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbformat==5.11.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook


def ids():
    notebook = new_notebook(cells=[new_code_cell("1", id="same"), new_code_cell("2", id="same")])
    nbformat.validate(notebook)
    return [cell.id for cell in notebook.cells]


first, second = ids(), ids()
print("nbformat", nbformat.__version__, first, second)
if first[0] != "same" or "same" in (first[1], second[1]) or first[1] == second[1]:
    raise SystemExit("nbformat.validate now leaves cells with one id alone.")
PY
