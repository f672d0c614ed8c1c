#!/usr/bin/env bash
# papermill: a tuple given as a parameter reaches the notebook as text.
#
# Guess: parameters={'shape': (28, 28)} sets shape to (28, 28), or the type is refused.
# Seen:  what is not a number, string, list or dict is written with str() in quotes: shape is the string '(28, 28)' with eight characters, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check papermill==2.7.0 nbformat==5.11.1 ipykernel==7.4.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

lesson = new_notebook(
    cells=[
        new_code_cell("shape = None", metadata={"tags": ["parameters"]}),
        new_code_cell("print(type(shape).__name__, len(shape), repr(shape))"),
    ],
    metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
)
nbformat.write(lesson, "in.ipynb")
done = papermill.execute_notebook("in.ipynb", "out.ipynb", parameters={"shape": (28, 28)}, progress_bar=False)
said = done.cells[-1].outputs[0].text.strip()
print("papermill", papermill.__version__, "| the notebook got:", said)
if not said.startswith("str 8"):
    raise SystemExit("A tuple stays a tuple now.")
PY
