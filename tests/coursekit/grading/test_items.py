"""What a class did: difficulty, discrimination, mistakes, likeness; and the rubric that speaks of answers."""

import numpy as np
import pytest

import toy
from coursekit.grading.gradebook import Decision, Row
from coursekit.grading.itempage import item_page
from coursekit.grading.items import FEWEST, analysed
from coursekit.grading.judging import Outcome
from coursekit.grading.likeness import LEAST_BITS, form, frequencies, pairs, tag
from coursekit.grading.rubric import read_rubric
from coursekit.lessons.errors import NotebookError

LESSON = toy.make_lesson()
KNOWN = {"1.1": {"mistakes": [{"says": "Square first."}, {"says": "Add up."}]}, "1.2": {"mistakes": []}}


def row(name, one, two, practice="", answer="def squares(values):\n    return 1", **more):
    outcomes = [
        Outcome("1.1", one, 1, "right" if one else "wrong", practice="" if one else practice),
        Outcome("1.2", two, 3, "right" if two == 3 else "wrong"),
    ]
    return Row(name, outcomes, {"1.1": answer, "1.2": toy.RIGHT_2}, file=f"{name}.ipynb", **more)


def test_difficulty_discrimination_and_alpha_are_those_of_numpy():
    rng = np.random.default_rng(7)
    able = rng.normal(size=40)
    points = np.stack([(able + rng.normal(size=40) > 0), 3 * (able + rng.normal(size=40) > 0.3)], axis=1)
    rows = [row(f"r{k}", int(a), int(b)) for k, (a, b) in enumerate(points)]
    (one, two), alpha = analysed(rows, LESSON, KNOWN)
    assert (one.difficulty, two.difficulty) == pytest.approx((points[:, 0].mean(), points[:, 1].mean() / 3))
    correlation = np.corrcoef(points.T)[0, 1]
    assert one.discrimination == pytest.approx(correlation)
    covariance = np.cov(points.T)
    assert alpha == pytest.approx(2 * (1 - np.trace(covariance) / covariance.sum()))


def test_where_a_number_says_nothing_there_is_none():
    few = [row(f"r{k}", k % 2, 3) for k in range(FEWEST - 1)]
    (one, _), alpha = analysed(few, LESSON, KNOWN)
    assert (one.discrimination, alpha) == (None, None)
    assert one.difficulty == pytest.approx(4 / 9)
    same = [row(f"r{k}", 1, 3) for k in range(20)]
    (one, _), alpha = analysed(same, LESSON, KNOWN)
    assert (one.discrimination, alpha) == (None, None)
    (one, _), alpha = analysed([], LESSON, KNOWN)
    assert (one.difficulty, one.judged, alpha) == (None, 0, None)


def test_who_was_not_judged_is_not_counted():
    lost = Row("x", [Outcome(e, 0, of, "absent", "nothing") for e, of in LESSON.points.items()])
    (one, _), _ = analysed([row("a", 1, 3), lost], LESSON, KNOWN)
    assert (one.judged, one.difficulty) == (1, 1.0)


def test_which_mistake_how_often_and_what_no_mistake_explains():
    rows = [row("a", 0, 3, "Square first."), row("b", 0, 3, "Square first."), row("c", 1, 3),
            row("d", 0, 3, "Of 3 practice cases 1 are right.", "def squares(values):\n    return 2  # two"),
            row("e", 0, 3, "", 'def squares(values):\n    """Two."""\n    return 2')]  # fmt: skip
    items, alpha = analysed(rows, LESSON, KNOWN)
    assert items[0].mistakes == {"Square first.": 2, "Add up.": 0}
    assert [count for _, count in items[0].others.values()] == [2]
    text = item_page(rows, LESSON, items, alpha, [])
    assert '<td class="n">2<td>Square first.' in text.replace("class=n", 'class="n"')
    assert f"1.1,{tag(rows[3].answers['1.1'])},,0," in text
    assert "None stand out." in text


def test_a_page_shows_what_learners_wrote_as_text():
    evil = "def squares(values):\n    return '<script>\u202e'"
    rows = [row(f"<b>{k}", 0, 0, "", evil) for k in range(3)]
    items, alpha = analysed(rows, LESSON, KNOWN)
    text = item_page(rows, LESSON, items, alpha, pairs({"1.1": {r.learner: evil for r in rows}}, least=0))
    assert "<script>" not in text
    assert "\u202e" not in text
    assert "<b>" not in text


LONG = """def squares(values):
    total = 0.0
    for value in values:
        total = total + value * value
    return float(total)"""
DISGUISED = '''def squares(values):
    """Mine."""
    s = 0.0  # sum
    for v in values:
        s = (s + v * v)

    return float(s)'''


def test_names_comments_and_layout_do_not_make_an_answer_another():
    assert form(LONG) == form(DISGUISED)
    assert tag(LONG) != tag(DISGUISED)
    assert tag(LONG) == tag(LONG.replace("total = 0.0", "total = 0.0  # begin"))
    assert form(LONG) != form(LONG.replace("value * value", "value + value"))
    assert form(LONG) != form(LONG.replace("float", "int"))


@pytest.mark.parametrize(
    "source", ["", "def f(:", "x = !ls", "(" * 5000, "-" * 19_000 + "1", "\x00", "'\\d'", "def f():\n\t pass"]
)
def test_any_text_has_a_tag_and_a_form(source):
    assert len(tag(source)) == 8
    assert isinstance(form(source), tuple)


def classful(n, **special):
    rng = np.random.default_rng(n)

    def own(k):
        steps = "".join(f"    x{j} = values {'+-*/'[rng.integers(4)]} {rng.integers(99)}.{k}\n" for j in range(6))
        return f"def squares(values):\n{steps}    return x{rng.integers(6)}"

    return {f"r{k:03}": own(k) for k in range(n)} | special


def test_rare_answers_that_two_share_stand_out_and_common_ones_do_not():
    common = {f"c{k:02}": LONG for k in range(40)}
    answers = classful(
        100, eve=DISGUISED.replace("v * v", "v * v * 3.7"), bob=LONG.replace("e * value", "e * value * 3.7")
    )
    [pair] = pairs({"1.1": answers | common}, least=5)
    assert (pair.one, pair.other, pair.exercises) == ("bob", "eve", ["1.1"])
    assert pair.bits == pytest.approx(np.log2(142 / 2))
    assert pairs({"1.1": answers | common}, least=LEAST_BITS)
    assert not pairs({"1.1": common})


def test_bits_of_several_exercises_add_up():
    answers = classful(30, eve=LONG, bob=DISGUISED)
    assert not pairs({"1.1": answers})
    [pair] = pairs({"1.1": answers, "1.2": answers})
    assert (pair.exercises, pair.bits) == (["1.1", "1.2"], pytest.approx(2 * np.log2(16)))


def test_short_answers_say_nothing():
    answers = classful(60, eve="x = 1", bob="x = 1")
    assert not pairs({"1.1": answers}, least=1)


def test_frequencies_of_answers():
    found = frequencies([LONG, "x = 1", LONG + "  # again", "x = 1", LONG])
    assert list(found.items()) == [(tag(LONG), (LONG, 3)), (tag("x = 1"), ("x = 1", 2))]


ANSWER = tag("def squares(values):\n    return 1")


def rubric(*lines):
    return read_rubric("\n".join(["exercise,answer,item,points,comment", *lines]), "rubric.csv", LESSON)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([f"1.1,{ANSWER},,0.5,Close."], Decision(0.5, "Close.")),
        (["1.2,,shape,-1,The shape.", f"1.2,{tag(toy.RIGHT_2)},shape,,"], Decision(2, "The shape.")),
        (["1.2,,a,-1,A.", "1.2,,b,-0.5,B.", f"1.2,{tag(toy.RIGHT_2)},a b,,So."], Decision(1.5, "A. B. So.")),
        (["1.2,,a,-9,A.", f"1.2,{tag(toy.RIGHT_2)},a,,"], Decision(0, "A.")),
        (["1.2,,a,+9,A.", f"1.2,{tag(toy.RIGHT_2)},a,2,"], Decision(3, "A.")),
        ([f"1.1,{ANSWER},,,Only a word."], Decision(1, "Only a word.")),
    ],
)
def test_a_rubric_speaks_of_an_answer_whoever_gave_it(lines, wanted):
    for name in ("ada", "bo"):
        answer = "def squares(values):\n    return 1  # " + name
        [found] = rubric(*lines).decisions(row(name, 1, 3, answer=answer), LESSON).values()
        assert found == wanted
    assert rubric(*lines).decisions(Row("x", row("x", 1, 3).outcomes, {"1.1": "other"}), LESSON) == {}


def test_lines_of_a_rubric_that_nobody_needs_are_known():
    said = rubric("1.1,00000000,,1,", f"1.1,{ANSWER},,1,")
    assert said.unused([row("a", 1, 3)]) == [("1.1", "00000000")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("9.9,x,,1,", "line 2: there is no exercise '9.9'"),
        ("1.1,x,,2,", "line 2: points of an answer are from 0 to 1"),
        ("1.1,x,,nan,", "line 2: points are a number, not 'nan'"),
        ("1.1,x,shape,,", "line 2: no line says what the item 'shape'"),
        ("1.1,,,1,", "line 2: it names neither an answer nor one item"),
        ("1.1,x,,1,a, b", "line 2 has more cells than headings"),
    ],
)
def test_what_is_wrong_in_a_rubric_is_said_with_its_line(line, says):
    with pytest.raises(NotebookError, match=says):
        rubric(line)
    with pytest.raises(NotebookError, match="has no line of headings"):
        read_rubric("a,b\n1,2\n", "rubric.csv", LESSON)
    assert read_rubric("", "rubric.csv", LESSON).given == {}
