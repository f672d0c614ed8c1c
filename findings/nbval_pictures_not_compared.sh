#!/usr/bin/env bash
# nbval: a picture that differs passes, an SVG that differs fails.
#
# Guess: every stored output is compared, pictures by their bytes, unless a sanitiser or a tag says otherwise.
# Seen:  image/png is left out of the comparison without a word; image/svg+xml and text/html are compared.
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


def picture(kind, now, stored):
    source = f"from IPython.display import display\ndisplay({{{kind!r}: {now!r}}}, raw=True)"
    return new_code_cell(source, outputs=[new_output("display_data", {kind: stored})], execution_count=1)


found = {
    "image/png": verdict("png", picture("image/png", "aGVsbG8=", "d29ybGQ=")),
    "image/svg+xml": verdict("svg", picture("image/svg+xml", "<svg/>", "<svg id='2'/>")),
}
print("nbval", version("nbval"), "| another picture than the stored one:", found)
if found != {"image/png": "passes", "image/svg+xml": "fails"}:
    raise SystemExit("nbval compares pictures otherwise now.")
PY
