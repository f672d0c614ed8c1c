"""Judging: from the values that a submission's checks handed out to points. Pure functions, outside the sandbox.

The values come from a process that a stranger's code may have taken over: whatever is malformed is not right.
"""

import builtins
from dataclasses import dataclass

from coursekit.checking.agreement import same_outcomes
from coursekit.checking.checks import Question
from coursekit.proving.verify import agree

STOPPED, NOT_REPORTED = "its answer was stopped: {}", "its check did not report values, once and once only"
DIFFERS = "its values are not those of the reference on inputs that it had not seen"
MISSES = "what was measured of it on inputs that it had not seen is not within the bounds"
LATE, RAISES = "it gave no answer within {:g} s", "it raises {}"
UNMEASURED = "what it gives on inputs that it had not seen cannot be measured"


@dataclass
class Outcome:
    """One exercise of one submission: points earned, status, and why.

    status    right, wrong, blank, missing (no such cell), lost (it broke the run), unreadable (no notebook)
    reason    for the learner: never an input or a value of the secret seed
    practice  for the learner: the sentence of a known mistake, or how many practice cases are right
    detail    for the instructor alone: what was raised, or the first difference on the secret seed
    open      its measured values could be replayed: to be looked at by eye
    share     of the cases on the secret seed that are right
    """

    exercise: str
    points: float
    of: int
    status: str
    reason: str = ""
    open: bool = False
    practice: str = ""
    detail: str = ""
    share: float = 0.0


def judge(lesson, found, right, known):
    """Outcomes of one submission, from its values, the reference's values and the recorded known mistakes."""
    outcomes = []
    for exercise, points in lesson.points.items():
        status, reason = _status(exercise, found, right[exercise])
        earned = points if status == "right" else 0
        outcome = Outcome(exercise, earned, points, status, reason, bool(right[exercise].get("open")))
        outcome.share = float(status == "right")
        if status == "wrong":
            value = found["values"].get(exercise, {})
            outcome.share = _safely(lambda v=value, e=exercise: _share(v["credit"], right[e])) or 0.0
            outcome.practice = _safely(lambda v=value, e=exercise: _practice(v, right[e], known.get(e))) or ""
            outcome.detail = _safely(lambda v=value, e=exercise: _detail(v, right[e])) or ""
        outcomes.append(outcome)
    return outcomes


def _status(exercise, found, right):
    """(status, reason) of one exercise; whatever is not positively right is not right."""
    if "unreadable" in found:
        return "unreadable", found["unreadable"]
    if exercise in found["lost"]:
        return "lost", STOPPED.format(found["lost"][exercise])
    if exercise not in found["answers"]:
        return "missing", "its cell is not in the notebook"
    value = found["values"].get(exercise, {})
    credit = value.get("credit")
    if credit is not None and agrees(credit, right):
        return "right", found["remarks"].get(exercise, "")
    if value.get("raised"):
        return "wrong", f"its cell does not run: it raises {_kind(value['raised'])}"
    if credit is None:
        return "lost", NOT_REPORTED
    if _safely(lambda: credit["blank"] is True):
        return "blank", "not answered"
    return "wrong", _safely(lambda: _why(credit, right)) or (MISSES if right.get("open") else DIFFERS)


def _why(credit, right):
    """Why there is no value where the first case differs; None where there is one. The limit is the reference's."""
    tag, *rest = next(got for got, text in _compared(credit, right) if text)
    if tag == "late":
        return LATE.format(right.get("seconds", Question.seconds))
    return RAISES.format(_kind(rest[0])) if tag == "raised" else UNMEASURED if tag == "unmeasured" else None


def agrees(credit, right):
    """Whether handed-out values are those of the reference; False where they are malformed."""
    return _safely(lambda: agree(credit, right)) is True


def _kind(raised):
    """The name of a built-in exception from "NameError: …"; the rest is withheld, since it may contain the seed."""
    name = str(raised).partition(":")[0]
    kind = getattr(builtins, name, None)
    return name if isinstance(kind, type) and issubclass(kind, BaseException) else "an exception of its own"


def _safely(judged):
    """A judgement on values from an untrusted process; None where they are malformed, which never counts as right."""
    try:
        return judged()
    except Exception:
        return None


def _question(right):
    return Question.of(right)


def _practice(value, right, known):
    """A sentence on an answer's practice values: that of the known mistake which they match, or how many are right."""
    cases = value["practice"]["cases"]
    for mistake in known["mistakes"]:
        if same_outcomes(cases, mistake["cases"], right["rtol"], right["atol"]):
            return mistake["says"]
    pairs = zip(cases, known["cases"], strict=True)
    passed = sum(_question(right).difference(got, expected) is None for got, expected in pairs)
    return f"Of {len(cases)} practice cases {passed} are right."


def _detail(value, right):
    """What an instructor wants to know: what the cell raised, or "case 2: got …, expected …" on the secret seed."""
    if value["raised"]:
        return value["raised"]
    compared = enumerate(_compared(value["credit"], right), start=1)
    return next((f"case {k}: {text}" for k, (_, text) in compared if text), "")


def _share(credit, right):
    """The share of cases that are right; 0 where a different number of cases was handed out."""
    if len(credit["cases"]) != len(right["cases"]):
        return 0.0
    agree = [text is None for _, text in _compared(credit, right)]
    drawn = len(agree) - right.get("shown", 0)  # the Example's value stands in the text: it earns nothing, but may cost
    return sum(agree[:drawn]) / (drawn + agree[drawn:].count(False))


def _compared(credit, right):
    """(value, how it differs or None) of each case."""
    pairs = zip(credit["cases"], right["cases"], strict=False)
    return ((got, _question(right).difference(got, expected)) for got, expected in pairs)
