"""Judging values that a stranger's process sent: only what is positively right is right."""

import pytest

import toy
from coursekit.grading.judging import DIFFERS, judge

LESSON = toy.make_lesson()
SEED = "9876543210"


def handed(cases, **more):
    return {"exercise": "1.1", "blank": False, "cases": cases, "rtol": 1e-6, "atol": 1e-9, "within": {}} | more


CASES = [["f", 1.0], ["f", 2.0], ["f", 3.0]]
RIGHT = {"1.1": handed(CASES), "1.2": handed([["i", 4]], exercise="1.2", open=True)}
KNOWN = {"1.1": {"cases": [["f", 5.0], ["f", 6.0], ["f", 7.0]], "mistakes": [
    {"says": "Square first.", "cases": [["f", 0.0], ["f", 0.0], ["f", 0.0]]}]}}  # fmt: skip


def outcome(credit, practice=None, raised="", **found):
    value = {"credit": credit, "practice": practice, "raised": raised}
    found = {"values": {"1.1": value}, "lost": {}, "answers": {"1.1": "def"}, "remarks": {}} | found
    one, two = judge(LESSON, found, RIGHT, KNOWN)
    assert (two.exercise, two.status, two.open, two.of) == ("1.2", "missing", True, 3)
    return one


def test_values_that_agree_are_right():
    found = outcome(handed([["f", 1.0], ["f", 2.0 + 1e-8], ["f", 3.0]]), remarks={"1.1": "its mark was missing"})
    assert (found.status, found.points, found.reason) == ("right", 1, "its mark was missing")
    assert (found.practice, found.detail) == ("", "")


def test_right_values_count_although_a_line_below_them_raised():
    assert outcome(RIGHT["1.1"], raised="NameError: name 'x' is not defined").status == "right"


WRONG = handed([["f", 1.0], ["f", 9.0], ["f", 3.0]])


def test_a_known_mistake_says_its_sentence_and_others_how_far_they_got():
    found = outcome(WRONG, handed([["f", 0.0]] * 3))
    assert (found.status, found.points, found.practice) == ("wrong", 0, "Square first.")
    assert found.detail == "case 2: got 9, expected 2"
    assert outcome(WRONG, handed([["f", 5.0], ["f", 6.0], ["f", 8.0]])).practice == "Of 3 practice cases 2 are right."
    assert outcome(WRONG, None).practice == ""


MALFORMED = [
    {}, [], "x", 7, handed(None), handed([["f", 1.0]]), handed([["f"]] * 3), handed([["f", "x"]] * 3), handed("fff"),
    handed([[]] * 3), handed([["a", [2], "float64", None]] * 3), handed([None] * 3), handed(CASES, blank=True),
    {"cases": CASES}, handed([*CASES, ["f", 4.0]]), handed([["f", "nan"]] * 3), handed([*CASES[:2], ["f", True]]),
]  # fmt: skip


@pytest.mark.parametrize("credit", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_malformed_is_not_right_and_stops_nothing(credit):
    found = outcome(credit, credit)
    assert found.points == 0
    assert found.status in ("wrong", "blank", "lost")


def test_a_stranger_does_not_choose_the_tolerance():
    loose = handed([["f", 1.1], ["f", 2.1], ["f", 3.1]], rtol=10.0, atol=10.0, within={"x": [None, None]})
    assert outcome(loose, loose).status == "wrong"


NO_VALUE = [
    (["late", 9876543210], "it gave no answer within 2 s"),
    (["raised", "NameError", f"name {SEED!r} is not defined"], "it raises NameError"),
    (["raised", "MemoryError", ""], "it raises MemoryError"),
    (["raised", f"E{SEED}", SEED], "it raises an exception of its own"),
    (["unmeasured", f"E{SEED}", SEED], "what it gives on inputs that it had not seen cannot be measured"),
    (["n"], DIFFERS),
    (["f", 9.0], DIFFERS),
    ([["late"], SEED], DIFFERS),
]


@pytest.mark.parametrize(("case", "reason"), NO_VALUE)
def test_an_answer_that_gives_no_value_is_told_why_without_what_it_saw(case, reason):
    """The seconds are those of the reference: a stranger's process could put the seed there."""
    right = {"1.1": RIGHT["1.1"] | {"seconds": 2.0}, "1.2": RIGHT["1.2"]}
    value = {"credit": handed([CASES[0], case, ["raised", "KeyError", ""]]), "practice": None, "raised": ""}
    found = {"values": {"1.1": value}, "lost": {}, "answers": {"1.1": "def"}, "remarks": {}}
    one = judge(LESSON, found, right, KNOWN)[0]
    assert (one.status, one.reason) == ("wrong", reason)
    assert SEED not in one.reason


def test_a_run_from_before_the_reference_told_its_seconds_has_the_usual_ones():
    assert outcome(handed([["late", 5.0]] * 3)).reason == "it gave no answer within 5 s"


def test_what_a_cell_raised_is_told_without_what_it_saw():
    found = outcome(None, None, f"ValueError: {SEED}")
    assert (found.status, found.reason) == ("wrong", "its cell does not run: it raises ValueError")
    assert SEED in found.detail
    for name in (f"E{SEED}", "print", ""):
        assert outcome(None, None, f"{name}: {SEED}").reason.endswith("it raises an exception of its own")


REST = [
    ({"unreadable": "it is empty"}, "unreadable", "it is empty"),
    ({"lost": {"1.1": "it ran too long"}}, "lost", "its answer was stopped: it ran too long"),
    ({"answers": {}}, "missing", "its cell is not in the notebook"),
    ({"values": {}}, "lost", "its check did not report values, once and once only"),
]


@pytest.mark.parametrize(("found", "status", "reason"), REST)
def test_what_did_not_get_so_far(found, status, reason):
    found = {"values": {"1.1": {"credit": RIGHT["1.1"]}}, "lost": {}, "answers": {"1.1": ""}, "remarks": {}} | found
    one = judge(LESSON, found, RIGHT, KNOWN)[0]
    assert (one.status, one.reason, one.points) == (status, reason, 0)
