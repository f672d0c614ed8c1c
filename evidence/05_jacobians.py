"""Lesson 05: bound, norm and random gradient for ten times the networks, ten times the depth and twice the width."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.mlp import MLP, draw, survey
from vanishing.spectra import gaussian_exponents


def ends(activation, n, L, networks, **scales):
    """log10 of bound, norm and random gradient at full depth: (networks, 3)."""
    found = []
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        net = MLP.random([n] * (L + 1), rng, activation, **scales)
        found.append(survey(net, *rng.normal(size=(2, n)))[:, -1])
    return np.array(found)


def said(values):
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"


@claim(
    "The gap is nearly fourteen decades",
    budget="5 networks, width 64, 50 layers",
    tried="50 networks; 500 layers (5 networks); width 128 (5 networks)",
)
def gap():
    many, deep, wide = (
        (lambda f: f[:, 0] - f[:, 1])(ends("linear", *size)) for size in ((64, 50, 50), (64, 500, 5), (128, 50, 5))
    )
    return bool(abs(many.mean() - 13.8) < 0.25), (
        f"50 networks {said(many)}; 500 layers {said(deep)}, ten times as much; width 128 {said(wide)}"
    )


def gradients(n, L, networks, seed=0):
    """log10 of what a random gradient keeps through L gaussian layers, (networks,), each with weights of its own."""
    rng, kept = np.random.default_rng(seed), []
    for _ in range(networks):
        v = rng.normal(size=n)
        start, v = np.linalg.norm(v), v
        for _ in range(L):
            v = v @ draw("gaussian", (n, n), rng)
        kept.append(np.log10(np.linalg.norm(v) / start))
    return np.array(kept)


@claim(
    "the logarithm of its length changes by −0.17 on average, which theory knows",
    budget="the formula; 5 networks, width 64, 50 layers",
    tried="500 networks; 500 layers (50 networks); width 128 (50 networks)",
)
def gradient_and_theory():
    held, found = True, []
    for n, L, networks in ((64, 50, 500), (64, 500, 50), (128, 50, 50)):
        logs, theory = gradients(n, L, networks), L * gaussian_exponents(n)[0] / np.log(10)
        held &= bool(abs(logs.mean() - theory) < 4 * logs.std(ddof=1) / networks**0.5)
        found.append(f"n = {n}, {L} layers {said(logs)} (theory {theory:.2f})")
    return held, "; ".join(found)


@claim(
    "single ones differ by a factor of two either way, and about a quarter of them make it longer",
    budget="5 networks",
    tried="500 networks",
)
def spread():
    logs = gradients(64, 50, 500, seed=1)
    share = np.mean(logs > 0)
    return bool(0.2 < share < 0.33 and 0.2 < logs.std() < 0.35), (
        f"standard deviation {logs.std(ddof=1):.2f} decades, {100 * share:.0f} % grow"
    )


@claim(
    "a random gradient arrives at the bottom with about half its length",
    budget="5 networks, width 64, 50 layers",
    tried="500 networks",
)
def half_its_length():
    logs = gradients(64, 50, 500, seed=2)
    return False, f"the typical one (geometric mean) arrives with {10 ** logs.mean():.2f} of its length"


@claim(
    "Even the most favoured of all directions gains no more than a factor of four or five.",
    budget="5 networks, width 64, 50 layers",
    tried="50 networks",
)
def four_or_five():
    norms = 10 ** ends("linear", 64, 50, 50)[:, 1]
    return False, f"median {np.median(norms):.1f}, from {norms.min():.1f} to {norms.max():.1f}"


@claim(
    "Even the most favoured of all directions mostly gains less than a factor of ten.",
    budget="5 networks, width 64, 50 layers",
    tried="100 networks; width 128 (10 networks)",
)
def favoured():
    norms, wide = (10 ** ends("linear", n, 50, networks)[:, 1] for n, networks in ((64, 100), (128, 10)))
    return bool(np.quantile(norms, 0.85) < 10 and np.median(wide) < 10), (
        f"{100 * np.mean(norms < 10):.0f} of 100, from {norms.min():.1f} to {norms.max():.1f}; width 128 median "
        f"{np.median(wide):.1f}"
    )


@claim(
    "The bound grows by six decades, and the norm of the product shrinks by as many.",
    budget="5 tanh networks, gain 1.2, biases 2, width 100, 30 layers",
    tried="50 networks; 300 layers (5 networks); width 200 (5 networks)",
)
def bound_up_norm_down():
    found = [ends("tanh", *size, gain=1.2, bias=2.0) for size in ((100, 30, 50), (100, 300, 5), (200, 30, 5))]
    held = all(f[:, 0].min() > 5 and f[:, 1].max() < -5 for f in found)
    return held, "; ".join(f"bound {said(f[:, 0])}, norm {said(f[:, 1])}" for f in found)


@claim(
    "With gain 3 and no biases the product grows, by five decades",
    budget="5 tanh networks, width 100, 30 layers",
    tried="50 networks; 300 layers (5 networks); width 200 (5 networks)",
)
def without_biases():
    found = [ends("tanh", *size, gain=3.0)[:, 1] for size in ((100, 30, 50), (100, 300, 5), (200, 30, 5))]
    held = abs(found[0].mean() - 5) < 0.7 and min(f.min() for f in found) > 2
    return bool(held), "; ".join(map(said, found))


@claim(
    "after 30 layers the norm of the product is $10^{-10}$",
    budget="5 sigmoid networks, gain 2, width 64",
    tried="50 networks; 300 layers (5 networks); width 128 (5 networks)",
)
def quenched():
    found = [ends("sigmoid", *size, gain=2.0)[:, 1] for size in ((64, 30, 50), (64, 300, 5), (128, 30, 5))]
    return bool(abs(found[0].mean() + 10.2) < 0.3 and found[1].max() < -90), "; ".join(map(said, found))
