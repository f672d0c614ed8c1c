#!/usr/bin/env bash
# A help line below a shell line with an open bracket runs alone: IPython drops every line in between.
#
# Guess: the three lines run one after the other, as they do without the bracket.
# Seen:  only the help is shown; the assignment between them never happens, and nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check ipython==9.18.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from IPython import version_info
from IPython.core.inputtransformer2 import TransformerManager

made = TransformerManager().transform_cell("!echo (\nx = 1\nlen?")
print("IPython", ".".join(map(str, version_info[:3])), repr(made))
if "x = 1" in made:
    raise SystemExit("IPython now keeps the lines above a help line.")
PY
