#!/usr/bin/env bash
# nbgrader: a test cell that ends in a number is worth that number.
#
# Guess: a cell of tests that raises nothing is worth all its points, whatever its last line shows.
# Seen:  the value of the last expression is the grade where it is a number between 0 and the points; above them grading ends with ValueError; True, None, -1 and array(0.5) count as passed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbgrader==0.9.6 nbformat==5.11.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

from nbformat.v4 import new_code_cell, new_output
from nbgrader.utils import determine_grade

about = {"grade": True, "points": 2, "grade_id": "t", "solution": False, "schema_version": 3, "locked": True}
about |= {"task": False, "cell_type": "code"}


def grade(shown):
    result = new_output("execute_result", {"text/plain": shown}, execution_count=1)
    cell = new_code_cell("assert f(1) == 1\nnumber_of_calls", outputs=[result], execution_count=1)
    cell.metadata["nbgrader"] = about
    try:
        return determine_grade(cell)[0]
    except ValueError as error:
        return str(error)


found = {shown: grade(shown) for shown in ("0", "1", "3", "True", "None", "-1", "array(0.5)")}
print("nbgrader", version("nbgrader"), "| points of 2 by what the last line shows:", found)
if not (found["0"] == 0 and found["1"] == 1 and found["-1"] == 2 and isinstance(found["3"], str)):
    raise SystemExit("The last value no longer decides in this way.")
PY
