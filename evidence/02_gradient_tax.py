"""Lesson 02: the trainings that compare a bias with large weights, the raw income, and the resurrected sigmoid."""

import numpy as np
import torch

from coursekit.proving.evidence import claim
from vanishing import trials
from vanishing.activations import chain_factors
from vanishing.mlp import MLP, draw
from vanishing.trials import sigmoid_trial

torch.set_num_threads(1)


def wide(width, **how):
    """A trial of networks of another width."""
    before = trials.WIDTHS
    trials.WIDTHS = (64, width, width, 10)
    try:
        return sigmoid_trial(**how).accuracy
    finally:
        trials.WIDTHS = before


def customers(seed, n=300):
    """The lesson's customers: income and age X (n, 2), and y (n, 1)."""
    rng = np.random.default_rng(seed)
    wealth, age = 0.5 * rng.normal(size=n), rng.uniform(20, 70, n)
    chance = 1 / (1 + np.exp(-3 * wealth + (age - 45) / 10))
    X = np.column_stack([60_000 * np.exp(wealth), age])
    return torch.tensor(X), torch.tensor(rng.random((n, 1)) < chance[:, None]).double()


def best_rate(loss, seed, steps, adam=False):
    """Accuracy on 300 other customers, raw features, with the best of the lesson's fourteen learning rates."""
    (X, y), (X_test, y_test) = customers(seed), customers(100 + seed)
    etas = 10.0 ** torch.arange(-12, 2, dtype=torch.float64)
    w, b = torch.full((2, 14), 0.01).double(), torch.zeros(14).double()
    moments = [torch.zeros_like(w), torch.zeros_like(w), torch.zeros_like(b), torch.zeros_like(b)]
    for step in range(1, steps + 1):
        p = torch.sigmoid(X @ w + b)
        delta = (p - y) / len(y) if loss == "CE" else 2 * (p - y) * p * (1 - p) / len(y)
        by_w, by_b = X.T @ delta, delta.sum(dim=0)
        if adam:
            for k, g in ((0, by_w), (2, by_b)):
                moments[k] = 0.9 * moments[k] + 0.1 * g
                moments[k + 1] = 0.999 * moments[k + 1] + 0.001 * g**2
            m_w, v_w, m_b, v_b = moments
            first, second = 1 - 0.9**step, 1 - 0.999**step
            by_w = m_w / first / ((v_w / second).sqrt() + 1e-8)
            by_b = m_b / first / ((v_b / second).sqrt() + 1e-8)
        w, b = w - etas * by_w, b - etas * by_b
    right = (X_test @ w + b > 0) == (y_test > 0.5)
    return right.double().mean(dim=0).max().item()


@claim(
    "in three, SGD learned nothing in 10,000",
    budget="a reader's doubt, not the lesson's run",
    tried="3 networks with three hidden layers, bias 5, 10,000 steps of SGD; 1000 of Adam",
)
def one_layer_more():
    before = trials.WIDTHS
    trials.WIDTHS = (64, 64, 64, 64, 10)
    try:
        slow = sigmoid_trial(bias=5, networks=3, steps=10_000).accuracy
        adam = sigmoid_trial(bias=5, networks=3, steps=1000, optimiser="Adam").accuracy
    finally:
        trials.WIDTHS = before
    return slow.max() < 0.2, f"SGD {slow.min():.2f} to {slow.max():.2f}, Adam {adam.min():.2f} to {adam.max():.2f}"


@claim(
    "the biased networks are at 0.9 and ahead of those with the large weights",
    budget="5 networks, 1000 steps of SGD",
    tried="50 networks; 10,000 steps (1 network); width 128 (2 networks, 1000 steps)",
)
def bias_overtakes():
    fifty = [sigmoid_trial(g, b, networks=50, steps=1000).accuracy for g, b in ((1, 5), (30, 0))]
    longer = [sigmoid_trial(g, b, networks=1, steps=10_000).accuracy for g, b in ((1, 5), (30, 0))]
    wider = [wide(128, gain=g, bias=b, steps=1000, networks=2) for g, b in ((1, 5), (30, 0))]
    ahead = [np.median(biased) > np.median(large) for biased, large in (fifty, longer, wider)]
    held = all(ahead) and np.median(fifty[0]) > 0.85
    return held, (
        f"50 networks: bias 5 median {np.median(fifty[0]):.2f} ({fifty[0].min():.2f} to {fifty[0].max():.2f}), gain 30 "
        f"{np.median(fifty[1]):.2f} ({fifty[1].min():.2f} to {fifty[1].max():.2f}); 10,000 steps "
        f"{np.median(longer[0]):.2f} against {np.median(longer[1]):.2f}; width 128 "
        f"{np.median(wider[0]):.2f} against {np.median(wider[1]):.2f}"
    )


@claim(
    "A large bias silences a sigmoid layer; large weights alone hardly do, because they also carry the signal back.",
    budget="5 networks, 100 steps of SGD",
    tried="10 networks of bias 5, 1000 steps (50 networks: the claim above)",
)
def bias_silences():
    accuracy = sigmoid_trial(1, 5, networks=10, steps=(100, 1000)).accuracy
    early, late = (np.median(a) for a in accuracy)
    return False, f"median accuracy {early:.2f} after 100 steps, {late:.2f} after 1000: the silence ends"


@claim(
    "Adam divides by the gradient's size, and is there within 100 steps",
    budget="5 networks of bias 5",
    tried="50 networks; width 128; bias 10 for 100 and for 300 steps",
)
def adam_is_quick():
    fifty = sigmoid_trial(1, 5, networks=50, steps=100, optimiser="Adam").accuracy
    wider = wide(128, gain=1, bias=5, steps=100, optimiser="Adam")
    ten = sigmoid_trial(1, 10, steps=(100, 300), optimiser="Adam").accuracy
    return fifty.min() > 0.8 and wider.min() > 0.8, (
        f"50 networks {fifty.min():.2f} to {fifty.max():.2f}; width 128 {wider.min():.2f} to {wider.max():.2f}; with "
        f"bias 10 it takes longer, median {np.median(ten[0]):.2f} after 100 steps and {np.median(ten[1]):.2f} after 300"
    )


@claim(
    "Raw, no learning rate of gradient descent gets beyond guessing",
    budget="5 draws of customers, 200 steps, 14 learning rates",
    tried="50 draws; 2000 steps (5 draws)",
)
def raw_features():
    many = {loss: [best_rate(loss, seed, 200) for seed in range(50)] for loss in ("MSE", "CE")}
    long = {loss: [best_rate(loss, seed, 2000) for seed in range(5)] for loss in ("MSE", "CE")}
    top = max(max(v) for v in (*many.values(), *long.values()))
    means = ", ".join(f"{loss} mean {np.mean(v):.2f}, best {max(v):.2f}" for loss, v in many.items())
    held = top < 0.65 and all(np.mean(v) < 0.56 for v in (*many.values(), *long.values()))
    return held, f"50 draws: {means}; 2000 steps: best {max(max(v) for v in long.values()):.2f}"


@claim(
    "(Adam, which gives each parameter a step of its own, copes with the raw cross-entropy, and not with a gradient "
    "of 0.)",
    budget="not run in the lesson",
    tried="5 draws of customers, 2000 steps, 14 learning rates",
)
def adam_and_raw_features():
    entropy, squared = ([best_rate(loss, seed, 2000, adam=True) for seed in range(5)] for loss in ("CE", "MSE"))
    return min(entropy) > 0.7 and np.mean(squared) < 0.56, (
        f"cross-entropy {min(entropy):.2f} to {max(entropy):.2f}, "
        f"squared error {min(squared):.2f} to {max(squared):.2f}"
    )


@claim(
    "The same function, started elsewhere, passes the gradient on",
    budget="1 network of 50 layers, width 64",
    tried="50 networks; 500 layers; width 256; gaussian and orthogonal weights",
)
def resurrected():
    def left(ensemble, L, n, seed):
        rng = np.random.default_rng(seed)
        W = 4 * draw(ensemble, (L, n, n), rng)
        net, (x, delta) = MLP(W, -W.sum(axis=2) / 2, "sigmoid"), rng.normal(size=(2, n))
        return np.log10(np.linalg.norm(net.backward(net.forward(x)[0], delta)[0]) / np.linalg.norm(delta))

    said, lowest = [], 0.0
    for ensemble in ("gaussian", "orthogonal"):
        many = [left(ensemble, 50, 64, seed) for seed in range(50)]
        wide, deep = left(ensemble, 50, 256, 0), left(ensemble, 500, 64, 0)
        lowest = min(lowest, np.median(many), wide)
        said.append(
            f"{ensemble}: 10^{np.median(many):.1f} (from 10^{min(many):.1f} to 10^{max(many):.1f}), width 256 "
            f"10^{wide:.1f}, 500 layers 10^{deep:.1f}"
        )
    return lowest > -2, "; ".join(said)


@claim(
    "(over 50 layers so do weights near $10W$)",
    budget="a reader's doubt, not the lesson's run",
    tried="50 networks of 50 layers; width 256; 500 layers; the scales 4, 8 and 12 beside it",
)
def louder_alone():
    def left(scale, L, n, seed):
        rng = np.random.default_rng(seed)
        W = scale * draw("gaussian", (L, n, n), rng)
        net, (x, delta) = MLP(W, np.zeros((L, n)), "sigmoid"), rng.normal(size=(2, n))
        return np.log10(np.linalg.norm(net.backward(net.forward(x)[0], delta)[0]) / np.linalg.norm(delta))

    many = [left(10, 50, 64, seed) for seed in range(50)]
    wide, deep = left(10, 50, 256, 0), left(10, 500, 64, 0)
    others = ", ".join(
        f"{scale}: 10^{np.median([left(scale, 50, 64, k) for k in range(10)]):.1f}" for scale in (4, 8, 12)
    )
    said = f"10^{np.median(many):.1f} (from 10^{min(many):.1f} to 10^{max(many):.1f}), width 256 10^{wide:.1f}, "
    return abs(np.median(many)) < 1.5 and abs(wide) < 1.5, f"{said}500 layers 10^{deep:.1f}; {others}"


@claim(
    "at gain ±1 its chain fades like $k^{-3/2}$",
    budget="10,000 layers from x = 1",
    tried="a million layers; x from 0.1 to 10",
)
def tanh_power():
    logs = np.log10(chain_factors("tanh", np.array([0.1, 1.0, 10.0]), 1_000_000)).sum(axis=0)
    before = np.log10(chain_factors("tanh", np.array([0.1, 1.0, 10.0]), 100_000)).sum(axis=0)
    slopes = logs - before
    return bool(np.abs(slopes + 1.5).max() < 0.01), f"from 100,000 to a million layers k^{slopes.mean():.3f} for all"
