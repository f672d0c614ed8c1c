#!/usr/bin/env bash
# nbval: what a cell prints before and after a display may change places.
#
# Guess: outputs are compared in their order, since that is what a reader sees.
# Seen:  they are compared by kind: text before and after a display, or all of it before, is the same; two displays in other order fail.
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


show = "from IPython.display import display\n"
mixed = show + "print('before')\ndisplay({'text/plain': 'picture'}, raw=True)\nprint('after')"
said = [new_output("stream", text="before\nafter\n"), new_output("display_data", {"text/plain": "picture"})]
two = show + "for name in 'ab':\n    display({'text/plain': name}, raw=True)"
swapped = [new_output("display_data", {"text/plain": name}) for name in "ba"]
found = {
    "text moved over a display": verdict("mixed", new_code_cell(mixed, outputs=said, execution_count=1)),
    "two displays swapped": verdict("two", new_code_cell(two, outputs=swapped, execution_count=1)),
}
print("nbval", version("nbval"), "|", found)
if found != {"text moved over a display": "passes", "two displays swapped": "fails"}:
    raise SystemExit("nbval compares the order of outputs otherwise now.")
PY
