#!/usr/bin/env bash
# nbval: a cell that was saved without ever being run passes, whatever it prints.
#
# Guess: a cell whose stored outputs are empty and that now prints something fails, as other differences do.
# Seen:  with an execution count it fails; with none, as after `clear outputs` or in a cell that was forgotten, it passes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbval==0.11.0 pytest==9.2.0 nbformat==5.11.1 ipykernel==7.4.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output


def verdict(name, cell):
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[cell], metadata=about), f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", f"{name}.ipynb"]
    return "passes" if subprocess.run(command, capture_output=True, check=False).returncode == 0 else "fails"


found = {count: verdict(f"count_{count}", new_code_cell("1 / 3", execution_count=count)) for count in (1, None)}
print("nbval", version("nbval"), "| nothing stored, 0.333 shown, by the stored execution count:", found)
if found != {1: "fails", None: "passes"}:
    raise SystemExit("nbval judges cells that were never run otherwise now.")
PY
