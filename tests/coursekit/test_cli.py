"""The `course` command: exit status, one sentence for what cannot be used, never a traceback."""

import io
import re
import shutil
import subprocess
import sys
import time
from argparse import Namespace

import pytest

import toy
from coursekit import cli
from coursekit.grading import batch
from coursekit.lessons.errors import CourseError
from coursekit.lessons.notebook import text_of
from coursekit.proving import kernels
from coursekit.proving.verify import PROOFS


@pytest.fixture
def course(toy_course, monkeypatch, capsys):
    """Runs a command in the toy course and returns (status, stdout, stderr)."""
    monkeypatch.chdir(toy_course.root)

    def run(*arguments):
        status = cli.main(list(map(str, arguments)))
        return status, *capsys.readouterr()

    run.root = toy_course.root
    return run


def copy(root, cells):
    path = root / "work" / "01_sums.ipynb"
    toy.write(path, cells)
    return path


def test_check_is_1_when_something_is_wrong(course):
    path = copy(course.root, toy.answered(two=toy.STUB_2))
    before = path.read_bytes()
    status, out, err = course("check", "1")
    assert (status, err) == (1, "")
    assert "✓ 1.1  right in 3 of 3" in out
    assert "○ 1.2  not answered yet" in out
    assert out.endswith("1 of 2 exercises are right.\n")
    assert path.read_bytes() == before


def test_check_is_0_when_all_is_right(course, tmp_path):
    path = toy.write(tmp_path / "elsewhere" / "Übung mit Lücken.ipynb", toy.answered())
    status, out, err = course("check", path)
    assert (status, err) == (0, "")
    assert out.endswith("2 of 2 exercises are right.\n")


def unusable(root):
    good = text_of(toy.notebook(toy.answered()))
    files = {
        "empty": b"",
        "cut": good[:1000].encode(),
        "text": b"hello",
        "three": b'{"nbformat": 3, "worksheets": []}',
        "other": text_of(toy.notebook([("code", "#| exercise: 9.1\n...")])).encode(),
        "foreign": text_of(toy.notebook([("code", "x = 1")])).encode(),
    }
    for name, content in files.items():
        (root / f"{name}.ipynb").write_bytes(content)
    with (root / "huge.ipynb").open("wb") as file:
        file.truncate(100_000_000)
    return [
        *(f"{name}.ipynb" for name in files),
        "huge.ipynb",
        "lessons",
        "missing.ipynb",
        "2",
        "123",
        "1",
        "",
        "²",
        "x\0y",
    ]


def test_check_is_2_for_what_cannot_be_used(course):
    for name in unusable(course.root):
        status, out, err = course("check", name)
        assert (status, out) == (2, ""), name
        assert err.startswith("course: "), name
        assert err.count("\n") == 1, name
        assert err.endswith(".\n"), err


def test_a_kernel_that_does_not_start_is_one_sentence(course, monkeypatch):
    copy(course.root, toy.answered())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    status, out, err = course("check", "1")
    assert (status, out) == (2, "")
    assert "nbval did not run" in err


def test_a_folder_that_cannot_be_written_is_one_sentence(course):
    (course.root / "work").write_text("a file in the way")
    status, out, err = course("lab", "--copy-only")
    assert (status, out) == (2, "")
    assert err.startswith("course: File exists: ")


def test_lab_makes_copies_once(course):
    assert course("lab", "--copy-only") == (0, "01_sums.ipynb: your own copy is made\n", "")
    assert course("lab", "--copy-only") == (0, "", "")
    assert (course.root / "work" / "01_sums.ipynb").is_file()


def test_lab_passes_its_options_on(course, monkeypatch):
    started = []
    monkeypatch.setattr("coursekit.learning.lab.open_lab", lambda *arguments: started.append(arguments) or 3)
    status, out, _ = course("lab", "1", "--work", course.root / "mine", "--", "--no-browser", "--port=1")
    assert status == 3
    assert out.endswith(f"Opening lesson 1 from {course.root / 'mine'}\n")
    assert started[0][1:] == (course.root / "mine", "1", ["--no-browser", "--port=1"])


def test_record_says_how_long_it_took(course, monkeypatch):
    recorded = []
    monkeypatch.setattr(
        "coursekit.proving.record.record", lambda where, lesson, quick: recorded.append(lesson.name) or lesson
    )
    status, out, _ = course("record")
    assert (status, recorded) == (0, ["01_sums"])
    assert re.fullmatch(r"01_sums: recorded in \d+\.\d s\n", out)


@pytest.mark.parametrize("found", [[], [("text", "no cell prints 5.35"), ("form", "it has no form")]])
def test_verify_is_1_when_something_does_not_hold(found, course, monkeypatch):
    monkeypatch.setattr("coursekit.proving.verify.problems", lambda *_: found)
    status, out, _ = course("verify", "01")
    assert status == bool(found)
    assert out.startswith(f"01_sums: {len(found) or 'no'} problems in {len(PROOFS)} proofs, ")
    assert out.splitlines()[1:] == [f"  {proof}: {sentence}" for proof, sentence in found]


def test_stats(course):
    status, out, _ = course("stats", "1")
    assert status == 0
    assert out.splitlines()[1].split()[0] == "01_sums"
    assert out.splitlines()[1].split()[-4:] == ["2", "6", "15", "0"]
    (course.root / "solutions" / "01_sums.ipynb").unlink()
    assert course("stats")[1].splitlines()[1].split()[-3:] == ["-", "15", "0"]


def test_no_course_and_no_solutions_are_one_sentence(course):
    assert course("verify", "7") == (2, "", "course: There is no lesson 7: this course has 01.\n")
    (course.root / "solutions" / "01_sums.ipynb").unlink()
    status, _, err = course("record", "1")
    assert status == 2
    assert "has no solutions here" in err


def test_a_terminal_without_signs_gets_question_marks(course, monkeypatch):
    copy(course.root, toy.answered())
    monkeypatch.setattr(kernels, "compare", lambda *_, **__: [])
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr("coursekit.proving.report._verdict", lambda *_: ("wrong", "✗ 1.1  wrong"))
    assert cli.main(["check", "1"]) == 1
    terminal.flush()
    assert b"? 1.1  wrong" in terminal.buffer.getvalue()


def test_stop_is_said(course, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("coursekit.learning.lab.update", stopped)
    assert course("lab") == (130, "", "course: stopped\n")
    monkeypatch.setattr("coursekit.grading.batch.grade_folder", stopped)
    said = "course: stopped: the same command goes on where it was\n"
    assert course("grade", "inbox", "--lesson", "1", "--out", "out") == (130, "", said)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["check"]])
def test_nonsense_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: course" in capsys.readouterr().err


def test_the_command_runs_by_itself():
    done = subprocess.run([sys.executable, "-m", "coursekit.cli", "--help"], capture_output=True, text=True, check=True)
    assert "check your answers" in done.stdout


def test_several_lessons_side_by_side(course, monkeypatch):
    monkeypatch.setattr("coursekit.proving.verify.problems", lambda _, lesson, *__: [("text", lesson.number)])
    shutil.copy(course.root / "lessons" / "01_sums.ipynb", course.root / "lessons" / "02_again.ipynb")
    status, out, _ = course("verify", "--jobs", "2")
    assert status == 1
    assert [line.strip() for line in out.splitlines()[1::2]] == ["text: 01", "text: 02"]


def test_progress(course):
    status, out, err = course("progress")
    assert (status, out) == (2, "")
    assert err.endswith("`course lab` makes them.\n")
    course("lab", "--copy-only")
    status, out, err = course("progress")
    assert (status, err) == (0, "")
    assert "0 of 2 exercises are correct, 0 of 4 points." in out


def test_links_and_notebooks_for_colab(course, tmp_path):
    status, out, err = course("links")
    assert (status, out) == (2, "")
    assert "The repository's address is not set" in err
    address = "https://github.com/someone/sums"
    status, out, err = course("links", "1", "--repository", address, "--hub", "https://hub.example.org")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["Binder", "Colab", "nbgitpuller", "Colab"]
    status, out, err = course("links", "1", "--repository", "https://git.example.org/a/sums.git")
    assert (status, out.split()[0], err) == (0, "Binder", "")
    status, out, _ = course("colab", "--repository", address, "--out", tmp_path / "colab")
    assert status == 0
    assert f"git+{address}@main" in (tmp_path / "colab" / "01_sums.ipynb").read_text()
    (tmp_path / "colab" / "01_sums.ipynb").write_text("somebody's notes")
    status, _, err = course("colab", "--repository", address, "--out", tmp_path / "colab")
    assert (status, err.strip().endswith("give another folder, or remove it.")) == (2, True)
    assert (tmp_path / "colab" / "01_sums.ipynb").read_text() == "somebody's notes"


# bundle and grade


def hand_in(root):
    toy.write(root / "inbox" / "Ada.ipynb", toy.answered())
    toy.write(root / "inbox" / "bo_7_99_01_sums.ipynb", toy.answered(two=toy.STUB_2))


BAD_INPUT = {
    "no lesson": (["inbox", "--lesson", "7", "--out", "out"], "There is no lesson 7: this course has 01."),
    "no folder": (["nowhere", "--lesson", "1", "--out", "out"], "nowhere is neither a folder of submissions nor a zip"),
    "a text": (["README", "--lesson", "1", "--out", "out"], "README is neither a folder of submissions nor a zip"),
    "nothing": (["empty", "--lesson", "1", "--out", "out"], "empty holds no submissions"),
    "results inside": (["inbox", "--lesson", "1", "--out", "inbox/out"], "lies in the folder of submissions"),
    "results a file": (["inbox", "--lesson", "1", "--out", "README"], "README is a file: name a folder"),
    "results used": (["inbox", "--lesson", "1", "--out", "lessons"], "lessons holds other things than results"),
    "a column alone": (
        ["inbox", "--lesson", "1", "--out", "out", "--column", "X"],
        "--column names the assignment in Canvas: say --format canvas as well, or leave it out.",
    ),
    "a column for Moodle": (
        ["inbox", "--lesson", "1", "--out", "out", "--format", "moodle", "--column", "X"],
        "--column names the assignment in Canvas: say --format canvas as well, or leave it out.",
    ),
    "decisions": (["inbox", "--lesson", "1", "--out", "decided"], "line 2: nobody called 'Eve' handed in"),
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_grade_is_2_for_what_cannot_be_used(arguments, sentence, course):
    hand_in(course.root)
    (course.root / "README").write_text("no zip")
    for folder in ("empty", "decided"):
        (course.root / folder).mkdir()
    (course.root / "decided" / "overrides.csv").write_text("learner,exercise,points\nEve,1.1,1\n")
    status, out, err = course("grade", *arguments, "--unsafe")
    assert (status, out) == (2, "")
    assert err.startswith("course: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert err.endswith(".\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["grade", "inbox", "--out", "out"],
        ["grade", "inbox", "--lesson", "1"],
        ["grade", "inbox", "--lesson", "1", "--out", "out", "--jobs", "0"],
        ["grade", "inbox", "--lesson", "1", "--out", "out", "--jobs", "many"],
        ["grade", "inbox", "--lesson", "1", "--out", "out", "--seed", "-1"],
        ["grade", "inbox", "--lesson", "1", "--out", "out", "--format", "blackboard"],
        ["bundle"],
    ],
)
def test_choices_that_are_none_show_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: course" in capsys.readouterr().err


def test_grade_says_what_came_out_and_is_1_when_somebody_could_not_be_graded(course, monkeypatch):
    hand_in(course.root)
    toy.write(course.root / "inbox" / "Ada" / "second.ipynb", toy.answered())
    right = {"exercise": "1.1", "cases": [["f", 1.0]], "blank": False, "rtol": 1, "atol": 1, "within": {}, "open": True}
    found = {
        "values": {"1.1": {"credit": right}},
        "lost": {"1.2": "x"},
        "remarks": {},
        "answers": {"1.1": "", "1.2": ""},
    }
    failed = []

    def graded(tasks, *_):
        for key, submission in tasks:
            yield key, batch.Failed("no room") if submission.learner in failed else found

    monkeypatch.setattr(batch, "graded", graded)
    monkeypatch.setattr(batch, "_reference", lambda *_: {"1.1": right, "1.2": right})
    arguments = ("grade", "inbox", "--lesson", "1", "--out", "out", "--unsafe", "--format", "canvas")
    failed.append("Ada")
    status, out, err = course(*arguments)
    assert status == 1
    assert re.sub(r"\d+ s:", "T s:", out).splitlines() == [
        "2 learners, as Canvas names them:",
        "  Ada, bo (7)",
        "2 submissions in T s:",
        "      1 with an answer that broke the run",
        "      1 that could not be graded; say the command again to try once more",
        "      1 open answer not looked at yet, counted as right in canvas.csv: see look.html",
        "      1 handed in more than one notebook; manifest.csv says which one counts",
        "      1 without a number of Canvas that is surely theirs, so not known there",
        "grades.csv, report.html, report.json (for you alone: it has the seed) and feedback/ are in out",
    ]
    assert "2/2" in err
    failed.clear()
    assert course(*arguments)[0] == 0


def test_bundle_says_where_it_is(course):
    (course.root / "pyproject.toml").write_text('[project]\nname = "toys"\n')
    assert course("bundle", "--out", "dist") == (0, "The bundle is dist/toys.zip\n", "")
    status, out, _ = course("bundle", "--student-repo", "--out", "class")
    assert (status, out) == (0, "The class's repository is ready in class: commit and push it.\n")
    (course.root / "class" / "README.md").write_text("ours")
    out = course("bundle", "1", "--student-repo", "--out", "class")[1]
    assert out.startswith("README.md is not as a bundle wrote it, so it stays as it is\n")


def test_bundle_says_what_its_lessons_build_on(course):
    (course.root / "pyproject.toml").write_text('[project]\nname = "toys"\n')
    path = course.root / "lessons" / "01_sums.ipynb"
    path.write_text(path.read_text().replace("after: nothing", "after: 05, 06"))
    said = "01 builds on 05 and 06, which are not in this bundle\n"
    assert course("bundle", "1", "--out", "dist") == (0, f"The bundle is dist/toys-01.zip\n{said}", "")
    assert course("bundle", "1", "--out", "class", "--student-repo")[1].startswith(said)


def test_bundle_is_2_for_what_cannot_be_used(course):
    assert course("bundle", "1", "--out", "dist")[2].startswith("course: There is no pyproject.toml in ")
    (course.root / "pyproject.toml").write_text('[project]\nname = "toys"\n')
    assert course("bundle", "7", "--out", "dist") == (2, "", "course: There is no lesson 7: this course has 01.\n")
    (course.root / "dist").write_text("a file in the way")
    for more in ([], ["--student-repo"]):
        assert course("bundle", "--out", "dist", *more) == (2, "", "course: dist is a file: name a folder.\n")
    assert course("bundle", "--student-repo", "--out", ".")[2].startswith("course: . is the course itself")


def test_the_longest_lessons_begin_first_and_are_told_in_order(toy_course, monkeypatch):
    for number, seconds in (("02", 5), ("03", 3)):
        text = (toy_course.lessons / "01_sums.ipynb").read_text().replace("CPU 1 s", f"CPU {seconds} s")
        (toy_course.lessons / f"{number}_sums.ipynb").write_text(text)
    monkeypatch.chdir(toy_course.root)
    begun = []
    told = cli._side_by_side(lambda _, number: begun.append(number) or number, Namespace(lessons=None, jobs=1))
    assert list(told) == sorted(begun) == toy_course.numbers
    assert [int(number) for number in begun] == [2, 3, 1]


def test_after_a_lesson_that_fails_no_other_begins(toy_course, monkeypatch):
    for number in ("02", "03", "04"):
        (toy_course.lessons / f"{number}_sums.ipynb").write_text((toy_course.lessons / "01_sums.ipynb").read_text())
    monkeypatch.chdir(toy_course.root)
    begun = []

    def fail(_, number):
        begun.append(number)
        if len(begun) > 1:
            time.sleep(0.5)
        raise CourseError(f"{number} is broken")

    with pytest.raises(CourseError, match="1 is broken"):
        list(cli._side_by_side(fail, Namespace(lessons=None, jobs=1)))
    assert len(begun) < 4
