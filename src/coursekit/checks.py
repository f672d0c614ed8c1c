"""`check`: draws inputs, calls the learner's function, says in one line how it went.

Practice compares with the recorded values beside the lesson. With `COURSEKIT_SEED` set, `check` compares
nothing: it hands out the values, and whoever set the seed compares them outside this process.
"""

import contextlib
import dis
import html
import io
import json
import os
import re
import signal
import sys
import sysconfig
import threading
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coursekit.values import PLAIN, brief, clean, decode, describe, differ, encode, type_name

SEED = "COURSEKIT_SEED"
RAW = "COURSEKIT_RAW"
EXPECTED = "COURSEKIT_EXPECTED"
VALUES_MIME = "application/vnd.coursekit.values+json"
VERDICT_MIME = "application/vnd.coursekit.verdict+json"
SIGNS = {"right": "✓", "blank": "○", "wrong": "✗", "error": "!"}


@dataclass
class Verdict:
    """What `check` found: `kind` is right, blank, wrong or error; shown as one line."""

    exercise: str
    kind: str
    text: str

    @property
    def line(self):
        return f"{SIGNS[self.kind]} {self.exercise}  {' '.join(self.text.splitlines())}"

    def show(self):
        """Display the line in a notebook, print it elsewhere."""
        if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
            print(self.line)
            return
        style = f'class="coursekit-verdict coursekit-{self.kind}" style="{STYLES[self.kind]}"'
        bundle = {
            "text/plain": self.line,
            "text/html": f"<div {style}>{html.escape(self.line)}</div>",
            VERDICT_MIME: {"exercise": self.exercise, "kind": self.kind},
        }
        sys.modules["IPython"].display.display(bundle, raw=True)


_BOX = "padding:.35em .7em;border-left:4px solid {};font-family:inherit;white-space:pre-wrap"
STYLES = {
    kind: _BOX.format(colour)
    for kind, colour in {
        "right": "#1a7f5a",
        "blank": "#8a8f98",
        "wrong": "#c2410c",
        "error": "#c2410c",
    }.items()
}


@dataclass
class Question:
    """One exercise's check: how to draw a case, how to call the answer, what counts as agreement."""

    exercise: str
    answer: object
    draw: object = None
    cases: int = 5
    measure: object = None
    within: dict = field(default_factory=dict)
    rtol: float = 1e-6
    atol: float = 1e-9
    seconds: float = 5.0
    given: object = None  # an iterator over encoded results from another process, which are measured

    def inputs(self, seed, k):
        """The k-th case's keyword arguments, drawn afresh: whoever changes them changes only a copy."""
        words = [ord(letter) for letter in self.exercise]
        return self.draw(np.random.default_rng([seed, *words, k])) if self.draw else {}

    def outcome(self, seed, k):
        """The encoded value that the answer gives for case k, or what went wrong."""
        case, again = self.inputs(seed, k), self.inputs(seed, k)
        try:
            with time_limit(self.seconds):
                return self._attempt(case, again)
        except TooLong:
            return ["late", self.seconds]

    def _attempt(self, case, again):
        try:
            if self.given:
                return self._measured(next(self.given), again)
            result = self.answer(**case) if self.draw else self.answer
            value = encode(result)
            if self.measure and value[0] in PLAIN:
                value = encode(self.measure(decode(value), **again))
            return value
        except (TooLong, KeyboardInterrupt):
            raise
        except BaseException as error:
            return ["raised", type_name(error), _message(error)]

    def _measured(self, value, case):
        """What is measured of a result from another process; what is no result, as "late" is none, stays as it is."""
        if value[0] not in PLAIN:
            return value
        try:
            return encode(self.measure(decode(value), **case))
        except Exception as error:
            return ["unmeasured", type_name(error), _message(error)]

    def outcomes(self, seed):
        """Encoded values of all cases; after a case that ran out of time the rest count as late, too."""
        values, nowhere = [], _Nowhere()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            for k in range(self.cases if self.draw else 1):
                late = values and values[-1][0] == "late"
                values.append(values[-1] if late else self.outcome(seed, k))
        return values

    def difference(self, got, expected):
        """None when one case agrees, else a sentence: outside its bounds, or different from what is expected."""
        if not self.within:
            return differ(got, expected, self.rtol, self.atol)
        return outside(got, self.within) if got[0] == "d" else f"got {describe(got)}"


class _Nowhere(io.TextIOBase):
    """Takes what an answer prints while it is checked: a check says one line."""

    def write(self, text):
        return len(text)


def _message(error):
    """The text of an error, whatever its own `__str__` does; addresses differ from run to run, so they go."""
    try:
        text = str.__str__(str(error))
    except (TooLong, KeyboardInterrupt):
        raise
    except BaseException:
        return ""
    return re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", clean(text[:200]))


def outside(measured, within):
    """Return None when each measured number lies within its (low, high), else the sentence that says which."""
    for name, (low, high) in within.items():
        value = measured[1].get(name, ["n"])
        number = float(value[1]) if value[0] in ("i", "f") else float("nan")
        if not (-np.inf if low is None else low) <= number <= (np.inf if high is None else high):
            bounds = [
                f"{words} {bound:g}" for words, bound in (("at least", low), ("at most", high)) if bound is not None
            ]
            asked = f"{low:g}" if low is not None and low == high else " and ".join(bounds)
            return f"{name} is {brief(value)}, it should be {asked}"
    return None


def check(exercise, answer, draw=None, *, cases=5, measure=None, within=None, rtol=1e-6, atol=1e-9, seconds=5.0):
    """Say in one line whether `answer` is right; never raise, never stop a notebook.

    exercise  "5.2": lesson and number
    answer    the learner's function (or, with no `draw`, a value)
    draw      rng -> dict of keyword arguments for one case
    measure   (result, **case) -> dict of numbers, for an open exercise judged by what its result does; it gets the
              result as plain data (numbers, text, lists, dicts, arrays), since grading measures in another process
    within    {name: (low, high)}, the bounds of the measured numbers; None leaves a side open
    rtol, atol  relative and absolute tolerance; seconds  time limit of one case
    """
    try:
        question = Question(exercise, answer, draw, cases, measure, within or {}, rtol, atol, seconds)
        if SEED in os.environ:
            _hand_out(question, int(os.environ[SEED]))
        else:
            judge(question, recorded(exercise)).show()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        Verdict(exercise, "error", f"the check itself failed ({type_name(error)}: {_message(error)})").show()
    if exercise in demanded:
        _insist(question, *demanded.pop(exercise))


demanded = {}  # by exercise: the seed and the encoded values that its next check insists on


def demand(exercise, seed, cases):
    """Let the next check of an exercise raise AssertionError unless the answer gives these encoded values on a seed.

    For graders that look at whether a cell raises. The values lie in the memory of the process that is graded.
    """
    demanded[exercise] = (seed, cases)


def _insist(question, seed, cases):
    got = [["n"]] if is_blank(question.answer) else question.outcomes(seed)
    if len(got) != len(cases) or any(question.difference(*pair) for pair in zip(got, cases, strict=True)):
        raise AssertionError(f"{question.exercise}: not the values of the reference, on inputs drawn for grading")


def _hand_out(question, seed):
    """Display the values for whoever set the seed.

    Where `RAW` is set, too, an open exercise's results go out unmeasured: a bound that everybody can read would be
    kept by a forged measurement as well. They are measured in a process without that answer, from `results`.
    """
    is_open = question.draw is None or question.measure is not None
    raw = question.measure is not None and os.environ.get(RAW) == "1"
    if question.exercise in results:
        question.given, raw = iter(results[question.exercise]), False
    if raw:
        question.measure = None
    blank = not question.given and is_blank(question.answer)
    values = {
        "exercise": question.exercise,
        "cases": [["n"]] if blank else question.outcomes(seed),
        "blank": blank,
        "rtol": question.rtol,
        "atol": question.atol,
        "within": question.within,
        "seconds": question.seconds,
        "open": is_open,
        "raw": raw,
    }
    sys.modules["IPython"].display.display({VALUES_MIME: values, "text/plain": question.exercise}, raw=True)


results = {}  # encoded results by exercise, from another process, that checks here measure instead of an answer's


def judge(question, record):
    """The verdict on an answer, given its exercise's record: expected cases and known mistakes."""
    if is_blank(question.answer):
        return Verdict(question.exercise, "blank", "not answered yet")
    if record is None:
        return Verdict(question.exercise, "error", NO_RECORD.format(question.exercise))
    got = question.outcomes(seed=0)
    pairs = list(zip(got, record["cases"], strict=False))
    differences = [question.difference(*pair) for pair in pairs]
    passed = sum(text is None for text in differences)
    if passed == len(record["cases"]) == len(got):
        example = f" · {_inputs_text(question)} → {brief(got[0])}" if question.draw else f" · {brief(got[0])}"
        return Verdict(question.exercise, "right", f"{passed} of {passed}{example}")
    for mistake in record["mistakes"]:
        if same_outcomes(got, mistake["cases"], question.rtol, question.atol):
            return Verdict(question.exercise, "wrong", mistake["says"])
    k = next((k for k, text in enumerate(differences) if text), 0)
    return Verdict(question.exercise, "wrong", _explain(question, got[k], differences[k], k, passed, len(got)))


def same_outcomes(got, known, rtol, atol):
    """Whether an answer's outcomes are those of a known mistake, case by case."""
    return len(got) == len(known) and all(differ(x, y, rtol, atol) is None for x, y in zip(got, known, strict=True))


def _explain(question, got, difference, k, passed, total):
    where = f"for {_inputs_text(question, k)} " if question.draw else ""
    score = f"{passed} of {total}: " if passed else ""
    if got[0] == "late":
        return f"{where}it took longer than {question.seconds:g} s: is there a loop that never ends?"
    if got[0] == "raised":
        return f"{where}it raised {describe(got)}"
    if got[0] == "n":
        return "it returns None: is a `return` missing?"
    return f"{score}{where}{difference}"


def _inputs_text(question, k=0):
    case = question.inputs(0, k)
    text = ", ".join(f"{name}={brief(encode(value))}" for name, value in case.items())
    return text if len(text) <= 90 else text[:89] + "…"


NO_RECORD = "the recorded values of exercise {} were not found: open the lesson with `course lab`"


def recorded(exercise):
    """The record of an exercise from `expected/`: its cases and known mistakes; None where there is none."""
    number = exercise.split(".")[0].zfill(2)
    for folder in expected_folders():
        for path in sorted(folder.glob(f"{number}_*.json")):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                if record := json.loads(path.read_text(encoding="utf-8")).get(exercise):
                    return record
    return None


def expected_folders():
    """Where recorded values may lie: as told, above the current folder, beside the package, installed with it."""
    if EXPECTED in os.environ:
        yield Path(os.environ[EXPECTED])
        return
    with contextlib.suppress(OSError):  # the current folder may have been deleted
        here = Path.cwd()
        for folder in (here, *here.parents):
            yield folder / "expected"
            yield folder / "lessons" / "expected"
    yield Path(__file__).resolve().parents[2] / "lessons" / "expected"
    yield Path(sysconfig.get_path("data")) / "share" / "coursekit" / "lessons" / "expected"


def is_blank(answer):
    """Whether an answer is still the gap: `...`, None, several of these, or a function whose body does nothing."""
    if answer is None or answer is Ellipsis:
        return True
    if type(answer) in (tuple, list):
        return len(answer) > 0 and all(item is None or item is Ellipsis for item in answer)
    if type(answer) is not types.FunctionType:
        return False
    steps = [step for step in dis.get_instructions(answer) if step.opname not in ("RESUME", "NOP", "POP_TOP")]
    idle = {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return all(step.opname in idle and step.argval in (None, ...) for step in steps)


class TooLong(BaseException):
    """An answer ran out of time; not an Exception, so that an answer's own `except` does not catch it."""


@contextlib.contextmanager
def time_limit(seconds):
    """Interrupt the block after `seconds`, where the platform can (POSIX, main thread)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    alarm, tracing = _Alarm(), sys.gettrace()
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
    # Twice, because the alarm may go off while the first line of the inner `finally` runs.
    try:
        try:
            yield
        finally:
            alarm.over = True
    finally:
        alarm.over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
        if alarm.rings > 1:
            sys.settrace(tracing)


class _Alarm:
    """Rings until the block has ended: `except:` in an endless loop swallows what is raised inside its `try`.

    From the second ring on, the next line of the answer raises as well: by then it stands in the `except`.
    """

    def __init__(self):
        self.rings, self.over = 0, False

    def __call__(self, _, frame):
        if self.over:
            return
        self.rings += 1
        if self.rings > 1:
            while frame and frame.f_code.co_filename != __file__:
                frame.f_trace = _next_line
                frame = frame.f_back
            sys.settrace(lambda *_: None)
        raise TooLong


def _next_line(frame, event, argument):
    if event == "line":
        raise TooLong
    return _next_line
