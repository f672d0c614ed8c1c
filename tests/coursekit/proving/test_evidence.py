"""Evidence: claims are run once, their record is believed only while it belongs to script and lesson."""

import json

import pytest

from coursekit.lessons.errors import NotebookError
from coursekit.proving.evidence import claims, gaps, gather

SCRIPT = """
from coursekit.proving.evidence import claim

SEEDS = 3


@claim("Sums are **large**.", budget="3 sums", tried="30 sums")
def large():
    print("ran large")
    return True, f"{10 * SEEDS} of {10 * SEEDS} were"


@claim("Sums are odd.", budget="3 sums", tried="30 sums")
def odd():
    print("ran odd")
    return 15 > 20, "15 of 30 were"
"""
PROSE = "So it is: sums are small, but Sums are\n*large*. More."


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "01_sums.py"
    path.write_text(SCRIPT)
    return path


def test_each_claim_is_run_once(script, capsys):
    assert [entry["held"] for entry in gather(script)] == [True, False]
    assert capsys.readouterr().out == "ran large\nran odd\n"
    before = script.with_suffix(".json").read_bytes()
    assert len(list(gather(script))) == 2
    assert capsys.readouterr().out == ""
    assert script.with_suffix(".json").read_bytes() == before
    assert json.loads(before)["claims"][0]["found"] == "30 of 30 were"


def test_a_run_that_was_interrupted_goes_on(script, capsys):
    next(gather(script))
    assert [entry["held"] for entry in gather(script)] == [True, False]
    assert capsys.readouterr().out == "ran large\nran odd\n"


def test_other_words_ask_for_no_run_and_other_code_does(script, capsys):
    list(gather(script))
    script.write_text(SCRIPT.replace("Sums are odd", "Some sums are odd").replace("15 > 20", "15 > 21"))
    capsys.readouterr()
    said = list(gaps(script, PROSE))
    assert len(said) == 2
    assert "was not run since its code changed" in said[0]
    list(gather(script))
    assert capsys.readouterr().out == "ran odd\n"
    script.write_text(SCRIPT.replace("SEEDS = 3", "SEEDS = 4"))
    list(gather(script))
    assert capsys.readouterr().out == "ran large\nran odd\n"


def test_what_held_stands_in_the_lesson_and_what_did_not_does_not(script):
    list(gather(script))
    assert list(gaps(script, PROSE)) == []
    assert "no longer stands" in next(gaps(script, "Sums are small."))
    assert "did not hold" in next(gaps(script, PROSE + " Sums are odd."))


def test_a_claim_that_was_dropped_leaves_the_record(script):
    list(gather(script))
    script.write_text(SCRIPT[: SCRIPT.index('@claim("Sums are odd')])
    assert "does not try" in next(gaps(script, PROSE))
    list(gather(script))
    assert list(gaps(script, PROSE)) == []


def test_what_does_not_load_or_is_damaged_is_said(script, tmp_path):
    with pytest.raises(NotebookError, match="nothing measured is backed"):
        claims(tmp_path / "02_none.py")
    list(gather(script))
    script.with_suffix(".json").write_text("{")
    with pytest.raises(NotebookError, match="damaged"):
        list(gaps(script, PROSE))
    script.write_text("1 / 0")
    with pytest.raises(NotebookError, match="ZeroDivisionError"):
        claims(script)
