"""What a wrong answer is told: the example first, the failing case whole and again, and hints that are earned."""

import json
import re
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import torch

from coursekit import check
from coursekit.checking import hints
from coursekit.checking.checks import EXAMPLE, EXPECTED, Question, _to_five_digits, judge


def draw(rng):
    return {"values": rng.normal(size=3), "power": int(rng.integers(2, 5))}


def powers(values, power):
    return values**power


SMALL = {"values": np.array([1.0, 2.0, 3.0]), "power": 2}


@pytest.fixture(autouse=True)
def expected(tmp_path, monkeypatch):
    """The record of exercise 9.1, with an example and hints; no tries yet."""
    question = Question("9.1", powers, draw, example=SMALL)
    known = Question("9.1", lambda values, power: power**values, draw).outcomes(0)
    record = {
        "cases": question.outcomes(0),
        "example": question.outcome(0, EXAMPLE),
        "mistakes": [{"says": "Base and power are swapped.", "cases": known}],
        "hints": ["What is a power?", "v ** p", "One step, for all at once."],
    }
    (tmp_path / "09_powers.json").write_text(json.dumps({"9.1": record}))
    monkeypatch.setenv(EXPECTED, str(tmp_path))
    monkeypatch.delenv(hints.TRIES, raising=False)
    monkeypatch.setattr(hints, "_tried", {})


@pytest.fixture
def told(capfd):
    """Runs `check` on 9.1 and returns the lines that it printed."""

    def run(answer, **options):
        check("9.1", answer, draw, **{"example": SMALL} | options)
        return capfd.readouterr().out.splitlines()

    return run


# The example


def test_an_example_that_fails_is_told_with_both_values(told):
    def doubled(values, power):
        return values * power

    assert told(doubled)[0] == "✗ 9.1  On the example, `doubled([1, 2, 3], 2)` gives `[2, 4, 6]`; it is `[1, 4, 9]`."
    assert check.case("9.1")["values"].tolist() == [1, 2, 3]


def test_a_named_mistake_goes_before_the_example(told):
    assert told(lambda values, power: power**values)[0] == "✗ 9.1  Base and power are swapped."


def test_an_answer_that_is_right_but_for_the_example_is_wrong(told):
    def partly(values, power):
        return values if values[0] == 1 else values**power

    assert told(partly)[0].startswith("✗ 9.1  On the example, `partly([1, 2, 3], 2)`")


def test_an_answer_cannot_change_the_example(told):
    def greedy(values, power):
        result = values**power
        values[:] = 0
        return result

    assert told(greedy) == told(greedy) == ["✓ 9.1  right in 5 of 5 cases"]
    assert SMALL["values"].tolist() == [1, 2, 3]


MISHAPS = [
    (lambda values, power: values[9], r"it raised IndexError: .*; it is `\[1, 4, 9\]`\."),
    (lambda values, power: print(values), r"it returns None: is a `return` missing\?; it is `\[1, 4, 9\]`\."),
    (lambda values, power: np.ones((7, 7)), r"got shape \(7, 7\), expected \(3,\)\."),
    (lambda values, power: {"a": values}, r"gives `\{'a': \[1, 2, 3\]\}`; it is `\[1, 4, 9\]`\."),
]


@pytest.mark.parametrize(("answer", "words"), MISHAPS, ids=["raises", "prints", "shape", "dict"])
def test_what_goes_wrong_on_the_example(answer, words, told):
    assert re.search(rf"On the example, `<lambda>\(\[1, 2, 3\], 2\)`:? {words}$", told(answer)[0])


def test_the_example_of_an_open_exercise_is_measured(told, expected, tmp_path):
    def measure(result, values, power):
        return {"size": float(np.sum(result))}

    question = Question("9.1", powers, draw, measure=measure, within={"size": (14, 14)}, example=SMALL)
    record = {"cases": [["d", {}]], "example": question.outcome(0, EXAMPLE), "mistakes": []}
    (tmp_path / "09_powers.json").write_text(json.dumps({"9.1": record}))
    lines = told(lambda values, power: values, measure=measure, within={"size": (14, 14)}, cases=1)
    assert lines[0] == (
        "✗ 9.1  On the example, `<lambda>([1, 2, 3], 2)` gives `[1, 2, 3]`: size is 6, it should be 14."
    )


# The failing case


def half(values, power):
    return values**power if power > 2 else values


def test_the_failing_case_is_shown_whole_and_can_be_had_again(told):
    lines = told(half, example=None)
    assert lines[0].startswith("✗ 9.1  right in ")
    assert lines[1].startswith("  case    half(values=[")
    assert lines[2].startswith("  gives   [")
    assert lines[3].startswith("  it is   [")
    assert lines[4] == '  `check.case("9.1")` gives these inputs.'
    case = check.case("9.1")
    assert case["power"] == 2
    assert not np.allclose(half(**case), powers(**case))


def test_of_several_failing_cases_the_smallest_is_told():
    def drawn(rng):
        return {"values": np.full(int(rng.integers(2, 500)), 2.0), "power": 3}

    right, wrong = (Question("9.1", answer, drawn, cases=9) for answer in (powers, lambda values, power: values))
    sizes = [len(right.inputs(0, k)["values"]) for k in range(9)]
    assert sizes[0] > min(sizes)
    judge(wrong, {"cases": right.outcomes(0), "mistakes": []})
    assert len(check.case("9.1")["values"]) == min(sizes)


def test_of_two_with_as_many_entries_it_is_the_one_with_smaller_numbers():
    def drawn(rng, k):
        return {"values": np.full(2, [7.0, 3.0, -9.0][k]), "power": 3}

    right, wrong = (Question("9.1", answer, drawn, cases=3) for answer in (powers, lambda values, power: values))
    judge(wrong, {"cases": right.outcomes(0), "mistakes": []})
    assert check.case("9.1")["values"].tolist() == [3.0, 3.0]


def test_an_input_that_is_a_function_is_told_by_its_docstring():
    def drawn(rng):
        edge = rng.uniform(1, 2)

        def line(x):
            return x - edge

        line.__doc__ = f"x - {edge:.3g}"
        return {"f": line}

    root = Question("9.1", lambda f: -f(0.0), drawn)
    record = {"cases": root.outcomes(0), "mistakes": []}
    assert re.search(r"case    <lambda>\(f=<x - 1\.\d+>\)", judge(Question("9.1", lambda f: 0.0, drawn), record).shown)


def test_an_input_that_runs_backwards_comes_in_order():
    def backwards(rng):
        return {"s": np.sort(rng.normal(size=3))[::-1], "more": [np.arange(4.0)[::-1], "text"]}

    inputs = Question("9.1", None, backwards).inputs(0, 0)
    assert torch.as_tensor(inputs["s"]).tolist() == sorted(inputs["s"], reverse=True)
    assert torch.as_tensor(inputs["more"][0]).tolist() == [3, 2, 1, 0]
    assert inputs["more"][1] == "text"


def test_without_a_failing_case_there_is_none(told):
    told(half)
    told(powers)
    with pytest.raises(LookupError, match=r"9\.1 has no failing case"):
        check.case("9.1")


def test_what_is_large_is_described(told):
    def large(values, power):
        return np.ones(500)

    lines = told(large, example=None)
    assert lines[0] == "✗ 9.1  got shape (500,), expected (3,)"
    assert not [line for line in lines if "gives   " in line]


# Right is right


Pair = namedtuple("Pair", "a b c")
DRESSES = [
    list,
    tuple,
    np.asarray,
    torch.tensor,
    lambda x: Pair(*x),
    lambda x: [np.float64(v) for v in x],
    lambda x: [torch.tensor(v) for v in x],
    lambda x: x + 0j,
]


@pytest.mark.parametrize("dress", DRESSES, ids=range(len(DRESSES)))
def test_right_is_right_in_any_dress(dress, told):
    assert told(lambda values, power: dress(values**power)) == ["✓ 9.1  right in 5 of 5 cases"]


def test_an_answer_in_float32_reads_that_it_is_one(told):
    def short(values, power):
        return (np.float32(values) ** np.float32(power)).astype(np.float32)

    (nearly,) = (line for line in told(short, rtol=1e-9) if line.startswith("✗"))
    assert (
        nearly == "✗ 9.1  nearly: the numbers agree to five digits, and more are asked for: is something float32, or a "
        "constant rounded?"
    )
    right, advice = told(short, rtol=1e-6)[:2]
    assert right.startswith("✓")
    assert advice.strip().startswith("But the numbers agree to five digits")
    assert told(short, rtol=1e-4)[1:] == []  # where five digits are enough, nothing is said
    assert told(powers, rtol=1e-9)[1:] == []
    assert told(lambda values, power: values**power * (1 + 5e-7), rtol=1e-6)[1:] == []


def test_what_is_wrong_in_the_fourth_digit_is_not_excused(told):
    assert "nearly" not in " ".join(told(lambda values, power: values**power * 1.0003, rtol=1e-6))


def test_a_small_number_that_became_zero_is_not_excused_by_a_large_one():
    """What underflows is what a course is about: a result in a short format alone is excused by its largest entry."""
    due = [["a", [2], "float64", [1.0, 1e-7]]]
    lost = [["a", [2], "float64", [1.0, 0.0]]]
    question = Question("9.1", powers, draw)
    assert not _to_five_digits(question, lost, due, short=False)
    assert _to_five_digits(question, lost, due, short=True)


def test_where_the_type_is_the_point_it_is_asked_for_by_name(told):
    def narrow(values, power):
        return torch.tensor(values**power).bfloat16()

    def wide(values, power):
        return torch.tensor(values**power).float()

    options = {"dtype": "bfloat16", "rtol": 0.02}
    assert told(narrow, **options) == ["✓ 9.1  right in 5 of 5 cases"]
    assert "dtype float32; the values are to be bfloat16" in told(wide, **options)[0]
    assert "the values are to be bfloat16" in told(lambda values, power: (values**power).tolist(), **options)[0]
    [got] = Question("9.1", wide, draw, 1).outcomes(0)
    assert Question.of({"exercise": "9.1", "dtype": "bfloat16", "rtol": 0.02}).difference(got, got)


def keeps(result, values, power):
    return {"above": int(np.sum(np.asarray(result, dtype=float) > 0.02))}


BROKEN = [
    (lambda values, power: values * np.nan, "nan is in it"),
    (lambda values, power: values + np.inf, "inf is in it"),
    (lambda values, power: "nan", "'nan' in it is text, not a number"),
    (lambda values, power: ["-1", "0", "1"], "'-1' in it is text, not a number"),
]


@pytest.mark.parametrize(("answer", "words"), BROKEN, ids=[words for _, words in BROKEN])
def test_what_is_not_finite_is_not_measured(answer, words, told):
    line = told(answer, measure=keeps, within={"above": (None, 0)}, example=None)[0]
    assert words in line


def test_a_measure_that_makes_nan_of_zeros_is_no_measurement(told):
    def shares(result, values, power):
        return {"lost": int(np.sum(result / np.sum(result) > 0.02))}

    line = told(lambda values, power: 0 * values, measure=shares, within={"lost": (None, 0)}, example=None)[0]
    assert "cannot be measured (FloatingPointError: invalid value" in line


def test_infinity_is_measured_where_the_check_says_so(told):
    def answer(values, power):
        return values * 0 - np.inf

    assert told(answer, measure=keeps, within={"above": (None, 0)}, finite=False, example=None)[0].startswith("✓")


def test_a_bound_is_kept_but_for_rounding(told):
    def ends(result, values, power):
        return {"last": float(result)}

    for number, sign in ((64 * (1 + 1e-12), "✓"), (64 * (1 - 1e-12), "✓"), (64.0001, "✗"), (63.9999, "✗")):
        line = told(lambda values, power: number, measure=ends, within={"last": (64, 64)}, example=None)[0]  # noqa: B023
        assert line.startswith(sign)


# Hints


def wrong(k):
    return lambda values, power: values + k


def hinted(lines):
    return [line.strip() for line in lines if "Hint" in line]


def test_hints_are_told_after_the_second_the_fourth_and_the_sixth_wrong_try(told):
    counts = [len(hinted(told(wrong(k)))) for k in range(8)]
    assert counts == [0, 1, 1, 2, 2, 3, 3, 3]
    assert hinted(told(wrong(0))) == [
        "Hint 1 of 3: What is a power?",
        "Hint 2 of 3: v ** p",
        "Hint 3 of 3: One step, for all at once.",
    ]
    assert hinted(told(powers)) == []


def test_the_same_answer_again_is_no_try(told):
    for _ in range(5):
        assert hinted(told(wrong(1))) == []


def test_tries_outlive_the_kernel_where_there_is_a_file_for_them(told, tmp_path, monkeypatch):
    monkeypatch.setenv(hints.TRIES, str(tmp_path / "tries.json"))
    told(wrong(1))
    monkeypatch.setattr(hints, "_tried", {})
    assert len(hinted(told(wrong(2)))) == 1
    monkeypatch.setattr(hints, "_tried", {})
    (tmp_path / "tries.json").write_text("{")
    assert hinted(told(wrong(3))) == []


@pytest.mark.parametrize("content", ["[]", '{"9.1": 5}', '{"9.1": [5, null]}', "\ud800"], ids=range(4))
def test_a_damaged_file_of_tries_is_no_harm(content, told, tmp_path, monkeypatch):
    (tmp_path / "tries.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    monkeypatch.setenv(hints.TRIES, str(tmp_path / "tries.json"))
    assert told(wrong(1))[0].startswith("✗")
    assert json.loads((tmp_path / "tries.json").read_text())


def test_a_folder_that_is_gone_is_no_harm(told, tmp_path, monkeypatch):
    monkeypatch.setenv(hints.TRIES, str(tmp_path / "gone" / "tries.json"))
    assert told(wrong(1))[0].startswith("✗")


def test_the_check_costs_what_numpy_costs():
    code = (
        "import sys; from coursekit import check; print([m for m in ('torch', 'scipy', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
