"""`course toolbox`: what `course check` has put into a learner's toolbox, and what the course lends."""

import subprocess
import sys

import pytest

import toy
from coursekit.cli import main
from coursekit.learning import lab, shelf
from coursekit.lessons.notebook import mark as mark_of
from coursekit.lessons.notebook import read, text_of

HELPED = "def square(x):\n    return x * x\n\n\ndef squares(values):\n    return float(sum(map(square, values)))"


@pytest.fixture
def work(toy_course, monkeypatch, tmp_path):
    """The copies of the toy course, which the commands are for."""
    monkeypatch.chdir(toy_course.root)
    lab.update(toy_course, tmp_path / "work")
    return tmp_path / "work"


def answer(work, source):
    path = work / "01_sums.ipynb"
    notebook = read(path)
    next(c for c in notebook.cells if mark_of(c)).source = f"#| exercise: 1.1\n{source}"
    path.write_text(text_of(notebook), encoding="utf-8")


def listed(work, capsys):
    capsys.readouterr()
    assert main(["toolbox", "--work", str(work)]) == 0
    return capsys.readouterr().out


def test_a_right_answer_is_put_there_a_wrong_one_is_not_and_none_is_lost(work, capsys):
    assert "has nothing yet" in listed(work, capsys)
    answer(work, toy.RIGHT_1)
    assert main(["check", "1", "--work", str(work)]) == 1  # the other exercise is open
    assert "In your toolbox now: from toolbox import squares" in capsys.readouterr().out
    first = (work / "toolbox.py").read_text(encoding="utf-8")
    answer(work, "def squares(values):\n    return 3.0")
    main(["check", "1", "--work", str(work)])
    assert (work / "toolbox.py").read_text(encoding="utf-8") == first
    answer(work, HELPED)
    main(["check", "1", "--work", str(work)])
    own = listed(work, capsys)
    assert "  1.1  squares\n" in own
    assert f"What these replaced is in {work / 'toolbox_before.py'}." in own
    assert toy.RIGHT_1.partition("\n")[2] in (work / "toolbox_before.py").read_text(encoding="utf-8")
    script = "import numpy as np\nfrom toolbox import squares\nprint(squares(np.array([1.0, 2.0])))"
    done = subprocess.run([sys.executable, "-c", script], cwd=work, capture_output=True, text=True, check=True)
    assert done.stdout == "5.0\n"


def test_a_notebook_elsewhere_puts_nothing_anywhere(work, capsys, tmp_path):
    answer(work, toy.RIGHT_1)
    elsewhere = tmp_path / "elsewhere.ipynb"
    elsewhere.write_bytes((work / "01_sums.ipynb").read_bytes())
    main(["check", str(elsewhere), "--work", str(work)])
    assert "toolbox" not in capsys.readouterr().out
    assert not list(tmp_path.rglob("toolbox.py"))


def test_what_a_learner_has_is_not_lent(work, capsys):
    assert "ln_back" in shelf.twins()
    (work / "toolbox.py").write_text("# ---- 11.2 ln_back ----\ndef ln_back(:\n    ...\n", encoding="utf-8")
    own, lent = listed(work, capsys).split("The course's, until yours are there: ")
    assert "11.2  ln_back   (it has a syntax error)" in own
    assert "ln_back" not in lent
    assert "he_std" in lent
