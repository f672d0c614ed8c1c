"""The repository itself: requirements in step, rooms apart, nothing that belongs to one machine."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from coursekit import cli

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch-cpu"}


def tracked():
    """Every file that git tracks, or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_environment_in_step_with_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["lessons"]]
    wanted = {re.match(r"[\w-]+", need)[0]: need for need in needs}
    wanted = {CONDA_NAMES.get(name, name) + need[len(name) :] for name, need in wanted.items()}
    lines = (ROOT / "environment.yml").read_text().split("- pip:\n")[0].splitlines()
    listed = {line.partition("#")[0].strip()[2:] for line in lines if line.startswith("  - ")} - {"conda-forge", "pip"}
    assert {name for name in listed if not name.startswith("python=")} == wanted
    [python] = listed - wanted
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))


def test_constraints_pin_every_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    needs = [need for need in needs if not need.startswith(project["name"])]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert {re.match(r"[\w-]+", need)[0].lower() for need in needs} <= pinned


@pytest.mark.parametrize(("room", "stranger"), [("coursekit", "vanishing"), ("vanishing", "coursekit")])
def test_rooms_do_not_import_each_other(room, stranger):
    imports = rf"^\s*(?:from|import)\s+{stranger}\b"
    guilty = [p.name for p in (ROOT / "src" / room).rglob("*.py") if re.search(imports, p.read_text(), re.MULTILINE)]
    assert guilty == []


def test_engine_does_not_name_the_subject():
    guilty = [p.name for p in (ROOT / "src" / "coursekit").rglob("*.py") if "gradient" in p.read_text().lower()]
    assert guilty == []


def test_nothing_of_one_machine_is_tracked():
    pattern = re.compile(
        r"pythonhosted|pypi\.org|npmjs\.(?:org|com)|deb\.debian|/root/|/work/[a-z]|/home/\w+|/tmp/\w+/"
    )
    guilty = []
    for path in tracked():
        if path.suffix in {".png", ".pdf"} or path == Path(__file__):
            continue
        guilty += [f"{path.relative_to(ROOT)}: {m[0]}" for m in pattern.finditer(path.read_text(encoding="utf-8"))]
    assert guilty == []


def test_make_refuses_an_old_python_in_one_sentence(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9); exec(sys.argv[1])" "$2"\n')
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    done = subprocess.run(["make", "lab", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


def steps(text):
    """The shell lines of a workflow."""
    jobs = yaml.safe_load(text)["jobs"].values()
    return [line for job in jobs for step in job["steps"] for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_call_what_exists(path, capsys):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = steps(path.read_text())
    assert {target for line in called for target in re.findall(r"\bmake (\w+)", line)} <= targets
    for command in [name for line in called for name in re.findall(r"\bcourse (\w+) --", line)]:
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
    capsys.readouterr()


@pytest.mark.parametrize("path", sorted((ROOT / "findings").glob("*.sh")), ids=lambda path: path.stem)
def test_a_finding_can_be_run_and_says_what_was_guessed_and_seen(path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\n# Guess: " in text
    assert "\n# Seen:  " in text
    assert "set -euo pipefail\nfolder=$(mktemp -d)\n" in text
    assert not re.search(r"coursekit|\bvanishing\b", text)
    installed = re.findall(r"pip install -q --disable-pip-version-check (.+)", text)
    assert installed
    assert all("==" in package for line in installed for package in line.split())
