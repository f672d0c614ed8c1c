"""Nothing hidden: what a reader cannot see is spelled out, wherever a learner's text is shown."""

import csv
import io
import re
import sys
import unicodedata

import pytest

import toy
from coursekit.grading.feedback import harmless
from coursekit.grading.gradebook import cell, read_decisions, table
from coursekit.grading.visible import visible

HIDDEN = {
    "override": "\u202e", "isolate": "\u2067", "mark": "\u200f", "joiner": "\u200d", "space": "\u200b", "bom": "\ufeff",
    "hyphen": "\u00ad", "grapheme": "\u034f", "filler": "\u3164", "braille": "\u2800", "selector": "\ufe01",
    "tag": "\U000e0041", "escape": "\x1b", "null": "\x00", "c1": "\x9b", "line": "\u2028",
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_what_cannot_be_seen_is_spelled_out(name):
    character = HIDDEN[name]
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"
    assert character not in harmless(f"a{character}b")
    assert character not in cell(f"a{character}b")


def test_what_can_be_seen_stays():
    text = "Zoë Гёдель 李 “quoted” ❤\ufe0f 👍 δ·∂ — ½"
    assert visible(text) == text
    assert visible("a\tb\nc", kept="\t\n") == "a\tb\nc"
    assert visible("a\u3000b\u00a0c") == "a b c"


def test_no_character_of_unicode_that_formats_is_left():
    for k in range(sys.maxunicode):
        if unicodedata.category(chr(k)) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
            assert not set(visible(f"a{chr(k)}")) & {chr(k)}


FORMULAS = [
    "=1+1", "a;=1+1", "a;@SUM(1)", "a\t=1", "a|=1", "a,+1", "a -1", 'a;"=1"', "a; =1", "a\u00a0=1", "a:=1", "a_=1",
    "＝1", "a;+1+cmd|x", "a -2-3", "a;-1;=1", "a;＋1", "x;;-1", "a\u200b=1", "(=1", "a\r\n=1", "^=1", "~@x",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", ":", "_", "^", "~", "("])
def test_no_cell_is_a_formula_whatever_splits_the_line(text, separator):
    written = table(["learner", "points"], [[text, 1.5], ["Ada", 2.0]])
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for line in csv.reader(io.StringIO(written), delimiter=separator, quoting=quoting):
            for found in line:
                bare = found.strip(' "\u00a0')
                assert bare[:1] not in tuple("=+-@＝＋－＠") or re.fullmatch(r"[+-][\d.,]+", bare)  # a number


def test_names_and_sentences_stay_readable():
    for text in ("Jean-Luc (7)", "2026-11-29", "got shape (4, 3)", "ada@example.org", "a+b", "3.5"):
        assert cell(text) == text
    assert cell("x - y") == "x '- y"
    assert (cell(2.0), cell(1 / 3), cell(7)) == (2, 0.3333, 7)


def test_a_decision_on_a_name_with_signs_finds_its_learner():
    lesson, name = toy.make_lesson(), "=eve;-1 \u202e(7)"
    text = table(["learner", "exercise", "points", "comment"], [[name, "1.1", 1, ""]])
    assert list(read_decisions(text, "overrides.csv", lesson, {name})) == [name]
