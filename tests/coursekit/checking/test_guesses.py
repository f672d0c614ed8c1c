"""`guess`: nothing is told before there is a guess, and nothing ever stops a notebook."""

import sys

import numpy as np
import pytest

from coursekit import guess
from coursekit.checking import guesses


@pytest.fixture(autouse=True)
def none_made(monkeypatch):
    monkeypatch.setattr(guesses, "_made", {})


@pytest.fixture
def said(capsys):
    def run(mine, truth=1e-3, **options):
        guess("loudness", mine, truth, "It is small.\n\nVery small.", **options)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("mine", [..., None])
def test_without_a_guess_it_asks_for_one_and_tells_nothing(mine, said):
    assert said(mine) == "? loudness: guess first, then run this cell again.\n"


@pytest.mark.parametrize("mine", ["0.1", np.nan, np.inf, [1, 2], True, object(), 10**400, 1j], ids=range(8))
def test_what_is_no_number_is_no_guess(mine, said):
    assert said(mine).startswith("? loudness: a guess is a finite number")


COMPARED = [
    (0.002, 1e-3, "you guessed 0.002, it is 0.001: within a decade."),
    (0.01, 1e-3, "you guessed 0.01, it is 0.001: within a decade."),
    (1.0, 1e-3, "3 decades off."),
    (np.float32(5e-4), 1e-3, "within a decade."),
    (-1e-3, 1e-3, "of another sign."),
    (0, 1e-3, "one of them is zero."),
    (1e-300, 0.0, "one of them is zero."),
    (5e-324, 1e300, "623 decades off."),
    (0, 0.0, "within a decade."),
]


@pytest.mark.parametrize(("mine", "truth", "words"), COMPARED, ids=[words for *_, words in COMPARED])
def test_a_guess_is_told_beside_the_truth_and_the_text_opens(mine, truth, words, said):
    out = said(mine, truth)
    assert words in out.splitlines()[0]
    assert out.endswith("\nIt is small.\n\nVery small.\n")


def test_a_tolerance_for_what_is_no_magnitude(said):
    assert ": near." in said(9, 10, tolerance=1)
    assert ": 2 off." in said(8, 10, tolerance=1)


def test_the_score_counts_each_guess_once(said, capsys):
    guess.score()
    assert capsys.readouterr().out == "You have not guessed yet.\n"
    for name, mine in (("a", 1), ("b", 50), ("c", 5), ("a", 2), ("b", 60), ("d", ...)):
        guess(name, mine, 3.0)
    capsys.readouterr()
    guess.score()
    assert capsys.readouterr().out == "Your guesses: 2 of 3 within a decade.\n"


def test_in_a_notebook_the_text_is_closed_until_there_is_a_guess(monkeypatch):
    shown = []
    display = type("", (), {"display": staticmethod(lambda bundle, raw: shown.append(bundle))})
    monkeypatch.setitem(sys.modules, "IPython", type("", (), {"display": display, "get_ipython": lambda: 1}))
    guess("a", ..., 3.0, "x < y")
    guess("a", 2.0, 3.0, "x < y")
    assert ["<details><summary>" in bundle["text/html"] for bundle in shown] == [True, False]
    assert ["<details open>" in bundle["text/html"] for bundle in shown] == [False, True]
    assert all("x &lt; y" in bundle["text/html"] for bundle in shown)
    assert "x < y" not in shown[0]["text/plain"]
