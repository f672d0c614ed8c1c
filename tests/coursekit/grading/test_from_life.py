"""Files as learners and teachers have them, through the commands that meet them."""

import csv
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

import toy
from coursekit import cli
from coursekit.lessons.notebook import read, text_of
from coursekit.proving import kernels
from sandboxed import needs_sandbox

BLANK = {"one": toy.STUB_1, "two": toy.STUB_2}
RIGHT = "✓ 1.1  right in 3 of 3 cases"


@pytest.fixture
def course(toy_course, monkeypatch):
    """The toy course, in whose folder the commands are given."""
    monkeypatch.chdir(toy_course.root)
    return toy_course


def saved(path, when=None, **answers):
    """A learner's copy on disk."""
    toy.write(path, toy.answered(**answers))
    if when:
        os.utime(path, (when, when))
    return path


def rows(folder, capsys, status=0):
    """{learner: line of grades.csv, with its note} of `course grade` on a folder or a zip."""
    out = folder.with_name("results")
    assert cli.main(["grade", str(folder), "--lesson", "01", "--out", str(out), "--jobs", "1"]) == status
    capsys.readouterr()
    lines = {}
    for name in ("manifest.csv", "grades.csv"):
        with (out / name).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                lines.setdefault(line["learner"], {}).update(line)
    return lines


@needs_sandbox
def test_a_class_that_lies_in_one_outer_folder_is_a_row_each(course, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for name, one in (("Ada", toy.RIGHT_1), ("Emmy", toy.STUB_1), ("Kurt", "def squares(values):\n    return 1.0")):
            text = text_of(toy.notebook(toy.answered(one=one, two=toy.STUB_2)))
            archive.writestr(f"submissions/{name}/01_sums.ipynb", text)
    found = rows(tmp_path / "submissions.zip", capsys)
    assert {name: line["1.1"] for name, line in found.items()} == {"Ada": "1", "Emmy": "0", "Kurt": "0"}


@needs_sandbox
@pytest.mark.parametrize("copy", ["01_sums.new.ipynb", "01_sums-Copy1.ipynb", "01_sums (1).ipynb"])
def test_an_answered_copy_counts_before_a_blank_one_and_it_is_said(copy, course, tmp_path, capsys):
    """Whichever of the two is the copy, and whichever was saved last."""
    for name, answered, blank in (("Ada", "01_sums.ipynb", copy), ("Emmy", copy, "01_sums.ipynb")):
        saved(tmp_path / "inbox" / name / answered, 10**9, two=toy.STUB_2)
        saved(tmp_path / "inbox" / name / blank, 2 * 10**9, **BLANK)
    found = rows(tmp_path / "inbox", capsys)
    for name, answered, blank in (("Ada", "01_sums.ipynb", copy), ("Emmy", copy, "01_sums.ipynb")):
        assert found[name]["1.1"] == "1"
        assert found[name]["file"] == f"{name}/{answered}"
        assert f"counts (it has answers); not: {name}/{blank}" in found[name]["note"]
        work = ["--work", str(tmp_path / "inbox" / name)]
        cli.main(["check", "01", *work])
        shown = capsys.readouterr().out
        assert RIGHT in shown
        assert f"{answered} counts (the only one with answers), not {blank}" in shown
        cli.main(["progress", *work])
        assert f"{answered} counts (the only one with answers), not {blank}" in capsys.readouterr().out


def test_copies_beside_lessons_stop_no_command(course, tmp_path, capsys):
    lesson = course.lessons / "01_sums.ipynb"
    copies = ["01_sums-Copy1.ipynb", "01_sums (1).ipynb", "01_sums__20221104104101.ipynb", "Copy of 01_sums.ipynb",
              "01_sums (conflicted copy 2026-01-01).ipynb", "01_sums.new.ipynb"]  # fmt: skip
    for name in copies:
        (course.lessons / name).write_bytes(lesson.read_bytes())
    (course.lessons / "Untitled.ipynb").write_text("{}")
    (course.root / "pyproject.toml").write_text('[project]\nname = "sums"\n')
    work = ["--work", str(tmp_path / "work")]
    for asked in (["lab", "--copy-only", *work], ["progress", *work], ["bundle", "--out", str(tmp_path / "dist")]):
        assert cli.main(asked) == 0
        told = capsys.readouterr().err
        assert [
            name for name in copies if f"lessons/{name} is passed over: lesson 01 is 01_sums.ipynb." in told
        ] == copies
    saved(tmp_path / "work" / "01_sums.ipynb")
    assert cli.main(["check", "1", *work]) == 0
    with zipfile.ZipFile(tmp_path / "dist" / "sums.zip") as archive:
        assert [name for name in archive.namelist() if name.endswith(".ipynb")] == ["sums/lessons/01_sums.ipynb"]


@needs_sandbox
@pytest.mark.parametrize("name", ["01_sums.ipynb.txt", "01_sums.ipynb.json", "Copy of 01_sums.ipynb (2)"])
def test_endings_that_browsers_add(name, course, tmp_path, capsys):
    saved(tmp_path / "inbox" / "Ada" / name, two=toy.STUB_2)
    assert rows(tmp_path / "inbox", capsys)["Ada"]["1.1"] == "1"
    cli.main(["check", str(tmp_path / "inbox" / "Ada" / name)])
    assert RIGHT in capsys.readouterr().out
    cli.main(["progress", "--work", str(tmp_path / "inbox" / "Ada")])
    assert "! 1.1" in capsys.readouterr().out  # answered, and no check has run


@needs_sandbox
def test_conflict_markers_and_commas_are_named_with_their_line(course, tmp_path, capsys):
    text = text_of(toy.notebook(toy.answered()))
    line = text.split("\n").index('   "outputs": [],') + 1
    conflict = text.replace('   "outputs": [],', '<<<<<<< HEAD\n   "outputs": [],\n=======\n>>>>>>> theirs', 1)
    damaged = {
        "conflict": (conflict, f"has git's conflict markers in it, from line {line} on"),
        "comma": (text.replace('   "outputs": [],', '   "outputs": [,],', 1), f"damaged in line {line}, column"),
        "trailing": (text.replace("\n  }\n ]", "\n  },\n ]"), "has a comma too many at the end of line"),
        "twice": (text + text, "holds two notebooks"),
    }
    for name, (content, _) in damaged.items():
        (tmp_path / "inbox" / name).mkdir(parents=True)
        (tmp_path / "inbox" / name / "01_sums.ipynb").write_text(content)
    found = rows(tmp_path / "inbox", capsys)
    for name, (_, says) in damaged.items():
        assert says in found[name]["reason"]
        work = ["--work", str(tmp_path / "inbox" / name)]
        assert cli.main(["check", "01", *work]) == 2
        assert says in capsys.readouterr().err
        assert cli.main(["progress", *work]) == 0
        assert says in capsys.readouterr().out


def command(*arguments, **variables):
    """A command in a process of its own: (status, what it printed, what it complained about)."""
    called = [sys.executable, "-m", "coursekit.cli", *arguments]
    done = subprocess.run(called, env=os.environ | variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_record_keeps_pictures_and_names_what_it_would_lose(course):
    path = course.lessons / "01_sums.ipynb"
    book = read(path)
    book.cells[0].attachments = {"plot.png": {"image/png": "aGk="}}
    book.cells[0].source += "\n\n![A plot](attachment:plot.png)"
    book.cells[0].metadata["slideshow"] = {"slide_type": "slide"}
    path.write_text(text_of(book))
    assert command("record", "01", "--quick")[::2] == (0, "")
    first = read(path).cells[0]
    assert first.attachments == {"plot.png": {"image/png": "aGk="}}
    assert first.metadata == {"slideshow": {"slide_type": "slide"}}
    book.cells[0].metadata["figure"] = {"caption": "A plot"}
    path.write_text(text_of(book))
    before = path.read_bytes()
    status, _, said = command("record", "01", "--quick")
    assert status == 2
    assert "Cell 1 has the metadata 'figure'" in said
    assert path.read_bytes() == before


def test_a_home_that_cannot_be_written_changes_nothing(course, tmp_path):
    """As in a container that runs under a number without a home; nothing that lies in a home gets into a recording."""
    (tmp_path / "home").write_text("a file")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    status, said, complaint = command("verify", "01", "--jobs", "1", **home)
    assert (status, complaint) == (0, "")
    assert re.fullmatch(r"01_sums: no problems in \d+ proofs, [\d.]+ s\n", said)


def test_a_right_verdict_stays_when_the_docstring_is_translated(course, tmp_path, capsys):
    """And is gone when the answer is another, even if the kernel was restarted and outputs are from before."""
    documented = toy.STUB_1.replace("\n    ...", "\n    return float(np.sum(values**2))")
    ran = kernels.run(toy.notebook(toy.answered(one=documented, two=toy.STUB_2)), course.expected)
    path = tmp_path / "01_sums.ipynb"
    for old, new, sign in (
        ("Sum of the squares of an array; returns a float.", "Summe der Quadrate eines Feldes", "✓"),
        ("values**2", "values**3", "!"),
    ):
        for cell in ran.cells:
            cell.source = cell.source.replace(old, new)
        path.write_text(text_of(ran), encoding="utf-8")
        assert cli.main(["progress", "--work", str(tmp_path)]) == 0
        assert f"{sign} 1.1  ○ 1.2" in capsys.readouterr().out
    for cell in ran.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path.write_text(json.dumps(ran), encoding="utf-8")
    assert cli.main(["progress", "--work", str(tmp_path)]) == 0
    assert "! 1.1  ○ 1.2" in capsys.readouterr().out
