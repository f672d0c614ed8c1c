"""Progress: read from saved notebooks, never from the learner's code."""

import json
import os

import pytest

import toy
from coursekit.checking.checks import VERDICT_MIME
from coursekit.checking.marks import digest
from coursekit.cli import main
from coursekit.learning import lab, verdicts
from coursekit.learning.progress import PAGE, Page, kinds_of, standings, summary, table
from coursekit.lessons.course import Course
from coursekit.lessons.notebook import parse, text_of
from coursekit.proving import kernels, report


def saved(kind=None, one=toy.RIGHT_1, about=toy.RIGHT_1, **more):
    """A learner's copy: an answer to 1.1, and what its check said about one."""
    book = toy.notebook(toy.answered(one=one, two=toy.STUB_2, **more))
    for cell in book.cells:
        if cell.source.startswith("#| check: 1.1"):
            verdict = {"exercise": "1.1", "kind": kind} | ({"answer": digest(about)} if about else {})
            bundle = {VERDICT_MIME: verdict, "text/plain": "said"}
            cell.outputs = [{"output_type": "display_data", "data": bundle, "metadata": {}}] if kind else []
    return book


DOCUMENTED = toy.STUB_1.replace("\n    ...", "") + "\n    return float(np.sum(values**2))"


@pytest.mark.parametrize(
    ("book", "kind"),
    [
        (saved("right"), "right"),
        (saved("wrong"), "wrong"),
        (saved(None), "error"),
        (saved("right", about="def squares(values):\n    return 1"), "error"),  # the answer changed, no check ran
        (saved("right", about=None), "error"),
        (saved("right", one="%%time\n# mine\n" + toy.RIGHT_1.replace("  return", "  return ")), "right"),
        (saved("right", one=DOCUMENTED.replace("Sum of the squares", "Quadratsumme"), about=DOCUMENTED), "right"),
        (saved("right", one=toy.STUB_1), "blank"),  # emptied since
        (saved("<b>"), "error"),
        (saved(["right"]), "error"),
    ],
)
def test_what_counts_as_correct(book, kind):
    assert kinds_of(toy.make_lesson(), book) == {"1.1": kind, "1.2": "blank"}


def test_a_verdict_from_a_kernel_belongs_to_the_answer_that_ran_there(toy_course):
    lesson = toy_course.lesson(1)
    bare = [(c[0], c[1].partition("\n")[2]) if "exercise: 1.1" in c[1] else c for c in toy.answered()]
    merged = toy.answered(two=f"{toy.RIGHT_2}\n\n#| check: 1.2\n{toy.CHECK_2}")
    for cells in (toy.answered(), toy.replaced(toy.answered(), "#| exercise", "%%time\n#| exercise"), bare, merged):
        ran = kernels.run(toy.notebook(cells), toy_course.expected)
        assert kinds_of(lesson, parse(text_of(ran), "")) == {"1.1": "right", "1.2": "right"}
        for cell in ran.cells:
            cell.source = cell.source.replace("values**2", "values")
            cell.execution_count = None if cell.cell_type == "code" else cell.get("execution_count")
        assert kinds_of(lesson, parse(text_of(ran), "")) == {"1.1": "error", "1.2": "right"}
    recorded = lesson.notebook.cells  # what stands in the lesson itself is the reference's
    for cell in recorded:
        cell.source = cell.source.replace("...", "return 1")
    assert kinds_of(toy.make_lesson(), lesson.notebook) == {"1.1": "error", "1.2": "error"}


def test_standings_of_a_folder(toy_course, tmp_path):
    work = tmp_path / "work"
    assert summary(standings(toy_course, work)) == "0 of 2 exercises are correct, 0 of 4 points."
    work.mkdir()
    (work / "01_sums.ipynb").write_text(text_of(saved("right")))
    found = standings(toy_course, work)
    assert summary(found) == "1 of 2 exercises are correct, 1 of 4 points."
    assert "01 Sums" in table(found)
    assert "✓ 1.1  ○ 1.2" in table(found)
    shown = Page(found)._repr_html_()
    assert '<a href="01_sums.ipynb">01 · Sums</a>' in shown
    assert 'title="1.1: correct"' in shown
    (work / "01_sums.ipynb").write_text("{")
    assert "was cut off" in table(standings(toy_course, work))
    assert "was cut off" in Page(standings(toy_course, work))._repr_html_()


def test_what_course_check_found_progress_shows(recorded_toy, tmp_path, monkeypatch, capsys):
    work = tmp_path / "mine"
    work.mkdir()
    copy = toy.write(work / "01_sums.ipynb", toy.answered(two=toy.MISTAKES["1.2", "It is transposed."]))
    monkeypatch.setattr(Course, "find", lambda: recorded_toy)
    assert main(["progress", "--work", str(work)]) == 0
    assert "! 1.1  ! 1.2" in capsys.readouterr().out
    assert main(["check", "01", "--work", str(work)]) == 1
    assert "1 of 2 exercises are right." in capsys.readouterr().out
    assert main(["progress", "--work", str(work)]) == 0
    assert "1 of 2   ✓ 1.1  ✗ 1.2" in capsys.readouterr().out
    toy.write(copy, toy.answered(two="def grid(rows, columns):\n    return 1"))
    assert "✓ 1.1  ! 1.2" in table(standings(recorded_toy, work))  # of another answer nothing is known


def test_of_a_check_and_a_notebook_the_later_one_is_believed(toy_course, tmp_path):
    row = report.Row("1.1", "wrong", "", answer=digest(toy.RIGHT_1))
    copy = tmp_path / "01_sums.ipynb"
    copy.write_text(text_of(saved("right")), encoding="utf-8")
    verdicts.keep(tmp_path, [row])
    assert standings(toy_course, tmp_path)[0].kinds["1.1"] == "wrong"
    os.utime(copy, (4e9, 4e9))
    assert standings(toy_course, tmp_path)[0].kinds["1.1"] == "right"


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"1.1": 3}', '{"1.1": [[], {}, "x"]}', "[" * 9999, '{"1.1": ["a", [], 1]}']
)
def test_a_file_of_verdicts_that_is_none_is_passed_over(text, toy_course, tmp_path):
    (tmp_path / verdicts.FILE).write_text(text)
    (tmp_path / "01_sums.ipynb").write_text(text_of(saved("right")))
    assert standings(toy_course, tmp_path)[0].kinds["1.1"] == "right"


def test_the_page_runs_in_the_learners_folder(toy_course, tmp_path, monkeypatch):
    work = toy_course.root / "work"
    lab.update(toy_course, work)
    cells = json.loads((work / PAGE).read_text())["cells"]
    monkeypatch.chdir(work)
    names = {}
    *imports, last = "".join(cells[1]["source"]).split("\n")
    exec("\n".join(imports), names)
    assert repr(eval(last, names)).startswith("01 Sums")


def test_the_page_is_never_overwritten(toy_course):
    work = toy_course.root / "work"
    lab.update(toy_course, work)
    (work / PAGE).write_text("mine")
    lab.update(toy_course, work)
    assert (work / PAGE).read_text() == "mine"
