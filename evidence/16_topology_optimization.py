"""Lesson 16: sharp from the start or slowly, from more starts and for longer. Not tried: finer grids, MMA."""

import itertools

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from coursekit.proving.evidence import claim
from vanishing.topology import cantilever, mbb, optimise, ramp
from vanishing.trials import digits

torch.set_num_threads(1)
SLOW, SHARP = np.repeat(2.0 ** np.arange(7), 15), np.full(105, 64.0)
BEAM = mbb()


def final(seed, betas, beam=BEAM, **options):
    """SIMP's compliance at the end of a run from a random start."""
    x = np.random.default_rng(seed).uniform(0.3, 0.7, beam.n).round(3)
    *_, last = optimise(beam, x, betas, **options)
    return beam.compliance(last.rho)[0]


def span(values):
    return f"{min(values):.1f} to {max(values):.1f}"


@claim(
    "five of five are worse by more than a tenth",
    budget="5 starts, 105 iterations, the MBB beam",
    tried="8 other starts; 1050 iterations (one start); a cantilever; half as many elements again in each direction",
)
def sharp_or_slow():
    slow, sharp = ([final(seed, betas) for seed in range(100, 108)] for betas in (SLOW, SHARP))
    long = final(100, np.full(1050, 64.0))
    others = {"cantilever": cantilever(), "90 x 30 elements": mbb(90, 30, 3.6)}
    pairs = {name: [final(100, betas, beam) for betas in (SLOW, SHARP)] for name, beam in others.items()}
    worse = np.divide(sharp, slow)
    found = f"8 starts: continuation {span(slow)}, sharp {span(sharp)}, worse by factors of {worse.min():.2f} to "
    found += f"{worse.max():.2f}; sharp for 1050 iterations {long:.1f} in place of {sharp[0]:.1f}; "
    found += "; ".join(f"{name}: {a:.1f} and {b:.1f}" for name, (a, b) in pairs.items())
    return bool(worse.min() > 1.1 and long > 1.1 * slow[0] and all(b > 1.1 * a for a, b in pairs.values())), found


@claim(
    "all five are worse by more than a tenth (of eight other starts all are worse, one by a sixteenth only)",
    budget="5 starts, 105 iterations, the MBB beam",
    tried="8 further starts",
)
def sharp_is_worse():
    slow, sharp = ([final(seed, betas) for seed in range(110, 118)] for betas in (SLOW, SHARP))
    worse = np.divide(sharp, slow)
    return bool(worse.min() > 1), f"worse by factors of {worse.min():.2f} to {worse.max():.2f}"


@claim(
    "Ten soft iterations are no help",
    budget="5 starts, 105 iterations",
    tried="5 other starts; a cantilever (2 starts). Twenty soft iterations beside them",
)
def too_early():
    def ends(k, seeds, beam=BEAM):
        return np.array([final(seed, np.where(np.arange(105) < k, 1.0, 64.0), beam) for seed in seeds])

    seeds, other = range(100, 105), cantilever()
    never, ten, twenty = (ends(k, seeds) for k in (0, 10, 20))
    rows = [ends(k, range(100, 102), other) for k in (0, 10, 20)]
    found = f"5 starts: sharp at once {span(never)}, after ten {span(ten)}, after twenty {span(twenty)}; cantilever: "
    found += ", ".join(span(row) for row in rows)
    helped = np.median(ten) < np.median(never) or np.median(rows[1]) < np.median(rows[0])
    return bool(not helped and twenty.max() < ten.min()), found


@claim(
    "with both all five designs are better than with either",
    budget="5 starts, 120 iterations, move limit 0.01",
    tried="6 other starts",
)
def heard_again():
    ends = {}
    for law in (None, ramp):
        for back in (64, 16):
            options = {"law": law} if law else {}
            name = f"{'ramp' if law else 'simp'}, slope of {back}"
            runs = [final(s, np.full(120, 64.0), move=0.01, slope_beta=back, **options) for s in range(100, 106)]
            ends[name] = runs
    none, slope, stiff, both = map(np.array, ends.values())
    found = "; ".join(f"{name}: {span(values)}" for name, values in ends.items())
    better = np.mean((both < slope) & (both < stiff))
    held = better == 1 and both.max() < min(slope.min(), stiff.min()) and np.median(none) > np.median(stiff)
    return bool(held), f"{found}; from the same start both beat either in {better:.0%}"


@claim(
    "with both all five designs here are better than with either",
    budget="5 starts, 120 iterations, move limit 0.01",
    tried="6 further starts, against none of the remedies",
)
def better_than_none():
    options = {"none": {}, "both": {"law": ramp, "slope_beta": 16}}
    none, both = (
        np.array([final(s, np.full(120, 64.0), move=0.01, **chosen) for s in range(110, 116)])
        for chosen in options.values()
    )
    better = np.mean(both < none)
    return bool(better > 0.8), f"with none {span(none)}, with both {span(both)}; both are better in {better:.0%}"


def switches(betas, seed=0, M=5, width=32, sgd=None):
    """Test accuracy with true steps of M networks of three layers of sharpened sigmoids, as in the lesson."""
    images, labels, test_images, test_labels = digits()
    torch.manual_seed(seed)
    shapes = itertools.pairwise((64, width, width, width, 10))
    weights = [(torch.randn(M, m, n).double() / m**0.5).requires_grad_() for m, n in shapes]

    def forward(x, beta):
        for W in weights[:-1]:
            x = torch.sigmoid(beta * (x @ W))
        return x @ weights[-1]

    adam = torch.optim.SGD(weights, lr=sgd, momentum=0.9) if sgd else torch.optim.Adam(weights, lr=0.003)
    for beta in betas:
        batch = torch.randint(len(images), (200,))
        targets = labels[batch].expand(M, 200)
        losses = cross_entropy(forward(images[batch], beta).mT, targets, reduction="none").mean(1)
        adam.zero_grad()
        losses.sum().backward()
        adam.step()
    with torch.no_grad():
        return (forward(test_images, 1e9).argmax(dim=2) == test_labels).double().mean(dim=1).numpy()


@claim(
    "Sharpened slowly, the networks get more than eight tenths",
    budget="5 networks, 105 steps of Adam, width 32",
    tried="20 networks; 1050 steps, drawn out; width 128; SGD",
)
def networks_too():
    tried = {
        "20 networks": [switches(betas, 1, 20) for betas in (SLOW, SHARP)],
        "1050 steps": [switches(betas.repeat(10), 2) for betas in (SLOW, SHARP)],
        "width 128": [switches(betas, 3, width=128) for betas in (SLOW, SHARP)],
        "SGD": [switches(betas, 4, sgd=0.1) for betas in (SLOW, SHARP)],
    }
    found = "; ".join(
        f"{name}: {a.min():.2f} to {a.max():.2f} slowly, {b.min():.2f} to {b.max():.2f} sharp at once"
        for name, (a, b) in tried.items()
    )
    adams = [pair for name, pair in tried.items() if name != "SGD"]
    return bool(min(a.min() for a, _ in adams) > 0.8 and all(a.min() > b.max() for a, b in tried.values())), found


@claim(
    "given ten times the steps, the networks that were sharp from the start come to about eight tenths, too",
    budget="5 networks, 1050 steps of Adam, width 32",
    tried="5 further networks",
)
def networks_get_over_it():
    right = switches(SHARP.repeat(10), 6)
    return bool(right.min() > 0.75 and right.max() < 0.92), f"{right.min():.2f} to {right.max():.2f}"
