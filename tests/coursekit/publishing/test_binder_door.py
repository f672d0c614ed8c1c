"""What Binder makes of the class's repository: read by repo2docker itself, as far as that goes without Docker."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.lessons.course import Course
from coursekit.publishing.bundle import student_repository
from layered import environment, layered

READER = "jupyter-repo2docker==2026.4.0"


@pytest.fixture(scope="module")
def repository(root, tmp_path_factory):
    """A class's repository of this course's first lessons."""
    folder = tmp_path_factory.mktemp("binder") / "class"
    assert student_repository(Course(root), ["1", "2"], folder) == []
    return folder


def test_binder_builds_the_environment_and_then_the_copies(repository):
    if (folder := layered(READER)) is None:
        pytest.skip(f"{READER} could not be installed: is there a package index?")
    command = [folder / "bin" / "python", "-m", "repo2docker", "--no-build", "--debug", "--user-id=1000"]
    command += ["--user-name=jovyan", repository]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    assert "Building conda environment for python=3.12\n" in said
    # Its own environment first; then what environment.yml names, with our files in place; then our script.
    wanted = ["environment-2epy-2d3-2e12-2dlinux", r"^COPY .*src/ \$\{REPO_DIR\}/", 'env update .*"environment.yml"']
    wanted += [r"^RUN chmod \+x postBuild$", r"^RUN \./postBuild$"]
    missing = [line for line in wanted if not re.search(line, said, re.MULTILINE)]
    assert missing == []
    places = [re.search(line, said, re.MULTILINE).start() for line in wanted]
    assert places == sorted(places)


def test_after_that_the_copies_to_which_links_lead_are_there(repository):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["./postBuild"], cwd=repository, env=os.environ | {"PATH": path}, check=True, capture_output=True)
    assert {path.name for path in (repository / "work").glob("[0-9]*")} == {
        path.name for path in (repository / "lessons").glob("*.ipynb")
    }
