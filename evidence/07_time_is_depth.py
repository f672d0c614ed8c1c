"""Lesson 07's measured claims, tried at ten times their budget. Not tried: other activations than the lesson's."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.mlp import log10_norms
from vanishing.recurrent import RNN, cliff, descend, nonnormal, spectral_radius


def growth(seed, gain, bias, n=100, steps=100):
    """ln ρ(W), and the growth of ln ‖δ‖ per step back, as the lesson measures it."""
    rng = np.random.default_rng(seed)
    net = RNN.random(n, rng, gain=gain, bias=bias)
    z, _ = net.forward(50 + steps, rng.normal(size=n))
    size = np.linalg.norm(net.backward(z[50:], rng.normal(size=n)), axis=1)
    return np.log(spectral_radius(net.W)), np.log(size[0] / size[-1]) / steps


@claim(
    "With biases $\\rho(W)$ is still well above one, and the gradient *vanishes*, in all five seeds.",
    budget="5 seeds, 100 steps, 100 units",
    tried="50 seeds; 1000 steps; 300 units",
)
def biases_silence():
    many = np.array([growth(seed, 1.5, 2.0) for seed in range(50)])
    long = np.array([growth(seed, 1.5, 2.0, steps=1000) for seed in range(5)])
    wide = np.array([growth(seed, 1.5, 2.0, n=300) for seed in range(5)])
    worst = [runs[:, 1].max() for runs in (many, long, wide)]
    return max(worst) < 0 < many[:, 0].min(), (
        f"ln ρ is {many[:, 0].min():.2f} or more in 50 seeds; largest growth per step {worst[0]:+.2f} in 50 seeds, "
        f"{worst[1]:+.2f} over 1000 steps and {worst[2]:+.2f} with 300 units"
    )


@claim(
    "Each factor alone would fade, and together they explode, in all five seeds.",
    budget="5 seeds, 50 factors of size 3",
    tried="50 seeds; 500 factors; size 10",
)
def mixtures_explode():
    def ends(seeds, count, n):
        return [
            log10_norms([nonnormal([0.5] * n, 2.0, rng) for _ in range(count)])[-1]
            for rng in map(np.random.default_rng, range(seeds))
        ]

    low = min(ends(50, 50, 3)), min(ends(5, 500, 3)), min(ends(5, 50, 10))
    return min(low) > 0, "smallest log10 of the product's norm: " + (
        f"{low[0]:.1f} in 50 seeds, {low[1]:.0f} for 500 factors, {low[2]:.0f} for size 10"
    )


@claim(
    "With $c=1$ none fails, from the same starts in the same number of steps.",
    budget="20 starts, 100 steps",
    tried="200 starts; 1000 steps; starts drawn from an interval twice as wide",
)
def clipping_saves():
    def failed(count, steps, threshold, low=-2.4, high=-2.3):
        starts = np.array([[4.7, np.random.default_rng(k).uniform(low, high)] for k in range(count)])
        *_, (_, loss, _) = descend(cliff, starts, 0.1, steps, threshold)
        return np.mean(~(loss <= 0.05))

    rows = [[failed(200, 100, c), failed(20, 1000, c), failed(200, 100, c, -2.45, -2.25)] for c in (np.inf, 1.0)]
    return max(rows[1]) == 0 and min(rows[0]) > 0.2, (
        "share of runs that fail (200 starts; 1000 steps; wider starts) without clipping: "
        + ", ".join(f"{v:.0%}" for v in rows[0])
        + "; with c = 1: "
        + ", ".join(f"{v:.0%}" for v in rows[1])
    )
