"""The page of answers to look at: all of them, equal ones once, harmless, and with lines that settle them."""

import re
from html import unescape

import pytest

import toy
from coursekit.grading import batch, gradebook
from coursekit.grading.gradebook import Decision, Row
from coursekit.grading.judging import Outcome
from coursekit.grading.look import look
from coursekit.publishing.book import outside
from hostile_pages import HOSTILE, Tags

LESSON = toy.make_lesson()


def row(learner, one, two="def grid(): ...", status="right", **more):
    outcomes = [Outcome("1.1", 1, 1, "right", open=True), Outcome("1.2", 3, 3, status, open=True)]
    return Row(learner, outcomes, {"1.1": one, "1.2": two}, **more)


ROWS = [
    row("Bo", "width = 3", status="wrong"),
    row("Ada (7)", "width = 64", status="wrong"),
    row("Cy", "\nwidth = 64  \n", "other", decided={"1.2": Decision(1)}),
    row("Zoë", "width = 64", "for = 2"),
]


def lines(text):
    """The lines to paste, block by block."""
    return [unescape(block) for block in re.findall(r'<pre class="take">(.*?)</pre>', text, re.DOTALL)]


def test_equal_answers_stand_together_and_the_rarest_last():
    text = look(ROWS, LESSON)
    words = " ".join(" ".join(Tags(text).words).split())
    assert "For you alone" in words
    assert "5 answers to look at" in words
    assert re.search(
        r"Exercise 1\.1 — Squares: 4 to look at, 2 different 3 learners width = 64 Ada \(7\) , Cy , Zoë .*"
        r"1 learner width = 3 Bo .*Exercise 1\.2 — A grid: 1 to look at, 1 different 1 learner for = 2 Zoë",
        words,
    )
    assert "other" not in text
    assert lines(text)[0] == "Ada (7),1.1,1,\nCy,1.1,1,\nZoë,1.1,1,\n"
    assert lines(text)[-1] == "Ada (7),1.1,1,\nCy,1.1,1,\nZoë,1.1,1,\nBo,1.1,1,\nZoë,1.2,3,\n"


NAMES = ["=1+1", 'Ada "A", B', "<b>Bo</b> (7)", "Žofie &amp; Co", "-x;y"]


def test_the_lines_settle_what_they_accept():
    rows = [row(name, "width = 64") for name in NAMES]
    sheet = gradebook.table(gradebook.SHEET, []) + lines(look(rows, LESSON))[-1]
    decisions = gradebook.read_decisions(sheet, "overrides.csv", LESSON, set(NAMES))
    for one in rows:
        one.decided = decisions[one.learner]
    assert [one.total for one in rows] == [4] * len(NAMES)
    assert look(rows, LESSON) == ""


def test_nothing_that_a_learner_wrote_becomes_markup():
    text = look([row(HOSTILE, HOSTILE), row("Ada", "x = 1")], LESSON)
    tags = Tags(text)
    assert tags.open == []
    assert not {"script", "img"} & set(tags.tags)
    assert outside(text) == []
    assert "default-src 'none'" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)


def test_one_answer_needs_no_lines_for_all():
    text = look([row("Ada", "x = 1", status="blank")], LESSON)
    assert "1 answer to look at" in text
    assert lines(text) == ["Ada,1.1,1,\n"]


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("", "      5 open answers not looked at yet, counted as right: see look.html"),
        ("moodle", "      5 open answers not looked at yet, counted as right in moodle.csv: see look.html"),
    ],
)
def test_the_summary_says_how_many_wait(platform, line):
    assert line in list(batch.summary(ROWS, "out", 0, platform))
    assert not [text for text in batch.summary([], "out", 0, platform) if "look" in text]


def test_the_page_goes_when_all_is_decided(tmp_path):
    def publish(rows):
        batch._publish(tmp_path, rows, LESSON, {}, batch.Settings())
        return (tmp_path / "look.html").exists()

    one = row("Ada", "x = 1", status="wrong")
    assert publish([one])
    one.decided = {"1.1": Decision(1)}
    assert not publish([one])
