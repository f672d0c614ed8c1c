"""Every command of the instructor's guide does what the guide says, here with a toy course in place of the lessons."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import toy
from coursekit import cli, sandbox
from coursekit.lesson import text_of

GUIDE = (Path(__file__).parents[1] / "book" / "teach.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```\n(course [^\n]+)\n```$", GUIDE, re.MULTILINE)


def on_toy(command):
    """A command of the guide for the toy course, whose only lesson is the first."""
    return shlex.split(re.sub(r"\b(03 10|03)\b", "01", command))[1:]


@pytest.mark.parametrize("command", [c for c in COMMANDS if " grade " not in c and " book " not in c])
def test_a_command_of_the_guide(command, toy_course, monkeypatch, capsys, root):
    for name in ("src", "pyproject.toml", "constraints.txt", "environment.yml", "LICENSE", "LICENSE-text"):
        (toy_course.root / name).symlink_to(root / name)
    monkeypatch.chdir(toy_course.root)
    assert cli.main(on_toy(command)) == 0, capsys.readouterr()


@pytest.mark.skipif(not sandbox.available(), reason="grading needs bubblewrap (apt install bubblewrap)")
def test_the_guides_grading(toy_course):
    (toy_course.root / "submissions").mkdir()
    (toy_course.root / "submissions" / "Ada.ipynb").write_text(text_of(toy.notebook(toy.answered())))
    graded = [command for command in COMMANDS if " grade " in command]
    assert len(graded) == 3
    for command in graded:
        done = subprocess.run(
            [sys.executable, "-m", "coursekit.cli", *on_toy(command)],
            cwd=toy_course.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    for name in re.findall(r"^\| `([\w.]+)/?` \|", GUIDE, re.MULTILINE):
        assert (toy_course.root / "results" / name).exists(), name
    assert "Ada" in (toy_course.root / "appeal" / "grades.csv").read_text()


def test_the_guides_edition(capsys):
    [command] = [command for command in COMMANDS if " book " in command]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*shlex.split(command)[1:], "--help"])
    assert stopped.value.code == 0
    assert "--instructor" in capsys.readouterr().out
