"""An autograder zip for Gradescope: what is in it, and that it gives the verdicts of `course grade`."""

import json
import stat
import subprocess
import sys
import zipfile

import pytest

import toy
from coursekit.grading import harness
from coursekit.grading.submissions import one_submission
from coursekit.lessons.errors import CourseError
from coursekit.lessons.notebook import text_of
from coursekit.publishing.autograder import PROMISES, export
from sandboxed import needs_sandbox

SEED = 4711


@pytest.fixture
def course(recorded_toy, tmp_path, root):
    """The toy course with a package, as a bundle needs it."""
    made = toy.make_course(tmp_path / "course")
    for name in ("pyproject.toml", "constraints.txt", "LICENSE"):
        (made.root / name).symlink_to(root / name)
    expected = made.expected / "01_sums.json"
    expected.parent.mkdir(parents=True)
    expected.write_bytes((recorded_toy.expected / "01_sums.json").read_bytes())
    return made


@pytest.fixture
def zipped(course, tmp_path):
    return export(course, course.lesson(1), tmp_path / "out", SEED)


def test_what_is_in_it_and_what_is_not(zipped, course, tmp_path):
    with zipfile.ZipFile(zipped) as archive:
        modes = {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in archive.infolist()}
        texts = {name: archive.read(name).decode() for name in modes}
    assert {"setup.sh", "run_autograder", "assignment.json", "course/lessons/01_sums.ipynb"} <= set(modes)
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert not [name for name in modes if "solutions" in name]
    for answer in (toy.RIGHT_1, toy.RIGHT_2, *toy.MISTAKES.values()):
        assert not [name for name, text in texts.items() if answer.splitlines()[1].strip() in text]
    for script in ("setup.sh", "run_autograder"):
        done = subprocess.run(["bash", "-n"], input=texts[script], text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    again = export(course, course.lesson(1), tmp_path / "again", SEED)
    assert again.read_bytes() == zipped.read_bytes()
    with pytest.raises(CourseError, match="is there already"):
        export(course, course.lesson(1), tmp_path / "again", SEED)


@needs_sandbox
def test_it_gives_the_verdicts_of_course_grade(zipped, tmp_path):
    folder = tmp_path / "autograder"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder / "source")
    (folder / "submission").mkdir()
    wrong = toy.MISTAKES["1.2", "It is transposed."]
    (folder / "submission" / "mine.ipynb").write_text(text_of(toy.notebook(toy.answered(two=wrong))))
    command = [sys.executable, "-m", "coursekit.grading.harness", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results" / "results.json").read_text())
    assert (results["score"], results["extra_data"]["sandbox"]) == (1.0, "confined")
    assert [(t["name"], t["score"], t["max_score"], t["status"]) for t in results["tests"]] == [
        ("1.1", 1.0, 1.0, "passed"), ("1.2", 0.0, 3.0, "failed")]  # fmt: skip
    assert results["tests"][1]["output"].startswith("It is transposed.")
    assert not (folder / "source" / "assignment.json").exists()


def test_where_there_is_no_sandbox_it_says_so(zipped, tmp_path, monkeypatch):
    with zipfile.ZipFile(zipped) as archive:
        assignment = json.loads(archive.read("assignment.json"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.ipynb").write_text(text_of(toy.notebook(toy.answered())))
    asked = []
    monkeypatch.setattr(harness, "obstacle", lambda: "bubblewrap may not make namespaces here")
    monkeypatch.setattr(harness, "work", lambda *given: asked.append(given[-1]) or {"unreadable": "so it is"})
    results = harness.graded(assignment, tmp_path / "mine")
    assert asked == [True]
    assert "There is no sandbox in this container (bubblewrap may not" in results["extra_data"]["sandbox"]
    assert any("a sandbox: where the container forbids namespaces" in line for line in PROMISES)


def test_a_submission_without_a_notebook_gets_a_reason(zipped, tmp_path):
    with zipfile.ZipFile(zipped) as archive:
        assignment = json.loads(archive.read("assignment.json"))
    (tmp_path / "mine").mkdir()
    results = harness.graded(assignment, tmp_path / "mine")
    assert (results["score"], [t["status"] for t in results["tests"]]) == (0.0, ["failed", "failed"])
    assert "its folder is empty" in results["output"]
    (tmp_path / "mine" / "a.pdf").write_bytes(b"%PDF")
    assert "there is no notebook, only submission/a.pdf" in harness.graded(assignment, tmp_path / "mine")["output"]
    (tmp_path / "mine" / "x").mkdir()
    (tmp_path / "mine" / "x" / "any name.ipynb").write_text(text_of(toy.notebook(toy.answered())))
    assert one_submission(tmp_path / "mine", toy.make_lesson()).file == "submission/x/any name.ipynb"
