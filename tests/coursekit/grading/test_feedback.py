"""The page that a learner gets back: whole, harmless, and silent about what is secret."""

import re

import pytest

import toy
from coursekit.grading.feedback import MOST_CODE, file_name, page
from coursekit.grading.gradebook import Decision, Row
from coursekit.grading.judging import Outcome
from coursekit.publishing.book import outside
from hostile_pages import HOSTILE, Tags

LESSON = toy.make_lesson()


def made(learner="Ada", **more):
    outcomes = [
        Outcome("1.1", 1, 1, "right"),
        Outcome("1.2", 0, 3, "wrong", "its values differ", practice="It is transposed.", detail="expected 42.25"),
    ]
    return Row(
        learner, outcomes, **{"answers": {"1.1": toy.RIGHT_1, "1.2": "def grid(): ..."}, "file": "a.ipynb"} | more
    )


def test_a_page_tells_what_passed_and_what_helps():
    text = page(made(note="of 2 notebooks this one counts; not: b.ipynb", late=True), LESSON)
    words = " ".join(" ".join(Tags(text).words).split())
    assert "01 · Sums Ada 1 of 4 points" in words
    assert "Handed in: a.ipynb (late). Of 2 notebooks this one counts; not: b.ipynb." in words
    assert "Exercise 1.1 — Squares ✓ Right · 1 of 1 point Your answer def squares(values):" in words
    assert "Exercise 1.2 — A grid ✗ Not right yet · 0 of 3 points It is transposed. Its values differ." in words
    assert "42.25" not in text


def test_a_page_fetches_and_runs_nothing():
    text = page(made(), LESSON)
    assert outside(text) == []
    assert "script" not in Tags(text).tags
    assert "default-src 'none'" in text


def test_nothing_that_a_learner_wrote_becomes_markup():
    row = made(HOSTILE, answers={"1.1": HOSTILE, "1.2": HOSTILE}, file=HOSTILE, note=HOSTILE, problem=HOSTILE)
    row.outcomes[1].reason = row.outcomes[1].practice = HOSTILE
    tags = Tags(page(row, LESSON))
    assert tags.open == []
    assert not {"script", "img"} & set(tags.tags)
    assert "".join(tags.words).count("<script>alert(1)</script>") >= 7
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", page(row, LESSON))


@pytest.mark.parametrize("kind", ["blank", "missing", "lost"])
def test_each_status_has_its_words(kind):
    row = made(answers={"1.1": "..."} if kind == "blank" else {})
    row.outcomes = [Outcome("1.1", 0, 1, kind, "as it is"), Outcome("1.2", 0, 3, kind, "as it is")]
    text = page(row, LESSON)
    assert Tags(text).open == []
    assert ("As it is." in text) == (kind == "lost")
    assert ("<details>" in text) == (kind == "blank")


@pytest.mark.parametrize("kind", ["unreadable", "failed"])
def test_a_notebook_that_was_not_judged_has_one_sentence_and_no_list(kind):
    row = made(answers={}, problem="it is empty")
    row.outcomes = [Outcome("1.1", 0, 1, kind, "it is empty"), Outcome("1.2", 0, 3, kind, "it is empty")]
    words = " ".join(" ".join(Tags(page(row, LESSON)).words).split())
    assert words.endswith("0 of 4 points Handed in: a.ipynb. ! Not graded It is empty.")
    row.decided = {"1.2": Decision(2, "on paper")}
    words = " ".join(" ".join(Tags(page(row, LESSON)).words).split())
    assert words.endswith("It is empty. Exercise 1.2 — A grid Decided by your teacher · 2 of 3 points on paper")


def test_a_teachers_decision_stands_on_the_page():
    row = made(decided={"1.2": Decision(2, "the idea is right")})
    text = page(row, LESSON)
    assert "3 of 4 points" in text
    assert '<section class="decided">' in text
    assert (
        "Decided by your teacher · 2 of 3 points the idea is right The check said: It is transposed. Its values differ."
    ) in " ".join(" ".join(Tags(text).words).split())


def test_a_cut_by_hand_does_not_say_right():
    text = page(made(decided={"1.1": Decision(0.5)}), LESSON)
    assert "Decided by your teacher · 0.5 of 1 point<" in text
    assert "Right" not in text
    assert 'class="right"' not in text


def test_an_open_answer_waits_for_a_look():
    row = made()
    row.outcomes[0].open = True
    assert "It counts for now; a person will look at it." in page(row, LESSON)
    row.decided = {"1.1": Decision(1)}
    assert "a person will look" not in page(row, LESSON)


def test_a_very_long_answer_is_cut():
    assert len(page(made(answers={"1.1": "x" * 10**6}), LESSON)) < 2 * MOST_CODE


NAMES = [
    "Ada",
    "ada",
    "ADA",
    "Žofie Nováková (7)",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "CON",
    "",
    "..",
    "x" * 300,
    "名前",
    "\ud800",
]


def test_file_names_are_safe_and_told_apart():
    names = [file_name(name) for name in NAMES]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[\w-]+-[0-9a-f]{8}\.html", name), name
        assert len(name.encode()) < 200
