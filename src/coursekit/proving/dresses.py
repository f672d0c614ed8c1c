"""Right is right: every reference answer passes in any container, as lists, tuples, arrays, tensors, scalars.

So do right answers that are written otherwise. And what is wrong can be seen: some case is small enough to be shown.
"""

import functools
import json
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np

from coursekit.checking.checks import EXAMPLE, PRACTICE_SEED, _call_text
from coursekit.lessons.course import Course
from coursekit.proving.kernels import ask, asked
from coursekit.proving.mutate import LARGE, Ward

DRESSES = ("lists", "tuples", "arrays", "tensors", "namedtuples", "scalars of NumPy")


SEEDS = (0, 11, 23, 47)


def refused(course, lesson, others=()):
    """Sentences on right answers that are refused, from a separate process.

    Without `others` these are the reference's in some dress, in practice; `others` are (exercise, source) pairs, which
    are tried on the Example and on several seeds.
    """
    return _asked(course, lesson, list(others))["refused"]


def accepted(course, lesson, wrong):
    """Sentences on wrong answers, (exercise, source) pairs, that pass, or are told another mistake's sentence."""
    return _asked(course, lesson, list(wrong), wrong=True)["accepted"]


def unseen(course, lesson):
    """The exercises none of whose practice cases can be shown whole."""
    return _asked(course, lesson, [])["unseen"]


def _asked(course, lesson, others, wrong=False):
    return _once(str(course.root), lesson.path.name, json.dumps(others), wrong)


@functools.cache
def _once(root, lesson, others, wrong):
    job = {"root": root, "lesson": lesson, "others": json.loads(others), "wrong": wrong}
    return ask("coursekit.proving.dresses", job, f"{lesson}: the answers could not be dressed")


def dressed(value, dress):
    """A result in another container: its numbers stay the same; text and dicts are not changed."""
    if isinstance(value, dict):
        return {key: dressed(item, dress) for key, item in value.items()}
    if hasattr(value, "detach"):
        value = value.detach().to(dtype=value.double().dtype if value.is_floating_point() else value.dtype).numpy()
    if isinstance(value, np.ndarray | np.generic) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool | int | float | complex):
        return _scalar(value, dress)
    if isinstance(value, np.ndarray):
        return _sequence(list(value), dress, whole=value)
    if isinstance(value, list | tuple):
        return _sequence(list(value), dress)
    return value


def _scalar(value, dress):
    if dress == "tensors":
        import torch

        return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    return np.asarray(value)[()] if dress in ("arrays", "scalars of NumPy") else value


def _sequence(items, dress, whole=None):
    if dress in ("arrays", "tensors"):
        whole = _array(items) if whole is None else whole
        if whole is None:
            return [dressed(item, dress) for item in items]
        if dress == "tensors" and whole.dtype.kind in "biufc":
            import torch

            return torch.from_numpy(np.ascontiguousarray(whole))
        return whole
    items = [dressed(item, dress) for item in items]
    if dress == "namedtuples" and 0 < len(items) < 100:
        return namedtuple("Named", [f"a{k}" for k in range(len(items))])(*items)
    return tuple(items) if dress in ("tuples", "namedtuples") else items


def _array(items):
    """What NumPy makes of a list, where that is an array of numbers."""
    try:
        made = np.asarray([getattr(item, "numpy", lambda item=item: item)() for item in items])
    except (ValueError, TypeError, RuntimeError):
        return None
    return made if made.dtype.kind in "iufc" else None


def _found(ward, exercise):
    """Sentences on an exercise whose reference is refused in some container, or as it is."""
    right = ward.question(exercise, ward.answers[exercise])
    known = ward.records[exercise]["cases"]
    # Where a check trains a network, one case must be enough.
    right = replace(right, cases=min(len(known), 1 if right.seconds > 5 else 3))
    results = [
        right.answer(**right.inputs(PRACTICE_SEED, k)) if right.draw else right.answer for k in range(right.cases)
    ]
    for dress in (None, *([] if right.dtype else DRESSES)):
        worn = iter([result if dress is None else dressed(result, dress) for result in results])
        tried = replace(right, answer=lambda worn=worn, **_: next(worn), seen={})
        for k in range(right.cases):
            if difference := tried.difference(tried.outcome(PRACTICE_SEED, k), known[k]):
                yield f"{exercise} as {dress or 'it is'}: {difference}"
                break


def _other(ward, exercise, source):
    """The sentence on a right answer that is written otherwise, where it is refused; else None."""
    right, asked = (ward.question(exercise, text) for text in (ward.answers[exercise], source))
    if asked is None:
        return f"{exercise} otherwise: its cell does not run"
    examples = [EXAMPLE] if right.example is not None else []
    for seed in SEEDS:
        for k in [*range(right.cases), *examples]:
            if difference := asked.difference(asked.outcome(seed, k), right.outcome(seed, k)):
                return f"{exercise} otherwise, seed {seed}, case {k}: {difference}"
    return None


def _accepted(ward, pairs):
    """Sentences on wrong answers that some seed or practice accepts, or that practice takes for another mistake."""
    values = {}
    for number, (exercise, source) in enumerate(pairs):
        right = ward.question(exercise, ward.answers[exercise])
        if exercise not in values:
            values[exercise] = {seed: right.outcomes(seed) for seed in SEEDS}
        tried = ward.tried(exercise, source, values[exercise])
        passes = [*([PRACTICE_SEED] if tried.practice == "passes" else []), *tried.passes]
        name = source.strip().splitlines()[-1].strip()
        if passes:
            yield f"{exercise}, wrong answer {number} (`{name}`): passes on {passes}"
        if tried.misnamed:
            yield f"{exercise}, wrong answer {number} (`{name}`) is told: {tried.says}"


def _is_unseen(ward, exercise):
    right = ward.question(exercise, ward.answers[exercise])
    return right.draw is not None and all(LARGE.search(_call_text(right, k)) for k in range(right.cases))


def _main():
    job, out = asked()
    course = Course(Path(job["root"]))
    lesson = course.lesson(job["lesson"])
    ward = Ward(course, lesson)
    found = {"refused": [], "unseen": [], "accepted": []}
    if job["wrong"]:
        found["accepted"] = list(_accepted(ward, job["others"]))
    elif job["others"]:
        found["refused"] = list(filter(None, (_other(ward, *pair) for pair in job["others"])))
    else:
        found["refused"] = [sentence for exercise in lesson.gaps for sentence in _found(ward, exercise)]
        found["unseen"] = [exercise for exercise in lesson.gaps if _is_unseen(ward, exercise)]
    json.dump(found, out)
    out.flush()


if __name__ == "__main__":
    _main()
