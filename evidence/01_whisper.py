"""Lesson 01: what was measured on towers, from many inputs, at more depths and on a fine grid of weights."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.towers import tied_factors, tower_slopes


def rates(weights, x, settle, last):
    """Geometric mean of the last factors of settled towers, one for each weight."""
    return np.exp(np.log(tied_factors(weights, x, settle)[-last:]).mean(axis=0))


@claim(
    "once settled, each layer charges 0.2247",
    budget="one tower of 100 layers",
    tried="1000 inputs from -50 to 50; 1000 layers",
)
def settled_charge():
    slopes = np.array([tower_slopes(1.0, x, 1000)[20:] for x in np.linspace(-50, 50, 1000)])
    off = np.abs(slopes - 0.2247043).max()
    return off < 5e-5, f"after 20 layers every factor of every tower is {slopes.mean():.4f}, to {off:.0e}"


@claim(
    "Without biases no positive tied weight saves the tower. The best factor is 0.2785.",
    budget="40 weights up to 10, x = 1",
    tried="4000 weights up to 100; inputs -10, 0.1 and 10; ten times the layers to settle",
)
def best_positive():
    weights, found = np.linspace(0.025, 100, 4000), []
    for x, settle in ((1.0, 2200), (-10.0, 2200), (0.1, 2200), (10.0, 2200), (1.0, 22_000)):
        found.append(rates(weights if settle == 2200 else weights[:40], x, settle, 200).max())
    return max(found) < 0.27847 and found[0] > 0.278, f"largest factor {max(found):.4f}, whatever the input"


@claim(
    "near $w=-5.87$, where resting turns into swinging, close to 1",
    budget="7 weights, x = 1",
    tried="2000 weights from -0.05 to -100; inputs 0.1 and 10; ten times the layers",
)
def best_negative():
    weights = np.linspace(-100, -0.05, 2000)
    found = [rates(weights, x, 4000, 400) for x in (1.0, 0.1, 10.0)]
    at = [weights[f.argmax()] for f in found]
    longer = rates(np.array([-5.869586]), 1.0, 40_000, 400)[0]
    held = all(abs(w + 5.87) < 0.05 for w in at) and 0.999 < longer < 1
    return held, (
        f"the largest of 2000 factors is {max(f.max() for f in found):.3f}, at w = {at[0]:.2f}; "
        f"at -5.8696, after 40,000 layers, {longer:.5f}"
    )


@claim(
    "but they stay below one as well",
    budget="2 negative weights, x = 1",
    tried="the weight -5.8696, at which the resting point begins to swing; 40,000 layers",
)
def negative_stays_below():
    factors = tied_factors(-5.869586019429737, 1.0, 40_000)
    k = np.array([400, 4000, 40_000])
    kept = np.cumsum(np.log10(factors))[k - 1]
    slope = (kept[2] - kept[1]) / (np.log10(k[2]) - np.log10(k[1]))
    return False, f"the factor tends to 1, and the gradient falls as a power of the depth, k^{slope:.1f}"
