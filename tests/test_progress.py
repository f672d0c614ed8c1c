"""Progress: read from saved notebooks, never from the learner's code."""

import json

import pytest

import toy
from coursekit import lab
from coursekit.checks import VERDICT_MIME
from coursekit.lesson import text_of
from coursekit.progress import PAGE, Page, kinds_of, standings, summary, table


def saved(kind=None, answer_ran=3, check_ran=4, one=toy.RIGHT_1, **more):
    """A learner's copy as JupyterLab saves it: an answer to 1.1, and what its check said."""
    book = toy.notebook(toy.answered(one=one, two=toy.STUB_2, **more))
    for cell in book.cells:
        if cell.source.startswith("#| exercise: 1.1"):
            cell.execution_count = answer_ran
        if cell.source.startswith("#| check: 1.1"):
            cell.execution_count = check_ran
            bundle = {VERDICT_MIME: {"exercise": "1.1", "kind": kind}, "text/plain": "said"}
            cell.outputs = [{"output_type": "display_data", "data": bundle, "metadata": {}}] if kind else []
    return book


@pytest.mark.parametrize(
    ("book", "kind"),
    [
        (saved("right"), "right"),
        (saved("wrong"), "wrong"),
        (saved(None), "error"),
        (saved("right", answer_ran=9, check_ran=4), "error"),  # the answer ran again, its check did not
        (saved("right", check_ran=None), "error"),
        (saved("right", one=toy.STUB_1), "blank"),  # emptied since
        (saved("<b>"), "error"),
        (saved(["right"]), "error"),
    ],
)
def test_what_counts_as_correct(book, kind):
    assert kinds_of(toy.make_lesson(), book) == {"1.1": kind, "1.2": "blank"}


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


def test_the_page_runs_in_the_learners_folder(toy_course, tmp_path, monkeypatch):
    work = toy_course.root / "work"
    lab.update(toy_course, work)
    cells = json.loads((work / PAGE).read_text())["cells"]
    monkeypatch.chdir(work)
    names = {}
    *imports, last = cells[1]["source"].split("\n")
    exec("\n".join(imports), names)
    assert repr(eval(last, names)).startswith("01 Sums")


def test_the_page_is_never_overwritten(toy_course):
    work = toy_course.root / "work"
    lab.update(toy_course, work)
    (work / PAGE).write_text("mine")
    lab.update(toy_course, work)
    assert (work / PAGE).read_text() == "mine"
