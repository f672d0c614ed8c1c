"""Every command of the instructor's guide does what the guide says, in the order in which it stands there."""

import csv
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import toy
from coursekit import cli
from coursekit.grading.likeness import tag
from coursekit.grading.rubric import read_rubric
from coursekit.lessons.course import Course
from coursekit.lessons.notebook import text_of
from coursekit.proving.record import record
from sandboxed import needs_sandbox

GUIDE = (Path(__file__).parents[2] / "book" / "teach.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
ADDRESS = "https://github.com/your-name/your-class.git"


OPEN = (
    'check("1.1", squares, lambda rng: dict(values=rng.normal(size=4)),\n'
    "      measure=lambda result, values: {'size': result / np.sum(values**2)}, within={'size': (0.99, 1.01)})"
)


def renumbered(cells, number):
    """Cells of the toy lesson as those of another lesson."""
    text = json.dumps(cells).replace(": 1.", f": {number}.").replace('\\"1.', f'\\"{number}.')
    return [c if isinstance(c, str) else tuple(c) for c in json.loads(text.replace("ise 1.", f"ise {number}."))]


@pytest.fixture
def school(tmp_path, root):
    """A course with the lessons 03 and 10, the package, submissions to lesson 03 and a place to push to."""
    course = Course(tmp_path / "course")
    for number, name in (("3", "03_sums"), ("10", "10_more")):
        lesson = toy.replaced(toy.LESSON, toy.CHECK_1, OPEN)
        for folder, cells in (("lessons", lesson), ("solutions", toy.SOLUTIONS)):
            toy.write(course.root / folder / f"{name}.ipynb", renumbered(cells, number))
        record(course, course.lesson(number))
    for name in ("src", "pyproject.toml", "constraints.txt", "environment.yml", "LICENSE", "LICENSE-text"):
        (course.root / name).symlink_to(root / name)
    for folder, names in {"submissions": ["Ada Lovelace_4711", "Zoë_12"], "appeal": ["Ada Lovelace_4711"]}.items():
        for name in names:
            wrong = toy.MISTAKES["1.2", "It is transposed."] if name.startswith("Ada") else toy.RIGHT_2
            path = course.root / folder / f"{name}_assignsubmission_file_" / "03_sums.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(text_of(toy.notebook(renumbered(toy.answered(two=wrong), "3"))), encoding="utf-8")
    (course.root / "class.csv").write_text("name,id\nAda Lovelace,4711\nZoë,12\nLee Absent,13\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "public.git"], check=True)
    return course.root


def shell(lines, folder):
    """Run lines as a person would paste them; the first that fails ends it."""
    names = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COURSEKIT_", "COV_"))}
    env |= dict.fromkeys(names, "teacher@example.org") | {"PYTHONWARNINGS": "default"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    script = "\n".join(["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *lines])
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {line["learner"]: line for line in csv.DictReader(file)}


def test_the_guide_has_its_commands():
    programs = {command.split()[0] for command in COMMANDS}
    assert programs == {"course", "git", "cd", "dask", "kill"}
    used = {command.split()[1] for command in COMMANDS if command.startswith("course ")}
    assert used == {"book", "bundle", "links", "grade", "export"}


@needs_sandbox
def test_the_whole_guide_from_handing_out_to_appeals(school):
    pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    commands = [command.replace("8786", port) for command in COMMANDS if " book " not in command]
    at = next(k for k, command in enumerate(commands) if "--format canvas" in command) + 1
    first = [command.replace(ADDRESS, str(school.parent / "public.git")) for command in commands[:at]]
    done = shell(first, school)
    assert done.returncode == 0, done.stdout + done.stderr

    pushed = subprocess.run(
        ["git", "-C", school.parent / "public.git", "ls-tree", "-r", "--name-only", "main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {"README.md", "lessons/03_sums.ipynb", "lessons/10_more.ipynb", "lessons/expected/03_sums.json"} <= set(
        pushed
    )
    assert not [name for name in pushed if "solutions" in name]
    assert (school / "dist" / "vanishing-gradients-course-03-10.zip").is_file()
    assert "git-pull?repo=" in done.stdout
    assert "2 learners, as Moodle names them" in done.stdout
    assert "1 on the roster handed in nothing: Lee Absent (13)" in done.stdout
    written = GUIDE.split("| file | what |")[1].split("\n\n")[0]
    for name in re.findall(r"^\| `([\w.]+)/?` \|", written, re.MULTILINE):
        assert (school / "results" / name).exists(), name
    for name in ("moodle.csv", "moodle-feedback.zip", "canvas.csv", "canvas-feedback.zip"):
        assert (school / "results" / name).is_file()
    assert (school / "results" / "canvas.csv").read_text().splitlines()[0].endswith(",Lesson 3 (1234)")
    assert read(school / "results" / "grades.csv")["Ada Lovelace (4711)"]["points"] == "1"

    page = (school / "results" / "report.html").read_text(encoding="utf-8")
    assert "It is transposed." in page
    with (school / "results" / "rubric.csv").open("a", encoding="utf-8") as file:
        file.write(f"3.1,{tag(toy.RIGHT_1)},,0.25,so said the rubric\n")
    sheets = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    [sheet], [rubric] = ([s for s in sheets if s.startswith(start)] for start in ("learner,", "exercise,"))
    assert read_rubric(rubric, "rubric.csv", Course(school).lesson("03"))
    (school / "results" / "overrides.csv").write_text(sheet, encoding="utf-8")
    done = shell(commands[at:], school)
    assert done.returncode == 0, done.stdout + done.stderr
    found = read(school / "results" / "grades.csv")
    assert {name: line["points"] for name, line in found.items()} == {
        "Ada Lovelace (4711)": "0.75", "Zoë (12)": "3.25"}  # fmt: skip
    assert (
        "the idea is right" in (school / "results" / "feedback" / found["Ada Lovelace (4711)"]["feedback"]).read_text()
    )
    assert json.loads((school / "appeal-results" / "report.json").read_text())["seed"] == 1234567
    for folder in ("appeal-results", "cluster-results"):
        assert read(school / folder / "grades.csv")["Ada Lovelace (4711)"]["points"] == "1"
    assert (school / "gradescope" / "03_sums-gradescope.zip").is_file()
    assert (school / "nbgrader-course" / "source" / "03_sums" / "03_sums.ipynb").is_file()


def test_the_guides_edition(capsys):
    [command] = [command for command in COMMANDS if " book " in command]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*shlex.split(command)[1:], "--help"])
    assert stopped.value.code == 0
    assert "--instructor" in capsys.readouterr().out


def test_the_statuses_are_those_of_the_gradebook():
    listed = re.findall(r"^\| (\w+) \| ", GUIDE.split("| status | what it says |")[1].split("\n\n")[0], re.MULTILINE)
    from coursekit.grading.batch import SAID

    assert listed == list(SAID)
