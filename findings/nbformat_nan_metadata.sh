#!/usr/bin/env bash
# nbformat validates and writes a NaN in a notebook's metadata, and the file is no JSON any more.
#
# Guess: what nbformat validates and writes, JupyterLab can open; JSON has no NaN.
# Seen:  validate says nothing, write puts the bare word NaN into the file; every strict parser, a browser's JSON.parse too, refuses all of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbformat==5.11.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import json

import nbformat
from nbformat.v4 import new_notebook

notebook = new_notebook(metadata={"loss": float("nan")})
nbformat.validate(notebook)
text = nbformat.writes(notebook)


def strict(word):
    raise ValueError(f"{word} is not JSON")


try:
    json.loads(text, parse_constant=strict)
except ValueError as error:
    said = str(error)
else:
    raise SystemExit("nbformat now writes JSON that a strict parser takes.")
print("nbformat", nbformat.__version__, "| validate: no word | a strict parser:", said)
PY
