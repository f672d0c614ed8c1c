"""The `course` command: exit status, one sentence for what cannot be used, never a traceback."""

import io
import re
import shutil
import subprocess
import sys

import pytest

import toy
from coursekit import cli, kernels
from coursekit.lesson import text_of
from coursekit.verify import PROOFS


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
    assert "✓ 1.1  3 of 3" in out
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
        "utf16": good.encode("utf-16"),
        "nul": good.encode() + b"\0\0",
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
    monkeypatch.setattr("coursekit.lab.open_lab", lambda *arguments: started.append(arguments) or 3)
    status, out, _ = course("lab", "1", "--work", course.root / "mine", "--", "--no-browser", "--port=1")
    assert status == 3
    assert out.endswith(f"Opening lesson 1 from {course.root / 'mine'}\n")
    assert started[0][1:] == (course.root / "mine", "1", ["--no-browser", "--port=1"])


def test_record_says_how_long_it_took(course, monkeypatch):
    recorded = []
    monkeypatch.setattr("coursekit.record.record", lambda where, lesson: recorded.append(lesson.name) or lesson)
    status, out, _ = course("record")
    assert (status, recorded) == (0, ["01_sums"])
    assert re.fullmatch(r"01_sums: recorded in \d+\.\d s\n", out)


@pytest.mark.parametrize("found", [[], [("text", "no cell prints 5.35"), ("form", "it has no form")]])
def test_verify_is_1_when_something_does_not_hold(found, course, monkeypatch):
    monkeypatch.setattr("coursekit.verify.problems", lambda *_: found)
    status, out, _ = course("verify", "01")
    assert status == bool(found)
    assert out.startswith(f"01_sums: {len(found) or 'no'} problems in {len(PROOFS)} proofs, ")
    assert out.splitlines()[1:] == [f"  {proof}: {sentence}" for proof, sentence in found]


def test_stats(course):
    status, out, _ = course("stats", "1")
    assert status == 0
    assert out.splitlines()[1].split()[0] == "01_sums"
    assert out.splitlines()[1].split()[-2:] == ["2", "6"]
    (course.root / "solutions" / "01_sums.ipynb").unlink()
    assert course("stats")[1].splitlines()[1].split()[-1] == "-"


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
    monkeypatch.setattr("coursekit.report._verdict", lambda *_: ("wrong", "✗ 1.1  wrong"))
    assert cli.main(["check", "1"]) == 1
    terminal.flush()
    assert b"? 1.1  wrong" in terminal.buffer.getvalue()


def test_stop_is_said(course, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("coursekit.lab.update", stopped)
    assert course("lab") == (130, "", "course: stopped\n")


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
    monkeypatch.setattr("coursekit.verify.problems", lambda _, lesson: [("text", lesson.number)])
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
    assert [line.split()[0] for line in out.splitlines()] == ["Binder", "Colab", "nbgitpuller"]
    status, out, _ = course("colab", "--repository", address, "--out", tmp_path / "colab")
    assert status == 0
    assert f"git+{address}@main" in (tmp_path / "colab" / "01_sums.ipynb").read_text()
    (tmp_path / "colab" / "01_sums.ipynb").write_text("somebody's notes")
    status, _, err = course("colab", "--repository", address, "--out", tmp_path / "colab")
    assert (status, err.strip().endswith("give another folder, or remove it.")) == (2, True)
    assert (tmp_path / "colab" / "01_sums.ipynb").read_text() == "somebody's notes"
