"""An autograder zip for Gradescope made from a lesson: the course, the reference's values on a seed, no solution.

Gradescope runs setup.sh once and run_autograder for each submission, in a container of its own
(https://gradescope-autograders.readthedocs.io/en/latest/specs/).
"""

import functools
import json
import os
from pathlib import Path

from coursekit.grading.sandbox import Sandbox
from coursekit.grading.unit import load_known, reference_values
from coursekit.lessons.errors import CourseError
from coursekit.lessons.notebook import text_of
from coursekit.publishing.bundle import contents, pack

SETUP = """#!/usr/bin/env bash
# The course's own Python and a sandbox. PIP_EXTRA_INDEX_URL may name an index with a CPU build of PyTorch.
set -euo pipefail
apt-get update
apt-get install -y bubblewrap util-linux
python=""
for each in python3.13 python3.12 python3.11 python3; do
  if command -v "$each" > /dev/null && "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$each
    break
  fi
done
if [ -z "$python" ]; then
  apt-get install -y python3.11
  python=python3.11
fi
apt-get install -y "$("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")')-venv"
"$python" -m venv /autograder/venv
cd /autograder/source/course
/autograder/venv/bin/pip install -c constraints.txt '.[grading]'
"""
RUN = """#!/usr/bin/env bash
exec /autograder/venv/bin/python -m coursekit.grading.harness /autograder
"""
PROMISES = (
    "The same notebook gets the same verdicts as from `course grade` with this seed, as far as Gradescope's container "
    "confines it. It cannot promise:",
    "- a sandbox: where the container forbids namespaces, answers run as they are, beside what judges them "
    "(extra_data of results.json says so), and whoever wants to can change the verdict;",
    "- new inputs: the seed is the same for everybody until you export again, and who hands in often learns from it;",
    "- a look by eye, overrides, a rubric or lateness: these are Gradescope's own.",
)


def export(course, lesson, out, seed):
    """Write the zip for Gradescope into the folder `out`; return its path. Its bytes depend on files and seed alone."""
    out = Path(out)
    path = out / f"{lesson.name}-gradescope.zip"
    if path.exists():
        raise CourseError(f"{path} is there already: remove it, or export to another folder.")
    files = {f"course/{name}": content for name, content in contents(course, [lesson]).items()}
    # The course's own answers need no sandbox, and this must work where there is none.
    right = reference_values(lesson, course.solutions(lesson), seed, functools.partial(Sandbox, unsafe=True))
    assignment = {"name": lesson.path.name, "lesson": text_of(lesson.notebook), "seed": seed, "right": right}
    assignment["known"] = load_known(course, lesson)
    files["assignment.json"] = (json.dumps(assignment, sort_keys=True) + "\n").encode()
    files |= {"setup.sh": SETUP.encode(), "run_autograder": RUN.encode()}
    out.mkdir(parents=True, exist_ok=True)
    pack(path.with_suffix(".part"), files)
    os.replace(path.with_suffix(".part"), path)
    return path
