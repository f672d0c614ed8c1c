"""Item analysis: how hard each exercise was, how well it tells learners apart, and which mistake was made how often.

Difficulty is the mean share of an exercise's points (the classical *p*); discrimination the correlation between an
exercise and the sum of the others (corrected item-total correlation); Cronbach's alpha says how well the exercises
measure one thing. See Crocker and Algina, Introduction to Classical and Modern Test Theory (1986), chapters 5, 7, 14.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from coursekit.grading.likeness import frequencies

FEWEST = 10  # learners, for a correlation to be worth a look


@dataclass
class Item:
    """One exercise of a lesson, as a class did it.

    `difficulty` and `discrimination` are None where they are undefined; `mistakes` {sentence: how many}, also those
    that nobody made; `others` {tag: (source, how many)} of wrong answers that no known mistake explains.
    """

    exercise: str
    judged: int = 0
    difficulty: float | None = None
    discrimination: float | None = None
    status: Counter = field(default_factory=Counter)
    mistakes: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)


def analysed(rows, lesson, known):
    """(Items in the lesson's order, Cronbach's alpha or None) of a class's Rows; `known` has the named mistakes."""
    judged = [row for row in rows if not row.unjudged]
    shares = np.array([[float(row.points(o)) / o.of for o in row.outcomes] for row in judged])
    shares = shares.reshape(len(judged), len(lesson.gaps))
    items = [_item(k, exercise, judged, shares, known) for k, exercise in enumerate(lesson.gaps)]
    return items, _alpha(shares * np.array([lesson.points[exercise] for exercise in lesson.gaps]))


def _item(k, exercise, judged, shares, known):
    outcomes = [row.outcomes[k] for row in judged]
    item = Item(exercise, len(judged), status=Counter(outcome.status for outcome in outcomes))
    if judged:
        item.difficulty = float(shares[:, k].mean())
        item.discrimination = _correlation(shares[:, k], np.delete(shares, k, axis=1).sum(axis=1))
    sentences = [mistake["says"] for mistake in known.get(exercise, {}).get("mistakes", [])]
    said = Counter(outcome.practice for outcome in outcomes if outcome.status == "wrong")
    item.mistakes = dict(sorted(((s, said[s]) for s in sentences), key=lambda pair: -pair[1]))
    wrong = [
        row for row, o in zip(judged, outcomes, strict=True) if o.status == "wrong" and o.practice not in sentences
    ]
    item.others = frequencies([row.answers[exercise] for row in wrong if row.answers.get(exercise)])
    return item


def _correlation(one, other):
    if len(one) < FEWEST or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _alpha(points):
    """Cronbach's alpha of an array of points, a row a learner and a column an exercise."""
    learners, items = points.shape
    total = points.sum(axis=1).var(ddof=1) if learners > 1 else 0.0
    if learners < FEWEST or items < 2 or total == 0:
        return None
    return float(items / (items - 1) * (1 - points.var(axis=0, ddof=1).sum() / total))
