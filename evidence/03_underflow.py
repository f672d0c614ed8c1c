"""Lesson 03: absorption in bfloat16 training at other budgets and sizes, and the formula against more walks."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from coursekit.proving.evidence import claim
from vanishing.floats import powers, train_digits

torch.set_num_threads(1)
half, single = torch.bfloat16, torch.float32
FORMATS = {"all bfloat16": (half, half), "master copy": (single, half), "all float32": (single, single)}


def three(names=tuple(FORMATS), **how):
    """Unchanged share, mean loss of the last 50 steps, and accuracy, each averaged over networks, for each format."""
    found = {}
    for name in names:
        run = train_digits(*FORMATS[name], **how)
        found[name] = float(run.unchanged.mean()), float(run.loss[-50:].mean()), float(run.accuracy.mean())
    return found


@claim(
    "With everything in bfloat16, 93.9 % of the weights that have a gradient do not change in a step",
    budget="5 networks, 400 steps, eta 0.005",
    tried="50 networks; width 128",
)
def share_unchanged():
    many = train_digits(half, half, steps=400, eta=0.005, seeds=50).unchanged.mean(axis=0)
    wide = train_digits(half, half, steps=400, eta=0.005, width=128).unchanged.mean()
    return bool(abs(many.mean() - 0.939) < 0.01), (
        f"50 networks {100 * many.mean():.1f} % ± {100 * many.std(ddof=1):.1f}; width 128 {100 * wide:.1f} %"
    )


@claim(
    "and the loss falls about a third as far as it should",
    budget="5 networks, 400 steps, eta 0.005",
    tried="50 networks, 400 steps; 5 networks, 4000 steps",
)
def how_far_the_loss_falls():
    said = []
    for how in ({"steps": 400, "seeds": 50}, {"steps": 4000}):
        run = {name: train_digits(*FORMATS[name], eta=0.005, **how).loss for name in ("all bfloat16", "all float32")}
        fall = {name: loss[:10].mean() - loss[-50:].mean() for name, loss in run.items()}
        said.append(fall["all bfloat16"] / fall["all float32"])
    return bool(0.2 < said[0] < 0.45), f"of float32's fall: {said[0]:.2f} after 400 steps, {said[1]:.2f} after 4000"


@claim(
    "That gives float32's loss to three decimals",
    budget="5 networks, 400 steps, eta 0.005",
    tried="50 networks, 400 steps; 5 networks, 4000 steps; width 128",
)
def master_copy():
    pair, off = ("master copy", "all float32"), []
    for how in ({"steps": 400, "seeds": 50}, {"steps": 4000}, {"steps": 400, "width": 128}):
        found = three(pair, eta=0.005, **how)
        off.append(abs(found[pair[0]][1] - found[pair[1]][1]))
    return off[0] < 0.001 and off[2] < 0.001, "difference of the losses: " + ", ".join(f"{d:.4f}" for d in off)


@claim(
    "the share depends on $\\eta$, and a larger step is absorbed less often",
    budget="stated",
    tried="eta 0.001, 0.005, 0.02 and 0.1, 5 networks, 400 steps",
)
def share_and_eta():
    shares = [train_digits(half, half, steps=400, eta=eta).unchanged.mean() for eta in (0.001, 0.005, 0.02, 0.1)]
    return bool((np.diff(shares) < 0).all()), ", ".join(f"{100 * s:.0f} %" for s in shares)


@claim(
    "What little is learned happens in the smallest weights, around which the gaps are narrow",
    budget="stated",
    tried="5 networks, 400 steps, eta 0.005: share of changing weights in the smallest and the largest tenth by size",
)
def smallest_weights_move():
    X, y = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    X, rng = X / 16, np.random.default_rng(3)
    W = [torch.from_numpy(rng.normal(size=s) / s[1] ** 0.5).to(half) for s in ((5, 64, 64), (5, 64, 10))]
    moved = np.zeros(2)
    for _ in range(400):
        rows = rng.integers(len(X), size=(5, 100))
        V = [w.double().requires_grad_() for w in W]
        logits = torch.relu(X[rows] @ V[0]) @ V[1]
        loss = torch.nn.functional.cross_entropy(logits.mT, y[rows], reduction="none").mean(dim=1)
        G = [g.to(half) for g in torch.autograd.grad(loss.sum(), V)]
        new = [w - 0.005 * g for w, g in zip(W, G, strict=True)]
        size, asked = W[1].abs().float(), G[1] != 0
        low, high = size.quantile(0.1), size.quantile(0.9)
        changed = new[1] != W[1]
        moved += [changed[asked & (size <= low)].double().mean(), changed[asked & (size >= high)].double().mean()]
        W = new
    small, large = 100 * moved / 400
    return bool(small > 5 * large), f"last layer: {small:.0f} % of the smallest tenth, {large:.1f} % of the largest"


@claim(
    "the formula is right for 84.5 % and one off for the others",
    budget="2000 factors, float32",
    tried="20,000 factors",
)
def formula_against_walks():
    a = np.random.default_rng(1).uniform(0.02, 0.5, size=20_000)
    walked = (powers(a, 200, "float32") > 0).sum(axis=-1)
    once = (a[:, None] ** np.arange(200) > 2.0**-150).sum(axis=-1)
    off = walked - once
    return bool(abs(np.mean(off == 0) - 0.845) < 0.015 and abs(off).max() == 1), (
        f"right for {100 * np.mean(off == 0):.1f} %, never more than {abs(off).max()} off"
    )
