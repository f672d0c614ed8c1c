#!/usr/bin/env bash
# gradescope-utils: a test that fails inside subTest, or is skipped, is not in the results at all.
#
# Guess: a weighted test whose subtests fail counts 0 of its weight and is shown as failed; a skipped one is shown as skipped, or counts 0.
# Seen:  the runner for Gradescope writes an entry where unittest says success, failure or error; for failures inside subTest and for skips unittest
#        calls other methods, so these tests have no entry: their weight is missing from what the assignment shows, and a learner never hears of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check gradescope-utils==0.5.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import io
import json
import unittest
from importlib.metadata import version

from gradescope_utils.autograder_utils.decorators import weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner


class Homework(unittest.TestCase):
    @weight(1)
    def test_right(self):
        self.assertEqual(1, 1)

    @weight(2)
    def test_wrong(self):
        self.assertEqual(1, 2)

    @weight(4)
    def test_wrong_in_two_of_three_subtests(self):
        for k in range(3):
            with self.subTest(k=k):
                self.assertEqual(k, 0)

    @weight(8)
    def test_skipped(self):
        self.skipTest("the file is missing")


written = io.StringIO()
JSONTestRunner(visibility="visible", stream=written).run(unittest.defaultTestLoader.loadTestsFromTestCase(Homework))
told = {test["name"].split()[0]: (test["score"], test["max_score"]) for test in json.loads(written.getvalue())["tests"]}
print("gradescope-utils", version("gradescope-utils"), "| (score, of) by test:", told)
if set(told) != {"test_right", "test_wrong"}:
    raise SystemExit("Subtests or skipped tests have entries now.")
PY
