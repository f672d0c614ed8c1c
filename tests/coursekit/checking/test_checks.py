"""`check`: one line in one of four voices, whatever an answer does."""

import inspect
import json
import os
import re
import signal
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import check
from coursekit.checking import timing
from coursekit.checking.checks import (
    EXPECTED,
    PRACTICE_SEED,
    SEED,
    Question,
    expected_folders,
    is_blank,
    outside,
    recorded,
    time_limit,
)


def draw(rng):
    return {"values": rng.normal(size=3), "power": int(rng.integers(2, 5))}


def powers(values, power):
    return values**power


def transposed(values, power):
    return power**values


def summed(values, power):
    return float(np.sum(values**power))


def unlucky(values, power):
    raise ValueError("bad luck")


@pytest.fixture(autouse=True)
def expected(tmp_path, monkeypatch):
    """Recorded values of exercise 9.1 (a function) and 9.2 (a number), and where `check` finds them."""
    known = {"Base and power are swapped.": transposed, "Keep the array.": summed, "It gave up.": unlucky}
    one = {
        "cases": Question("9.1", powers, draw).outcomes(0),
        "mistakes": [
            {"says": says, "cases": Question("9.1", wrong, draw).outcomes(0)} for says, wrong in known.items()
        ],
    }
    two = {"cases": [["f", 0.25]], "mistakes": [{"says": "Upside down.", "cases": [["f", 4.0]]}]}
    (tmp_path / "09_powers.json").write_text(json.dumps({"9.1": one, "9.2": two, "9.4": {"cases": 5}}))
    monkeypatch.setenv(EXPECTED, str(tmp_path))
    return tmp_path


@pytest.fixture
def impatient(monkeypatch):
    """The limit by the clock on the wall, for answers that sleep."""
    monkeypatch.setattr(timing, "WALL", 0.5)


@pytest.fixture
def said(told):
    """Runs `check` and returns the first line that it printed."""
    return lambda *arguments, **options: told(*arguments, **options)[0]


@pytest.fixture
def told(capfd):
    """Runs `check` and returns the lines that it printed."""

    def run(exercise, answer, *arguments, **options):
        before = signal.getsignal(signal.SIGALRM), sys.gettrace(), sys.stdout, sys.stderr
        check(exercise, answer, *arguments, **options)
        assert (signal.getsignal(signal.SIGALRM), sys.gettrace(), sys.stdout, sys.stderr) == before
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        out, err = capfd.readouterr()
        assert re.fullmatch(r"[✓○✗!] \d\.\d  \S.*\n(  \S.*\n)*", out), out
        assert err == ""
        return out.splitlines()

    return run


# The four voices


def test_kinds_of_cases_take_turns_where_the_draw_asks_for_their_number():
    given = [Question("9.1", powers, lambda rng, k: {"values": rng.normal(size=2), "power": k % 3}) for _ in range(2)]
    assert [given[0].inputs(5, k)["power"] for k in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    assert given[0].inputs(5, 3)["values"].tolist() == given[1].inputs(5, 3)["values"].tolist()
    assert given[0].inputs(5, 3)["values"].tolist() != given[0].inputs(6, 3)["values"].tolist()
    assert Question("9.1", powers, lambda rng, n=4: {"power": n}).inputs(5, 3) == {"power": 4}


def test_what_fails_the_example_alone_fails_for_credit_too():
    example = {"values": np.array([2.0]), "power": 0}

    def forgets_zero(values, power):
        return values**power if power else np.zeros_like(values)

    def outcomes(answer, seed):
        question = Question("9.1", answer, lambda rng: {"values": rng.normal(size=2), "power": 3}, 2, example=example)
        return question.outcomes(seed)

    assert outcomes(forgets_zero, PRACTICE_SEED) == outcomes(powers, PRACTICE_SEED)  # practice tries the Example apart
    right, wrong = outcomes(powers, 5), outcomes(forgets_zero, 5)
    assert len(right) == 3
    assert (right[:2], right[2] == wrong[2]) == (wrong[:2], False)


def test_right(said):
    assert said("9.1", powers, draw) == "✓ 9.1  right in 5 of 5 cases"
    assert said("9.2", 0.25) == "✓ 9.2  right"


def blank_docstring(values, power):
    """Nothing yet."""


def blank_dots(values, power):
    """Nothing yet."""
    ...  # noqa: PIE790


def blank_pass(values, power):
    pass


def blank_return(values, power):
    return


def blank_return_dots(values, power):
    """Nothing yet."""
    return ...


BLANKS = [
    blank_docstring,
    blank_dots,
    blank_pass,
    blank_return,
    blank_return_dots,
    lambda values, power: ...,
    ...,
    None,
    (..., ...),
    [None],
]


@pytest.mark.parametrize("answer", BLANKS, ids=lambda answer: getattr(answer, "__name__", str(answer)))
def test_not_answered_yet(answer, said):
    assert said("9.1", answer, draw) == "○ 9.1  not answered yet"
    assert said("9.2", answer) == "○ 9.2  not answered yet"


def forgot_return(values, power):
    values**power


def constant(values, power):
    return 0


def local_only(values, power):
    result = None  # noqa: F841


@pytest.mark.parametrize(
    "answer",
    [forgot_return, constant, local_only, powers, 0, "", (), (0, ...), object()],
    ids=lambda answer: getattr(answer, "__name__", type(answer).__name__),
)
def test_not_blank(answer):
    assert not is_blank(answer)


@pytest.mark.parametrize("answer", [forgot_return, local_only])
def test_a_forgotten_return_has_a_sentence_of_its_own(answer, said):
    assert re.fullmatch(r"✗ 9\.1  .*returns None: is a `return` missing\?", said("9.1", answer, draw))


def test_known_mistakes_speak(said):
    assert said("9.1", transposed, draw) == "✗ 9.1  Base and power are swapped."
    assert said("9.1", summed, draw) == "✗ 9.1  Keep the array."
    assert said("9.1", unlucky, draw) == "✗ 9.1  It gave up."
    assert said("9.2", 4.0) == "✗ 9.2  Upside down."


def other_error(values, power):
    raise ValueError("something else")


def half_right(values, power):
    return values**power if power > 2 else values


def test_a_mistake_speaks_only_for_itself(said):
    assert "It gave up" not in said("9.1", other_error, draw)
    line = said("9.1", half_right, draw)
    assert re.match(r"✗ 9\.1  right in \d of 5 cases; the smallest that is not: entry \[0\] is .*, expected", line)


# Answers that misbehave


class Bad(BaseException):
    """An error that cannot even be shown."""

    def __str__(self):
        raise SystemExit


class Chatty(Exception):
    def __str__(self):
        return "two\nlines at 0x7f0123456789"


def raises(error):
    def answer(values, power):
        raise error

    return answer


def line_of(function, text):
    """How a verdict names the line of a function that has some text in it."""
    lines, first = inspect.getsourcelines(function)
    k = next(k for k, line in enumerate(lines) if text in line)
    return f"line {first + k}: `{lines[k].strip()}`"


RAISING = line_of(raises, "raise error")
RAISED = [
    (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    (SystemExit(3), "SystemExit: 3"),
    (GeneratorExit(), "GeneratorExit"),
    (StopIteration(), "StopIteration"),
    (RecursionError("deep"), "RecursionError: deep"),
    (MemoryError(), "MemoryError"),
    (Bad(), "Bad"),
    (Chatty(), "Chatty: two lines at 0x…"),
    (ValueError("x" * 10_000), "ValueError: " + "x" * 200),
]


@pytest.mark.parametrize(("error", "words"), RAISED, ids=[type(error).__name__ for error, _ in RAISED])
def test_an_error(error, words, said):
    assert said("9.1", raises(error), draw).endswith(f"it raised {words}, in {RAISING}")


def test_stop_stops():
    with pytest.raises(KeyboardInterrupt):
        check("9.1", raises(KeyboardInterrupt()), draw)


WRONG = [
    (lambda values, power: print(values), "returns None"),
    (lambda values, power: math_nan(values), "entry [0] is nan"),
    (lambda values, power: values[:2], "got shape (2,), expected (3,)"),
    (lambda values, power: values.tolist()[:2], "got shape (2,), expected (3,)"),
    (lambda values, power: [values, [1]], "got a sequence of 2 items, expected an array of shape (3,)"),
    (lambda values, power: "text", "got text"),
    (lambda values, power: object, "got an object of type type"),
    (lambda values, power: Question, "got an object of type type"),
    (lambda values: values, "TypeError"),
    (lambda values, power, more: values, "TypeError"),
    (lambda: 1, "TypeError"),
    (5, "TypeError: 'int' object is not callable"),
    ("powers", "TypeError: 'str' object is not callable"),
]


def math_nan(values):
    return values * np.nan


@pytest.mark.parametrize(("answer", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_type_or_shape(answer, words, said):
    line = said("9.1", answer, draw)
    assert line.startswith("✗ 9.1  ")
    assert words in line


def test_arguments_that_are_changed(said):
    def greedy(values, power):
        result = values**power
        values[:] = 0
        return result

    assert said("9.1", greedy, draw).startswith("✓ 9.1  right in 5 of 5")


def test_prints_are_shown_below_a_wrong_answer_and_not_beside_a_right_one(told):
    def talkative(values, power):
        print("✓ 9.1  right", power)
        sys.stderr.write("\ud800 warning\n" * 1000)
        return values

    def proud(values, power):
        print("look")
        return values**power

    lines = told("9.1", talkative, draw)
    assert lines[0].startswith("✗ 9.1")
    assert re.fullmatch(r"  printed ✓ 9.1  right \d", lines[4])
    assert lines[5:] == ["  printed ? warning"] * 4 + ["  printed …", '  `check.case("9.1")` gives these inputs.']
    assert told("9.1", proud, draw) == ["✓ 9.1  right in 5 of 5 cases"]


def test_a_stream_that_is_closed(said):
    def closing(values, power):
        sys.stdout.close()
        return values**power

    assert said("9.1", closing, draw).startswith("✓ 9.1")


def forever(values, power):
    while True:
        pass


def forever_bare(values, power):
    while True:
        try:  # noqa: SIM105
            time.sleep(60)
        except:  # noqa: E722
            pass


def forever_finally(values, power):
    while True:
        try:
            time.sleep(60)
        finally:
            continue  # noqa: B012


def forever_suppressed(values, power):
    def once():
        try:
            time.sleep(60)
        except BaseException:
            return 1

    while True:
        once()


def forever_in_a_message(values, power):
    class Slow(Exception):
        def __str__(self):
            return forever(values, power)

    raise Slow


@pytest.mark.parametrize("answer", [forever, forever_in_a_message], ids=lambda answer: answer.__name__)
def test_a_loop_that_never_ends(answer, said):
    line = said("9.1", answer, draw, seconds=0.1)
    assert line.endswith("it took longer than 0.1 s: is there a loop that never ends?")


SLEEPERS = [forever_bare, forever_finally, forever_suppressed]


@pytest.mark.parametrize("answer", SLEEPERS, ids=[answer.__name__ for answer in SLEEPERS])
def test_an_answer_that_sleeps_is_stopped_by_the_clock_on_the_wall(answer, said, impatient):
    line = said("9.1", answer, draw, seconds=0.05)
    assert line.endswith("it had not finished after 0.5 s; your computer may be busy: run the cell again")


@pytest.mark.parametrize("answer", SLEEPERS, ids=[answer.__name__ for answer in SLEEPERS])
def test_a_tracer_that_was_at_work_before_goes_on_afterwards(answer):
    def trace(frame, event, argument):
        seen.append(frame.f_code.co_name)
        return trace

    def block():
        with pytest.raises(timing.TooLong), timing.time_limit(0.05, wall=0.2):
            answer(None, None)
        seen.clear()
        return 1 + len(seen)

    seen, before = [], sys.gettrace()
    sys.settrace(trace)
    try:
        assert block() == 2
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_a_busy_machine_is_not_the_answers_fault(said, monkeypatch):
    def patient(values, power):
        time.sleep(0.3)  # as long as another process would keep the processor
        return values**power

    assert Question("9.1", patient, draw, 1, seconds=0.05).outcomes(0) == Question("9.1", powers, draw, 1).outcomes(0)


def busy(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_what_the_check_measures_is_not_the_answers_time():
    def slow(result, values, power):
        busy(0.3)
        return {"size": 1.0}

    question = Question("9.1", powers, draw, 1, slow, {"size": (1, 1)}, seconds=0.1)
    assert question.outcomes(0) == [["d", {"size": ["f", 1.0]}]]


def test_an_import_is_never_interrupted(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nuntil = time.thread_time() + 0.4\nwhile time.thread_time() < until: pass\nready = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def importing(values, power):
        import slow_to_import

        return values**power * slow_to_import.ready

    assert Question("9.1", importing, draw, seconds=0.2).outcomes(0) == Question("9.1", powers, draw).outcomes(0)


def test_the_limit_is_over_when_the_block_is():
    with time_limit(0.01):
        pass
    time.sleep(0.05)  # an alarm still set would ring here
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_alarm_of_ones_own_survives(said):
    def mine(*_):
        """A handler that somebody else has set."""

    before = signal.signal(signal.SIGALRM, mine)
    try:
        said("9.1", forever, draw, seconds=0.1)
        assert signal.getsignal(signal.SIGALRM) is mine
    finally:
        signal.signal(signal.SIGALRM, before)


def test_no_limit_beside_the_main_thread(capsys):
    thread = threading.Thread(target=check, args=("9.1", powers, draw))
    thread.start()
    thread.join()
    assert capsys.readouterr().out.startswith("✓ 9.1")


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.floats()))
def test_any_answer_gets_a_verdict(value):
    question = Question("9.1", lambda values, power: value, draw, cases=1)
    [got] = question.outcomes(0)
    assert question.difference(got, ["a", [3], "float64", [1.0, 2.0, 3.0]])


# Inputs


def test_cases_are_drawn_afresh_and_differ():
    question = Question("9.1", powers, draw)
    first, again, second = question.inputs(0, 0), question.inputs(0, 0), question.inputs(0, 1)
    assert np.array_equal(first["values"], again["values"])
    assert not np.array_equal(first["values"], second["values"])
    assert not np.array_equal(first["values"], question.inputs(1, 0)["values"])
    assert not np.array_equal(first["values"], Question("9.2", powers, draw).inputs(0, 0)["values"])


# Open exercises


def measure(result, values, power):
    values[:] = 0  # a measure's arguments are its own
    return {"size": float(np.abs(result).sum()), "count": len(result)}


@pytest.mark.parametrize(
    ("within", "line"),
    [
        ({"count": (3, 3)}, "✓ 9.1  right in 5 of 5 cases: count=3, size="),
        ({"size": (0, None)}, "✓ 9.1  right in 5 of 5 cases: count=3, size="),
        ({"count": (None, 2)}, "count is 3, it should be at most 2"),
        ({"count": (4, 5)}, "count is 3, it should be at least 4 and at most 5"),
        ({"count": (4, 4)}, "count is 3, it should be 4"),
        ({"depth": (0, 1)}, "depth is None, it should be at least 0 and at most 1"),
    ],
)
def test_an_open_exercise_is_judged_by_what_it_does(within, line, said):
    assert line in said("9.1", powers, draw, measure=measure, within=within)


def test_a_measure_sees_the_inputs_as_they_were_drawn(said):
    def greedy(values, power):
        values[:] = 0
        return values

    def untouched(result, values, power):
        return {"inputs": float(np.abs(values).sum())}

    assert "✓" in said("9.1", greedy, draw, measure=untouched, within={"inputs": (1e-9, None)})


def test_nan_is_never_within():
    assert outside(["d", {"a": ["f", "nan"]}], {"a": (None, None)})


# The check itself


def broken(rng):
    raise RuntimeError("no inputs")


CANNOT = [
    (("9.1", powers, broken), "the check itself failed (RuntimeError: no inputs)"),
    (("9.3", powers, draw), "recorded values of exercise 9.3 were not found"),
    (("9.4", powers, draw), "the check itself failed (TypeError"),
]


@pytest.mark.parametrize(("arguments", "words"), CANNOT, ids=["draw", "no record", "damaged record"])
def test_a_check_that_cannot_work_says_so(arguments, words, said):
    line = said(*arguments)
    assert line.startswith("! 9.")
    assert words in line


def test_unreadable_records_are_passed_over(expected, monkeypatch, said):
    (expected / "09_a.json").write_text("{")
    (expected / "09_b.json").write_text("[]")
    (expected / "09_c.json").mkdir()
    assert said("9.2", 0.25).startswith("✓")


@pytest.mark.parametrize("beside", ["expected", "lessons/expected", "../expected", "../lessons/expected"])
def test_records_are_found_from_any_folder(beside, expected, tmp_path, monkeypatch):
    here = tmp_path / "a" / "b"
    folder = here / beside
    folder.mkdir(parents=True)
    (folder / "08_found.json").write_text(json.dumps({"8.1": {"cases": [], "mistakes": []}}))
    monkeypatch.delenv(EXPECTED)
    monkeypatch.chdir(here)
    assert recorded("8.1") == {"cases": [], "mistakes": []}


def test_the_current_folder_may_be_gone(tmp_path, monkeypatch):
    monkeypatch.delenv(EXPECTED)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert list(expected_folders())


def test_with_a_seed_nothing_is_compared(monkeypatch, capsys):
    shown = []
    monkeypatch.setitem(sys.modules, "IPython", type("IPython", (), {"display": type("", (), {"display": None})}))
    monkeypatch.setattr(
        sys.modules["IPython"].display, "display", lambda bundle, raw: shown.append(bundle), raising=False
    )
    monkeypatch.setenv(SEED, "12345")
    monkeypatch.setenv(EXPECTED, os.devnull)
    check("9.1", powers, draw, rtol=0.5)
    check("9.1", ..., draw)
    [values, blank] = [bundle["application/vnd.coursekit.values+json"] for bundle in shown]
    assert values["cases"] == Question("9.1", powers, draw).outcomes(12345) != Question("9.1", powers, draw).outcomes(0)
    assert (values["exercise"], values["rtol"], values["blank"], values["open"]) == ("9.1", 0.5, False, False)
    assert blank["blank"]
    assert capsys.readouterr().out == ""
