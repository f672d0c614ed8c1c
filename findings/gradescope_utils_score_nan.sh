#!/usr/bin/env bash
# gradescope-utils: a partial score is written as it comes: above its maximum, and NaN for the whole assignment.
#
# Guess: set_score refuses what is no number between 0 and the test's maximum, since the platform reads the file as JSON.
# Seen:  7 of 5 stands in the results and counts; one test that divides 0 by 0 makes its own score and the total NaN, and the file is no valid JSON.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check gradescope-utils==0.5.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import io
import json
import unittest
from importlib.metadata import version

import numpy as np
from gradescope_utils.autograder_utils.decorators import partial_credit, weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner


class Homework(unittest.TestCase):
    @weight(3)
    def test_right(self):
        self.assertEqual(1, 1)

    @partial_credit(5)
    def test_bonus(self, set_score=None):
        set_score(7)

    @partial_credit(5)
    def test_share(self, set_score=None):
        with np.errstate(invalid="ignore"):
            set_score(float(np.float64(0.0) / np.float64(0.0)))


def refuse(word):
    raise ValueError(f"{word} is not JSON")


written = io.StringIO()
JSONTestRunner(visibility="visible", stream=written).run(unittest.defaultTestLoader.loadTestsFromTestCase(Homework))
read = json.loads(written.getvalue())
told = {test["name"].split()[0]: (test["score"], test["max_score"]) for test in read["tests"]}
try:
    json.loads(written.getvalue(), parse_constant=refuse)
    strict = "valid JSON"
except ValueError as error:
    strict = str(error)
print("gradescope-utils", version("gradescope-utils"), "| (score, of) by test:", told, "| total:", read["score"], "|", strict)
if read["score"] == read["score"] or told["test_bonus"] != (7, 5):
    raise SystemExit("Scores are checked now.")
PY
