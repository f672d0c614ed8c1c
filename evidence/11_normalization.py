"""Lesson 11's measured claims, tried at ten times their budget. It trains nothing: there are no steps."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.activations import ACTIVATIONS
from vanishing.norms import power_estimates, run_stack

NAMES, NORMS = ("sigmoid", "tanh", "ReLU"), ("LN", "BN")
Z = (np.arange(-8000, 8000) + 0.5) / 1000
P = np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi) / 1000


def predicted(name, norm):
    phi, slope = ACTIVATIONS[name]
    square = P @ phi(Z) ** 2 - (norm == "BN") * (P @ phi(Z)) ** 2
    return np.sqrt(P @ slope(Z) ** 2 / square)


@claim(
    "*Measured* and predicted factors agree to within two hundredths.",
    budget="5 networks, width and batch 128, depth 30",
    tried="50 networks; width and batch 384; depth 100",
)
def factors_agree():
    def gap(draws, high=25, **sizes):
        return max(
            abs(
                np.mean([run_stack(a, m, 1.0, np.random.default_rng(k), **sizes).factor(5, high) for k in range(draws)])
                - p
            )
            for a in NAMES
            for m in NORMS
            for p in [predicted(a, m)]
        )

    gaps = gap(50), gap(2, n=384, batch=384), gap(3, high=95, depth=100)
    return max(gaps) < 0.025, (
        f"largest difference {gaps[0]:.3f} over 50 networks, {gaps[1]:.3f} at width 384, {gaps[2]:.3f} at depth 100"
    )


def alike(name, norm, seed, layers, **sizes):
    """The mean cosine between two samples after these layers."""
    stack = run_stack(name, norm, 1.0, np.random.default_rng(seed), depth=max(layers), **sizes)
    found = []
    for k in layers:
        h = ACTIVATIONS[name].phi(stack.y[k - 1])
        unit = h / np.linalg.norm(h, axis=1, keepdims=True)
        found.append((np.sum(unit.sum(axis=0) ** 2) / len(h) - 1) / (len(h) - 1))
    return found


@claim(
    "BN also keeps the samples of a batch from becoming one, and LN does not (with tanh both do).",
    budget="3 seeds, width and batch 128, depth 30, ReLU and sigmoid",
    tried="30 seeds; width 384; depth 100; tanh",
)
def who_keeps_samples_apart():
    rows = {}
    for name in NAMES:
        for norm in NORMS:
            many = np.mean([alike(name, norm, k, [30]) for k in range(30)])
            wide, deep = alike(name, norm, 0, [30], n=384, batch=384)[0], alike(name, norm, 0, [100])[0]
            rows[name, norm] = many, wide, deep
    apart = {
        key: max(row) < 0.9 and row[2] < row[0] + 0.02 for key, row in rows.items()
    }  # below one, and no longer rising
    held = all(apart[name, norm] == (norm == "BN" or name == "tanh") for name, norm in rows)
    return held, "; ".join(f"{a} {m}: {r[0]:.2f}, wide {r[1]:.2f}, 100 deep {r[2]:.2f}" for (a, m), r in rows.items())


@claim(
    "about a third still after 300 layers (GELU and SiLU let them drift together;",
    budget="3 seeds, width and batch 128, depth 30, ReLU",
    tried="3 seeds, depth 300; GELU and SiLU",
)
def bn_by_activation():
    rows = {a: np.array([alike(a, "BN", k, [20, 100, 300]) for k in range(3)]) for a in ("ReLU", "GELU", "SiLU")}
    held = np.abs(rows["ReLU"] - 1 / 3).max() < 0.02 and min(rows[a][:, 2].min() for a in ("GELU", "SiLU")) > 0.4
    told = (f"{a} {r.min(0).round(2).tolist()} to {r.max(0).round(2).tolist()}" for a, r in rows.items())
    return held, "after 20, 100, 300 layers: " + "; ".join(told)


@claim(
    "With LN the samples grow alike exactly as fast as without a norm",
    budget="3 seeds, width and batch 128, depth 30",
    tried="30 seeds; width 384; depth 100 (BN: 0.33 at most)",
)
def layer_norm_does_not_hold_samples_apart():
    def gap(seeds, **sizes):
        return max(
            np.abs(
                np.subtract(
                    alike("ReLU", "LN", s, (1, 5, 10, 20, 30), **sizes),
                    alike("ReLU", "none", s, (1, 5, 10, 20, 30), **sizes),
                )
            ).max()
            for s in range(seeds)
        )

    gaps = gap(30), gap(2, n=384)
    deep = {norm: alike("ReLU", norm, 0, (100,))[0] for norm in ("LN", "BN")}
    return max(gaps) < 1e-6 and deep["BN"] < 0.4 < deep["LN"], (
        f"largest difference of the cosines {max(gaps):.0e}; after 100 ReLU layers the cosine is {deep['LN']:.3f} "
        f"with LN and {deep['BN']:.2f} with BN"
    )


@claim(
    "In practice one round per training step is enough, because of the **warm start**",
    budget="one matrix of size 64, 300 steps of three per cent",
    tried="10 matrices; 3000 steps; size 256; steps ten times as long",
)
def warm_start():
    def low(seed, steps=300, n=64, move=0.032):
        rng = np.random.default_rng(seed)
        W, u, errors = rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n), []
        for step in range(steps):
            W = W + move / np.sqrt(n) * rng.normal(size=W.shape)
            kept, u = power_estimates(W, u, 1)
            if step >= steps - 50:
                errors.append(1 - kept[-1] / np.linalg.norm(W, 2))
        return np.mean(errors)

    many, long, wide, far = max(low(k) for k in range(10)), low(0, 3000), low(0, n=256), low(0, move=0.32)
    return max(many, long, wide) < 0.01, (
        f"too low by {many:.2%} at most in 10 matrices, {long:.2%} after 3000 steps, {wide:.2%} at size 256; "
        f"{far:.1%} with steps ten times as long"
    )
