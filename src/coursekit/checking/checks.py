"""`check`: draws inputs, calls the learner's function, says how it went and helps where it did not.

Practice compares with the recorded values beside the lesson. With `COURSEKIT_SEED` set, `check` compares
nothing: it hands out the values, and the grader that set the seed compares them in another process.
"""

import contextlib
import copy
import dis
import inspect
import io
import linecache
import math
import os
import re
import sys
import types
from dataclasses import dataclass, field, replace

import numpy as np

from coursekit.checking import hints
from coursekit.checking.agreement import differ, entries, flaw, same_outcomes
from coursekit.checking.marks import clean
from coursekit.checking.records import EXPECTED, NO_RECORD, expected_folders, recorded
from coursekit.checking.timing import TooLong, time_limit
from coursekit.checking.toolbox import TOOLBOX, keep
from coursekit.checking.values import PLAIN, decode, encode, leaves, type_name
from coursekit.checking.verdicts import SIGNS, STYLES, VERDICT_MIME, Verdict
from coursekit.checking.words import brief, describe, told_apart, whole

__all__ = [
    "EXPECTED",
    "SIGNS",
    "STYLES",
    "VERDICT_MIME",
    "Question",
    "Verdict",
    "case",
    "check",
    "demand",
    "expected_folders",
    "recorded",
    "same_outcomes",
    "time_limit",
]

SEED = "COURSEKIT_SEED"
RAW = "COURSEKIT_RAW"
VALUES_MIME = "application/vnd.coursekit.values+json"
MEASURING = 60.0  # CPU seconds at least for measuring what an answer gave: the check's own work is not the learner's
EXAMPLE = "example"  # the case that the text shows, beside the drawn ones
PRACTICE_SEED = 0


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
    example: dict | None = None
    dtype: str = ""
    finite: bool = True
    given: object = None  # an iterator over encoded results from another process, which are measured
    got: list = field(default_factory=list)  # the values with which practice judged
    seen: dict = field(default_factory=dict)  # by case: what the answer gave, printed, and where it raised

    @classmethod
    def of(cls, values):
        """The question whose values were handed out, with only the settings that a comparison needs."""
        named = {name: values[name] for name in ("within", "rtol", "atol", "dtype") if name in values}
        return cls(values["exercise"], None, **named)

    def inputs(self, seed, k):
        """The k-th case's keyword arguments, drawn afresh: an answer that changes them changes only a copy."""
        if k == EXAMPLE:
            return copy.deepcopy(self.example)
        words = [ord(letter) for letter in self.exercise]
        if not self.draw:
            return {}
        asked = [p for p in inspect.signature(self.draw).parameters.values() if p.default is p.empty]
        turn = [k] if len(asked) > 1 else []
        drawn = self.draw(np.random.default_rng([seed, *words, k]), *turn)
        return {name: _in_order(value) for name, value in drawn.items()}

    def outcome(self, seed, k):
        """The encoded value that the answer gives for case k, or what went wrong."""
        case, again = self.inputs(seed, k), self.inputs(seed, k)
        self.seen[k] = seen = Seen()
        with contextlib.redirect_stdout(seen.printed), contextlib.redirect_stderr(seen.printed):
            try:
                with time_limit(self.seconds):
                    seen.value = value = next(self.given) if self.given else self._answered(case, seen)
                with time_limit(max(MEASURING, self.seconds)):
                    return self._measured(value, again) if self.measure else value
            except TooLong as error:
                return ["late", self.seconds] if error.wall is None else ["late", error.wall, "wall"]

    def asked(self, seed):
        """The cases on a seed. Off practice, which tries it apart, the Example is one more, the last."""
        shown = [EXAMPLE] if self.example is not None and seed != PRACTICE_SEED else []
        return [*range(self.cases if self.draw else 1), *shown]

    def _answered(self, case, seen):
        try:
            return encode(self.answer(**case) if self.draw else self.answer)
        except (TooLong, KeyboardInterrupt):
            raise
        except BaseException as error:
            seen.where = _own_line(error, self.answer)
            return ["raised", type_name(error), _message(error)]

    def _measured(self, value, case):
        """The measurements of a result, encoded; an outcome without a result, such as "late", is returned as it is."""
        if value[0] not in PLAIN:
            return value
        if self.finite and (found := flaw(value)):
            return ["unmeasured", "ValueError", found]
        try:
            with np.errstate(invalid="raise"):  # a nan neither meets a bound nor violates it
                return encode(self.measure(decode(value), **case))
        except Exception as error:
            return ["unmeasured", type_name(error), _message(error)]

    def outcomes(self, seed):
        """Encoded values of all cases; once one case has run out of time, the remaining cases count as late."""
        values = []
        for k in self.asked(seed):
            late = values and values[-1][0] == "late"
            values.append(values[-1] if late else self.outcome(seed, k))
        return values

    def difference(self, got, expected):
        """None when a case agrees, else a sentence: what lies outside its bounds or differs from the expected value."""
        if self.within:
            return outside(got, self.within) if got[0] == "d" else f"got {describe(got)}"
        if self.dtype and got[0] != "raised" and got[0] != "late" and (other := _other_dtype(got, self.dtype)):
            return f"got {other}; the values are to be {self.dtype}"
        return differ(got, expected, self.rtol, self.atol)


def _in_order(value):
    """An input as any library takes it: PyTorch refuses an array that runs backwards, as `np.sort(s)[::-1]` does."""
    if type(value) is np.ndarray:
        return np.array(value, order="C")
    return type(value)(map(_in_order, value)) if type(value) in (list, tuple) else value


@dataclass
class Seen:
    """What a case showed beside its value: the value before it was measured, what was printed, where it raised."""

    value: list = None
    where: str = ""
    printed: object = field(default_factory=lambda: _Printed())


class _Printed(io.TextIOBase):
    """Takes what an answer prints while it is checked, and keeps the beginning."""

    MOST = 2000

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text[: self.MOST - len(self.text)]
        return len(text)

    def close(self):
        """Stay open: the next line may print again."""


def _own_line(error, answer):
    """The learner's line in which an error arose, "line 3: `return 1 / x`"; "" where there is none."""
    own = getattr(answer, "__globals__", None)
    trace, found = error.__traceback__, None
    while trace:
        if own is not None and trace.tb_frame.f_globals is own:
            found = trace
        trace = trace.tb_next
    if found is None:
        return ""
    text = clean(linecache.getline(found.tb_frame.f_code.co_filename, found.tb_lineno).strip())[:120]
    return f"line {found.tb_lineno}: `{text}`" if text else f"line {found.tb_lineno}"


def _other_dtype(got, dtype):
    """A value's type in words, where an array of this dtype is expected; "" when it is one."""
    if got[0] != "a":
        return describe(got)
    return "" if got[2] == dtype else f"{describe(got)} and dtype {got[2]}"


def _message(error):
    """The text of an error, "" if its `__str__` fails; memory addresses are removed, since they differ between runs."""
    try:
        text = str.__str__(str(error))
    except (TooLong, KeyboardInterrupt):
        raise
    except BaseException:
        return ""
    return re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", clean(text[:200]))


def outside(measured, within):
    """Return None when each measured number lies within its (low, high), else the sentence that says which.

    A bound that is reached but for rounding, one part in 10⁹, is kept.
    """
    for name, (low, high) in within.items():
        value = measured[1].get(name, ["n"])
        number = float(value[1]) if value[0] in ("i", "f") else float("nan")
        least, most = -np.inf if low is None else low, np.inf if high is None else high
        if not least - 1e-9 * abs(low or 0) <= number <= most + 1e-9 * abs(high or 0):
            bounds = [
                f"{words} {bound:g}" for words, bound in (("at least", low), ("at most", high)) if bound is not None
            ]
            asked = f"{low:g}" if low is not None and low == high else " and ".join(bounds)
            return f"{name} is {brief(value)}, it should be {asked}"
    return None


def check(
    exercise,
    answer,
    draw=None,
    *,
    cases=5,
    measure=None,
    within=None,
    rtol=1e-6,
    atol=1e-9,
    seconds=5.0,
    example=None,
    dtype="",
    finite=True,
):
    """Say whether `answer` is right, and help where it is not; never raise, never stop a notebook.

    exercise  "5.2": lesson and number
    answer    the learner's function (or, with no `draw`, a value)
    draw      rng -> dict of keyword arguments for one case; or (rng, k), k counting the cases from 0, so that kinds of
              cases can take turns and none of them is left out by chance
    measure   (result, **case) -> dict of numbers, for an open exercise judged by what its result does; it gets the
              result as plain data (numbers, text, lists, dicts, arrays), since grading measures in another process
    within    {name: (low, high)}, the bounds of the measured numbers; None leaves a side open
    rtol, atol  relative and absolute tolerance
    seconds   limit of the answer's CPU time in one case
    example   dict of keyword arguments: the exercise's own Example, told first to an answer that fails it; its value is
              computed when the lesson is recorded, and the prose must show it
    dtype     "bfloat16": where the type is the point, the values must come in an array or a tensor of this one;
              otherwise lists, tuples, arrays, tensors and scalars of any kind are one
    finite    whether a result with nan or infinity in it is refused before it is measured
    """
    try:
        question = Question(
            exercise, answer, draw, cases, measure, within or {}, rtol, atol, seconds, example, dtype, finite
        )
        if SEED in os.environ:
            _hand_out(question, int(os.environ[SEED]))
        else:
            record = recorded(exercise)
            verdict = judge(question, record)
            if verdict.kind == "wrong":
                verdict.more += hints.earned(exercise, answer, question.got, (record or {}).get("hints"))
            elif verdict.kind == "right" and os.environ.get(TOOLBOX):
                verdict.more += filter(None, [_into_the_toolbox(question, record)])
            verdict.show(answer.__name__ if type(answer) is types.FunctionType else "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        Verdict(exercise, "error", f"the check itself failed ({type_name(error)}: {_message(error)})").show()
    if exercise in demanded:
        _insist(question, *demanded.pop(exercise))


def _into_the_toolbox(question, record):
    """What became of a right answer in the learner's toolbox, in a sentence, or ""."""

    def agrees(function):
        got = replace(question, answer=function, got=[], seen={}).outcomes(PRACTICE_SEED)
        return not any(question.difference(*pair) for pair in zip(got, record["cases"], strict=True))

    return keep(question.exercise, question.answer, agrees)


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
    """Display the values for the grader that set the seed.

    If `RAW` is also set, the results of an open exercise go out unmeasured: everybody can read the bounds, so a forged
    measurement could meet them. They are measured, as `results`, in a process without that answer.
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
        "dtype": question.dtype,
        "seconds": question.seconds,
        "open": is_open,
        "shown": question.asked(seed).count(EXAMPLE),
        "raw": raw,
    }
    if question.example is not None and seed == PRACTICE_SEED and not blank and not question.given:
        values[EXAMPLE] = question.outcome(seed, EXAMPLE)
    sys.modules["IPython"].display.display({VALUES_MIME: values, "text/plain": question.exercise}, raw=True)


ROUNDED = (
    "the numbers agree to five digits, as those of float32 do, and the check may ask for more: compute in float64."
)
NEARLY = (
    "nearly: the numbers agree to five digits, and more are asked for: is something float32, or a constant rounded?"
)
SHORT = ("float32", "float16", "bfloat16")
results = {}  # encoded results by exercise, from another process, that checks here measure instead of an answer's


def judge(question, record):
    """The verdict on an answer, given its exercise's record: expected cases, the example's value, known mistakes."""
    if is_blank(question.answer):
        return Verdict(question.exercise, "blank", "not answered yet")
    if record is None:
        return Verdict(question.exercise, "error", NO_RECORD.format(question.exercise))
    got = question.got = question.outcomes(PRACTICE_SEED)
    differences = [question.difference(*pair) for pair in zip(got, record["cases"], strict=False)]
    right = [text is None for text in differences]
    passed = all(right) and len(right) == len(record["cases"]) == len(got)
    first = _to_tell(question, got, [k for k, agrees in enumerate(right) if not agrees])
    failed.pop(question.exercise, None)
    if not passed:
        failed[question.exercise] = (question, first)
    short = any(leaf[0] == "a" and leaf[2] in SHORT for value in got for leaf in leaves(value))
    rounded = _to_five_digits(question, got, record["cases"], short)
    by_name = [m["says"] for m in record["mistakes"] if same_outcomes(got, m["cases"], question.rtol, question.atol)]
    if by_name and not passed:
        return Verdict(question.exercise, "wrong", by_name[0])
    if rounded and not passed:
        return Verdict(question.exercise, "wrong", NEARLY, _beside(question, first))
    if question.example is not None and EXAMPLE in record and got[0][0] != "late":
        found = question.outcome(PRACTICE_SEED, EXAMPLE)
        if difference := question.difference(found, record[EXAMPLE]):
            failed[question.exercise] = (question, EXAMPLE)
            return _on_the_example(question, found, record[EXAMPLE], difference)
    if passed:
        return Verdict(
            question.exercise, "right", _praise(question, got), [f"But {ROUNDED}"] if short and rounded else []
        )
    return _explain(question, got, record["cases"], differences, first)


def _to_five_digits(question, got, expected, short):
    """Whether results agree to five digits of each number, and not much better than is asked.

    In a `short` format it is five digits of the largest entry: small ones are what is left of sums of large ones.
    """
    if question.measure or len(got) != len(expected) or question.rtol > 1e-5 or question.dtype:
        return False
    if all(same_outcomes([x], [y], question.rtol / 20, question.atol / 20) for x, y in zip(got, expected, strict=True)):
        return False
    for x, y in zip(got, expected, strict=True):
        sizes = [abs(number) for leaf in leaves(y) for number in entries(leaf)] if short else []
        largest = max((size for size in sizes if math.isfinite(size)), default=0.0)
        if differ(x, y, 1e-5, max(question.atol, 1e-5 * largest)):
            return False
    return True


def _to_tell(question, got, wrong):
    """Which of the wrong cases is told: the one with the smallest inputs, since the others may be too large to show.

    Of several with as few entries it is the one whose numbers are smaller.

    Where one ran out of time, the cases after it were not tried: then it is the first.
    """
    if not question.draw or any(got[k][0] == "late" for k in wrong):
        return min(wrong, default=0)
    return min(wrong, key=lambda k: (_size(question.inputs(PRACTICE_SEED, k)), k), default=0)


def _size(inputs):
    """How many numbers and words a case's inputs have, and how large the numbers are."""
    parts = [entries(leaf) for value in inputs.values() for leaf in leaves(encode(value))]
    numbers = [abs(entry) for part in parts for entry in part if isinstance(entry, int | float | complex)]
    return sum(max(1, len(part)) for part in parts), sum(math.log1p(min(size, 1e300)) for size in numbers if size >= 0)


def _praise(question, got):
    """How many cases are right, and of an open exercise what was measured in the first."""
    count = f"right in {len(got)} of {len(got)} cases" if question.draw else "right"
    measured = f": {brief(got[0])}" if question.measure else ""
    return count + measured


def _on_the_example(question, got, expected, difference):
    """The verdict on an answer that fails the exercise's own Example."""
    call, seen = _call_text(question, EXAMPLE), question.seen[EXAMPLE]
    more = _beside(question, EXAMPLE)
    due = "" if question.measure else f"; it is `{whole(expected)}`"
    if got[0] in ("raised", "late", "n"):
        says = f"On the example, `{call}`: {_mishap(got, seen)}{due}."
    elif question.measure:
        says = f"On the example, `{call}` gives `{whole(seen.value)}`: {difference}."
    else:
        given, due = told_apart(got, expected)
        says = f"On the example, `{call}` gives `{given}`; it is `{due}`."
        # Too large to be shown, or alike but for its type.
        if given == due or describe(got) == given or differ(got, expected, question.rtol, question.atol) is None:
            says = f"On the example, `{call}`: {difference}."
    return Verdict(question.exercise, "wrong", says, more)


def _explain(question, got, expected, differences, k):
    """The verdict on a wrong answer without a name: in case k, what was given and what was due."""
    right, total, seen = sum(text is None for text in differences), len(got), question.seen.get(k, Seen())
    if got[k][0] in ("raised", "late", "n"):
        says, more = _mishap(got[k], seen), []
    else:
        says, more = differences[k] or f"got {total} cases, expected {len(expected)}", []
        if question.draw and not question.measure:
            given, due = told_apart(got[k], expected[k])
            more = [f"gives   {given}", f"it is   {due}"] if describe(got[k]) != given else []
        elif question.measure and seen.value is not None and whole(seen.value) != describe(seen.value):
            more = [f"gives   {whole(seen.value)}"]
    if right:
        says = f"right in {right} of {total} cases; the smallest that is not: {says}"
    if question.draw:
        more.insert(0, f"case    {_call_text(question, k)}")
    return Verdict(question.exercise, "wrong", says, more + _beside(question, k))


def _mishap(got, seen):
    """What happened instead of a value."""
    if got[0] == "late" and len(got) > 2:
        return f"it had not finished after {got[1]:g} s; your computer may be busy: run the cell again"
    if got[0] == "late":
        return f"it took longer than {got[1]:g} s: is there a loop that never ends?"
    if got[0] == "raised":
        return f"it raised {describe(got)}" + (f", in {seen.where}" if seen.where else "")
    return "it returns None: is a `return` missing?"


def _beside(question, k):
    """Lines on what the answer printed in a case, and on how to have its inputs again."""
    printed = [line.rstrip() for line in clean(question.seen[k].printed.text).splitlines() if line.strip()]
    lines = [f"printed {line[:120]}" for line in printed[:5]]
    lines += ["printed …"] if len(printed) > 5 else []
    if question.draw:
        lines.append(f'`check.case("{question.exercise}")` gives these inputs.')
    return lines


def _call_text(question, k):
    """A case as one would type it, "f([0.1, 0.5], 3)": small arrays in full, larger values as a description."""
    name = getattr(question.answer, "__name__", "answer")
    inputs = [(key, _told(value)) for key, value in question.inputs(PRACTICE_SEED, k).items()]
    texts = [text if k == EXAMPLE and len(inputs) <= 2 else f"{key}={text}" for key, text in inputs]
    return f"{clean(name)}({', '.join(texts)})"


def _told(value):
    """An input as one would type it; of a function what its docstring says, since its code is not seen."""
    doc = getattr(value, "__doc__", None) if type(value) is types.FunctionType else None
    return f"<{doc.strip().splitlines()[0]}>" if doc else whole(encode(value), digits=6)


failed = {}  # by exercise: its question and the case that was told, when it was last checked here


def case(exercise):
    """The inputs of the case in which an exercise's last check found the answer wrong, as a dict, drawn afresh.

    `zero_depth(**check.case("3.1"))` calls the answer once more. LookupError when there is no such case.
    """
    if exercise not in failed:
        raise LookupError(f"exercise {exercise} has no failing case: run its check first, or be glad.")
    question, k = failed[exercise]
    return question.inputs(PRACTICE_SEED, k)


check.case = case


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
