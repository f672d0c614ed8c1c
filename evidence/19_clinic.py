"""Lesson 19: cures and reflexes, for more individuals and for longer."""

import numpy as np
import torch

from coursekit.proving.evidence import claim
from vanishing.clinic import ANNEX, LETTERS, Skip, admit, bounds, illness, outcome, train

torch.set_num_threads(1)
CURES = {
    "A": lambda p: {"shift": p.x.mean(0), "scale": p.x.std(0)},
    "B": lambda p: {"head": None, "loss": "cross-entropy"},
    "C": lambda p: {"skip": sum(isinstance(m, Skip) for m in p.model) ** -0.5},
    "D": lambda p: {},
    "E": lambda p: {"skip": sum(m.weight.shape == (4, 4) for m in p.model[::2]) ** -0.5},
    "F": lambda p: {"weights": "orthogonal", "clip": 1.0},
    "G": lambda p: {"loss": "non-saturating"},
}
SICK = [letter for letter in LETTERS if illness(letter) != "nothing"]


def others(letter, n=10):
    """Individuals whom the lesson does not admit."""
    return [admit(letter, np.random.default_rng(seed)) for seed in range(100, 100 + n)]


def well(found, letter):
    return all(
        (low is None or low <= found[name]) and (high is None or found[name] <= high)
        for name, (low, high) in bounds(letter).items()
    )


@claim(
    "So every cure worked for five of five seeds",
    budget="5 individuals a letter",
    tried="10 other individuals a letter; 50 of E, the only one whose cure leaves something to chance",
)
def more_individuals():
    cured = {
        letter: sum(well(outcome(CURES[letter](p), p), letter) for p in others(letter, 50 if letter == "E" else 10))
        for letter in LETTERS
    }
    counts = ", ".join(f"{letter} {count}" for letter, count in cured.items())
    return min(count for letter, count in cured.items() if letter != "E") == 10 and cured["E"] == 50, (
        f"cured of 10 (E: of 50): {counts}"
    )


@claim(
    "and none of the six recovered by itself",
    budget="5 individuals a letter, 60 or 100 steps",
    tried="10 other individuals a letter; ten times the steps for 3 of each",
)
def no_treatment():
    at_once, late = {}, {}
    for letter in SICK:
        patients = others(letter)
        at_once[letter] = sum(well(outcome({}, p), letter) for p in patients)
        late[letter] = 0
        for p in patients[:3]:
            train(p, 10 * p.steps)
            with torch.no_grad():
                late[letter] += p.judge(p.model.eval()) >= 0.8
    said = [", ".join(f"{letter} {count}" for letter, count in row.items()) for row in (at_once, late)]
    return sum(
        at_once.values()
    ) == 0, f"recovered of 10: {said[0]}; score of 0.8 after ten times the steps, of 3: {said[1]}"


@claim(
    "A longer step, Adam and clipping change how a message is *used*",
    budget="5 individuals of each illness",
    tried="10 other individuals of each illness",
)
def reflexes():
    tried = {
        "step x 10": lambda p: {"rate": 10 * p.rate},
        "Adam": lambda p: {"optimizer": "Adam", "rate": 0.001},
        "clip": lambda p: {"clip": 1.0},
    }
    cured = {
        name: {letter: sum(well(outcome(reflex(p), p), letter) for p in others(letter)) for letter in SICK}
        for name, reflex in tried.items()
    }
    found = "; ".join(f"{name}: {', '.join(f'{k} {v}' for k, v in row.items())}" for name, row in cured.items())
    return max(max(row.values()) for row in cured.values()) < 8, f"cured of 10: {found}"


@claim(
    "For two of them a smaller rate would do, for the third it does nothing.",
    budget="1 individual a letter, 40 steps",
    tried="20 individuals a letter, their whole budgets; K at a tenth, a hundredth and a thousandth of its rate",
)  # it did not hold: a thousandth is enough for most of K
def smaller_rates():
    smaller = {
        "H": [lambda p: {"rate": p.rate / 10}],
        "I": [lambda p: {"rate": p.rate / 10}],
        "K": [lambda p, k=k: {"rate": p.rate / 10**k} for k in (1, 2, 3)],
    }
    plain = {letter: sum(well(outcome({}, p), letter) for p in others(letter, 20)) for letter in ANNEX}
    cured = {
        letter: [sum(well(outcome(change(p), p), letter) for p in others(letter, 20)) for change in changes]
        for letter, changes in smaller.items()
    }
    held = cured["H"][0] >= 18 and cured["I"][0] >= 18 and max(cured["K"]) == 0 == max(plain.values())
    said = [", ".join(f"{letter} {count}" for letter, count in row.items()) for row in (plain, cured)]
    return held, f"of 20, untreated: {said[0]}; at smaller rates: {said[1]}"


@claim(
    "For two of them a tenth of the rate would do, for the third it does nothing.",
    budget="1 individual a letter, 40 steps",
    tried="20 individuals a letter, their whole budgets",
)
def a_tenth():
    cured = {
        letter: sum(well(outcome({"rate": p.rate / 10}, p), letter) for p in others(letter, 20)) for letter in ANNEX
    }
    return cured == {"H": 20, "I": 20, "K": 0}, ", ".join(f"{letter} {count}" for letter, count in cured.items())


@claim(
    "A thousandth mostly would",
    budget="none in the lesson",
    tried="60 individuals of K, their whole budgets",
)
def a_thousandth():
    cured = sum(well(outcome({"rate": p.rate / 1000}, p), "K") for p in others("K", 60))
    return cured > 36, f"cured of 60: {cured}"
