"""Lesson 18: the edge of stability, for longer, in more networks and in larger ones."""

import numpy as np
from sklearn.datasets import load_digits

from coursekit.proving.evidence import claim
from vanishing.landscapes import edge_of_stability

DIGITS = load_digits()


def run(eta, steps=600, seeds=5, hidden=12, beta=0.0, images=100):
    """Sharpness over its limit, (records, seeds), and the losses."""
    X, Y = DIGITS.data[:images] / 16, np.eye(10)[DIGITS.target[:images]]
    with np.errstate(all="ignore"):
        _, top, loss = edge_of_stability(X, Y, eta, steps, 20, seeds=seeds, hidden=hidden, gain=0.3, beta=beta)
    return top * eta / (2 * (1 + beta)), loss


@claim(
    "comes to rest there or a little above",
    budget="600 steps, 5 seeds, width 12, 100 images, step sizes 0.1 and 0.2",
    tried="6000 steps; 50 seeds; width 48; 500 images; momentum 0.9. Not tried: stochastic batches, other losses",
)
def the_edge():
    others = {
        "6000 steps": run(0.2, steps=6000),
        "50 seeds": run(0.2, seeds=50),
        "width 48": run(0.2, hidden=48),
        "500 images": run(0.1, images=500),
    }
    middles = {name: np.median(top[len(top) // 2 :], axis=0) for name, (top, _) in others.items()}
    peak = max(top.max() for top, _ in others.values())
    with_momentum = np.median(run(0.2, steps=1200, beta=0.9)[0][-10:])
    found = "; ".join(f"{name}: {m.min():.2f} to {m.max():.2f} times 2/eta" for name, m in middles.items())
    held = all(m.min() > 0.9 and m.max() < 1.15 for m in middles.values())
    return held, f"{found}; highest peak {peak:.1f} times; with momentum {with_momentum:.2f} of 2(1 + beta)/eta"


@claim(
    "these networks do explode",
    budget="5 seeds, width 12, step sizes 0.5 and 1",
    tried="50 seeds; width 48. Not tried: step sizes just beyond the limit, from which networks may recover",
)
def too_far():
    lost = {}
    for name, options in {"50 seeds": {"seeds": 50}, "width 48": {"hidden": 48}}.items():
        lost[name] = [float(np.mean(~(run(eta, 300, **options)[1][-1] < 1e6))) for eta in (0.5, 1.0)]
    found = "; ".join(f"{name}: {a:.0%} at 0.5, {b:.0%} at 1" for name, (a, b) in lost.items())
    return min(min(pair) for pair in lost.values()) == 1, f"{found} explode"
