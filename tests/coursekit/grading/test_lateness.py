"""Late work: by how many days, what that costs, which attempt counts, and how points fit a platform's maximum."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

import toy
from coursekit.grading import gradebook
from coursekit.grading.feedback import page
from coursekit.grading.gradebook import Row
from coursekit.grading.judging import Outcome, judge
from coursekit.grading.lateness import NO_RULE, Rule
from coursekit.grading.roster import Person, Roster
from coursekit.grading.submissions import collect_submissions
from coursekit.lessons.notebook import text_of

LESSON = toy.make_lesson()
DUE = datetime(2026, 11, 29, 17, 30)
NB, BLANK = text_of(toy.notebook(toy.answered())), text_of(toy.notebook(toy.LESSON))


@pytest.mark.parametrize(
    ("after", "days"),
    [(timedelta(seconds=-1), 0), (timedelta(0), 0), (timedelta(seconds=1), 1), (timedelta(days=1), 1),
     (timedelta(days=1, seconds=1), 2), (timedelta(days=9), 9)],
)  # fmt: skip
def test_a_day_begun_is_a_day(after, days):
    assert Rule(DUE).days(DUE + after, late=True) == days
    assert Rule(DUE.replace(tzinfo=UTC)).days((DUE + after).replace(tzinfo=UTC), late=False) == days


def test_what_a_platform_says_counts_where_no_time_is_known():
    assert [NO_RULE.days(None, late) for late in (False, True)] == [0, 1]
    assert Rule(DUE).days(None, True) == 1
    assert NO_RULE.days(DUE, True) == 1


def test_an_extension_goes_before_the_date_of_the_class():
    later = DUE + timedelta(days=2)
    assert Rule(DUE).days(later, True, later) == 0
    assert Rule(DUE).days(later + timedelta(hours=1), True, later) == 1
    assert Rule(DUE).days(None, True, later) == 0


def test_points_never_fall_below_nothing():
    assert [Rule(DUE, 0.4).factor(days) for days in range(4)] == [1.0, 0.6, pytest.approx(0.2), 0.0]
    assert NO_RULE.factor(99) == 1.0


def row(points, **more):
    outcomes = [Outcome("1.1", points, 1, "right"), Outcome("1.2", 0, 3, "wrong", "why")]
    made = Row("Ada (7)", outcomes, name="Ada", id="7", file="a.ipynb", late=more.get("days", 0) > 0)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_points_are_scaled_to_the_platforms_maximum():
    rows = [row(1, out_of=100)]
    assert (rows[0].grade, rows[0].most) == (25.0, 100)
    [full, ada] = read(gradebook.canvas(rows, "Sums"))
    assert (full["Sums"], ada["Sums"]) == ("100", "25")
    [ada] = read(gradebook.moodle(rows))
    assert (ada["Grade"], ada["Maximum Grade"]) == ("25", "100")
    [ada] = read(gradebook.grades(rows, LESSON, {"Ada (7)": "x.html"}))
    assert (ada["points"], ada["of"], ada["grade"], ada["out of"]) == ("1", "4", "25", "100")
    assert "1 of 4 points · counts as 25 of 100" in page(rows[0], LESSON)


def test_what_lateness_costs_is_said_everywhere():
    rows = [row(1, days=2, left=0.8)]
    [ada] = read(gradebook.grades(rows, LESSON, {"Ada (7)": "x.html"}))
    assert (ada["points"], ada["grade"], ada["late"]) == ("1", "0.8", "late by 2 days")
    assert "1 of 4 points · late by 2 days: 20% less · counts as 0.8 of 4" in page(rows[0], LESSON)
    [ada] = read(gradebook.moodle(rows))
    assert ada["Feedback comments"].endswith("late by 2 days: 20% less")


def test_without_a_rule_nothing_of_it_is_shown():
    [ada] = read(gradebook.grades([row(1)], LESSON, {"Ada (7)": "x.html"}))
    assert "grade" not in ada
    assert "counts as" not in page(row(1), LESSON)


def attempts(tmp_path, *texts):
    for k, text in enumerate(texts):
        name = f"Sums_ada_attempt_2026-11-{28 + k}-10-00-00_01_sums.ipynb"
        (tmp_path / name).write_text(text)
    (tmp_path / "Sums_bo_attempt_2026-11-28-10-00-00_01_sums.ipynb").write_text(NB)
    return tmp_path


def saying(word):
    return NB.replace("np.sum(values**2)", f"np.sum(values**2) + len('{word}')")


def test_the_attempt_that_counts(tmp_path):
    path = attempts(tmp_path, BLANK, saying("a"), saying("b"))
    counted = {kind: collect_submissions(path, LESSON, attempt=kind)[0] for kind in ("last", "first", "best")}
    assert {kind: s.text for kind, s in counted.items()} == {
        "last": saying("b"), "first": saying("a"), "best": saying("b")}  # fmt: skip
    assert [s.when.day for s in counted["best"].attempts] == [28, 29, 30]


def test_one_in_time_counts_before_a_newer_one_that_is_late(tmp_path):
    path = attempts(tmp_path, saying("a"), saying("b"))
    rule = Rule(datetime(2026, 11, 28, 12))
    ada = collect_submissions(path, LESSON, rule=rule)[0]
    assert (ada.text, ada.late) == (saying("a"), False)
    assert "(it came in time)" in ada.note
    extended = Roster([Person("ada", due=datetime(2026, 12, 1))])
    ada = collect_submissions(path, LESSON, rule=rule, roster=extended)[0]
    assert (ada.text, ada.late) == (saying("b"), False)


def test_the_share_of_cases_that_are_right():
    def cases(*values):
        return {"exercise": "1.1", "blank": False, "within": {}, "rtol": 1e-6, "atol": 1e-9,
                "cases": [["f", value] for value in values]}  # fmt: skip

    right = {"1.1": cases(1.0, 2.0, 3.0, 4.0), "1.2": cases(1.0)}
    for given, share in [((1.0, 2.0, 3.0, 4.0), 1.0), ((1.0, 2.0, 3.0, 9.0), 0.75), ((9.0, 9.0, 9.0, 9.0), 0.0),
                         ((1.0, 2.0, 3.0), 0.0), ((1.0, 2.0, 3.0, 4.0, 5.0), 0.0)]:  # fmt: skip
        found = {"values": {"1.1": {"credit": cases(*given)}}, "lost": {}, "remarks": {}, "answers": {"1.1": "x"}}
        [outcome, _] = judge(LESSON, found, right, {})
        assert (outcome.share, outcome.points) == (share, int(share == 1.0))
    right["1.1"]["shown"] = 1  # the last case is the Example, whose value everybody can read
    for given, share in [((9.0, 9.0, 9.0, 4.0), 0.0), ((1.0, 2.0, 9.0, 4.0), 2 / 3), ((1.0, 2.0, 3.0, 9.0), 3 / 4)]:
        found = {"values": {"1.1": {"credit": cases(*given)}}, "lost": {}, "remarks": {}, "answers": {"1.1": "x"}}
        [outcome, _] = judge(LESSON, found, right, {})
        assert (outcome.share, outcome.points) == (share, 0)
    found["values"]["1.1"]["credit"]["cases"] = None
    assert judge(LESSON, found, right, {})[0].share == 0.0
