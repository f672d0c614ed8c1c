"""The harness of an autograder zip: grades the one submission that lies in Gradescope's container.

`python -m coursekit.grading.harness /autograder` reads source/assignment.json and submission/, and writes
results/results.json (https://gradescope-autograders.readthedocs.io/en/latest/specs/).
"""

import json
import sys
from pathlib import Path

from coursekit.grading.judging import judge
from coursekit.grading.sandbox import obstacle
from coursekit.grading.submissions import one_submission
from coursekit.grading.unit import work
from coursekit.grading.visible import visible
from coursekit.lessons.notebook import Lesson, parse

UNCONFINED = "There is no sandbox in this container ({}): the answers ran as they were, beside what judges them."


def main(folder):
    """Grade what lies in `folder`/submission and write `folder`/results/results.json."""
    folder = Path(folder)
    source = folder / "source" / "assignment.json"
    assignment = json.loads(source.read_text(encoding="utf-8"))
    source.unlink()  # the container is used once: nothing that an answer could read has the reference's values
    results = graded(assignment, folder / "submission")
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


def graded(assignment, folder):
    """What Gradescope wants to know of one submission, as plain data."""
    lesson = Lesson(Path(assignment["name"]), parse(assignment["lesson"], assignment["name"]))
    submission, right, unsafe = one_submission(folder, lesson), assignment["right"], obstacle()
    found = {"unreadable": submission.problem}
    if not submission.problem:
        found = work(submission.text, assignment["name"], assignment["lesson"], assignment["seed"], right, bool(unsafe))
    outcomes = judge(lesson, found, right, assignment["known"])
    said = [f"Graded: {submission.file}", submission.note, found.get("unreadable", "")]
    return {
        "score": float(sum(outcome.points for outcome in outcomes)),
        "output": visible("\n".join(filter(None, said)), kept="\n"),
        "stdout_visibility": "hidden",
        "tests": [_test(outcome) for outcome in outcomes],
        "extra_data": {"sandbox": UNCONFINED.format(unsafe) if unsafe else "confined"},
    }


def _test(outcome):
    said = "\n".join(filter(None, [outcome.practice, outcome.reason]))
    return {
        "name": outcome.exercise,
        "score": float(outcome.points),
        "max_score": float(outcome.of),
        "status": "passed" if outcome.status == "right" else "failed",
        "output": visible(said, kept="\n"),
        "visibility": "visible",
    }


if __name__ == "__main__":
    main(sys.argv[1])
