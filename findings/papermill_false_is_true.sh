#!/usr/bin/env bash
# papermill: on the command line `-p dropout false` sets a text, which is true.
#
# Guess: a parameter is read as YAML or JSON: false is False, null is None, 0x10 is 16.
# Seen:  only the words True, False and None, ints and floats are known: false, null, yes and 0x10 stay text, and text counts as true.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check papermill==2.7.0 nbformat==5.11.1 ipykernel==7.4.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

lesson = new_notebook(
    cells=[
        new_code_cell("dropout = weight_decay = None", metadata={"tags": ["parameters"]}),
        new_code_cell("print(repr(dropout), 'with dropout' if dropout else 'without', repr(weight_decay))"),
    ],
    metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
)
nbformat.write(lesson, "in.ipynb")
said = {}
for word in ("False", "false"):
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    subprocess.run([*command, "-p", "dropout", word, "-p", "weight_decay", "null"], check=True, capture_output=True)
    said[word] = nbformat.read("out.ipynb", 4).cells[-1].outputs[0].text.strip()
print("papermill", version("papermill"), "|", said)
if said != {"False": "False without 'null'", "false": "'false' with dropout 'null'"}:
    raise SystemExit("Words on the command line are read otherwise now.")
PY
