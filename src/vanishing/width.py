"""Networks of several widths on the digits: how far a step moves each layer, and which step size wins at which width.

Three matrices without biases, at width n,

    z_1 = W_1 x (n, 64 inputs),    z_2 = W_2 φ(z_1) (n, n),    z_3 = W_3 φ(z_2) (10, n),    φ = ReLU,

softmax and the mean cross-entropy. All is float64 and written out by hand. Lists count from W[0] = W_1.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from vanishing import trials

BASE = 64  # the width at which all scalings are the same network
INPUTS, CLASSES = 64, 10
BETA1, BETA2, EPS = 0.9, 0.99, 1e-12  # Adam's; so small an ε that the step's size is no matter of the gradient's
JUDGED = 250  # of the training images, on which a loss is measured


class Scaling(NamedTuple):
    """By which powers of n/BASE a network of width n differs from one of width BASE, for W_1, W_2, W_3.

    starts  of the deviation of the random weights, beside their 1/√n_in
    rates   of the step size
    """

    starts: tuple
    rates: tuple


SCALINGS = {  # Yang & Hu 2021, table 1; Yang et al. 2022, tables 3 and 8; NTK: weights of deviation one behind 1/√n_in
    "SGD": {
        "standard": Scaling((0, 0, 0), (0, 0, 0)),
        "NTK": Scaling((0, 0, 0), (0, -1, -1)),
        "muP": Scaling((0, 0, -0.5), (1, 0, -1)),
    },
    "Adam": {
        "standard": Scaling((0, 0, 0), (0, 0, 0)),
        "NTK": Scaling((0, 0, 0), (0, -0.5, -0.5)),
        "muP": Scaling((0, 0, -0.5), (0, -1, -1)),
    },
}


@lru_cache(1)
def images():
    """Training images (1297, 64) and labels (1297,)."""
    return trials.digits()[:2]


def factors(scaling, n):
    """Factors of the deviations and of the step sizes of W_1, W_2, W_3 at width n: two arrays (3,)."""
    return tuple((n / BASE) ** np.array(exponents, dtype=float) for exponents in scaling)


@lru_cache(16)
def _drawn(shape, seed):
    return torch.tensor(np.random.default_rng([22, seed, *shape]).normal(size=shape))


def start(n, starts=(1, 1, 1), seed=0):
    """Random W_1, W_2, W_3, each (n_out, n_in): deviation √(2/n_in), 1/√n_in in the last, times `starts`.

    A seed gives the same draws whatever the factors.
    """
    shapes, gains = ((n, INPUTS), (n, n), (CLASSES, n)), (2**0.5, 2**0.5, 1.0)
    return [
        float(c * gain * shape[1] ** -0.5) * _drawn(shape, seed)
        for c, gain, shape in zip(starts, gains, shapes, strict=True)
    ]


def forward(W, x):
    """What each matrix puts out, z_1, z_2, z_3, and what it takes in, x, φ(z_1), φ(z_2): lists of (batch, …)."""
    z, h = [], [x]
    for matrix in W:
        z.append(h[-1] @ matrix.T)
        h.append(z[-1].relu())
    return z, h[:-1]


def loss(W, x, y):
    """The mean cross-entropy, a float; infinite where it is not a number."""
    value = torch.nn.functional.cross_entropy(forward(W, x)[0][-1], y).item()
    return value if np.isfinite(value) else np.inf


def gradients(W, x, y):
    """Gradients of the mean cross-entropy in W_1, W_2, W_3, shaped like them."""
    return _backward(W, x, y)[0]


def _backward(W, x, y):
    """The gradients, and the loss itself: a float, which may be infinite or not a number."""
    z, h = forward(W, x)
    value = torch.nn.functional.cross_entropy(z[-1], y).item()
    delta, found = torch.softmax(z[-1], 1), []
    delta[range(len(y)), y] -= 1
    delta /= len(y)
    for k in range(len(W) - 1, -1, -1):
        found.append(delta.T @ h[k])
        if k:
            delta = (delta @ W[k]).mul_(z[k - 1] > 0)
    return found[::-1], value


class Optimiser:
    """SGD, or Adam (Kingma & Ba 2015), with a step size for each matrix; `step` changes the matrices in place."""

    def __init__(self, name, W, rates):
        if name not in SCALINGS:
            raise ValueError(f"optimiser must be one of {', '.join(SCALINGS)}, not {name!r}.")
        self.name, self.W, self.rates, self.steps = name, W, [float(rate) for rate in rates], 0
        if name == "Adam":
            self.mean, self.square, self.work = ([torch.zeros_like(w) for w in W] for _ in range(3))

    def step(self, g):
        """One step with the gradients g."""
        self.steps += 1
        for k, (w, part, rate) in enumerate(zip(self.W, g, self.rates, strict=True)):
            if self.name == "SGD":
                w.sub_(part, alpha=rate)
                continue
            first, second = 1 - BETA1**self.steps, 1 - BETA2**self.steps
            self.mean[k].lerp_(part, 1 - BETA1)
            self.square[k].mul_(BETA2).addcmul_(part, part, value=1 - BETA2)
            torch.sqrt(self.square[k], out=self.work[k]).div_(second**0.5).add_(EPS)
            w.addcdiv_(self.mean[k], self.work[k], value=-rate / first)


def rms(z):
    """Root mean square of all entries, a float."""
    return torch.as_tensor(z).square().mean().sqrt().item()


def moved(W, V, x):
    """How far a change of each matrix alone, from W to V, moves what it puts out: rms of (V_l − W_l) h_{l−1}, (3,)."""
    _, h = forward(W, x)
    return np.array([rms(below @ (v - w).T) for below, w, v in zip(h, W, V, strict=True)])


def first_step(optimiser, scaling, n, rate=0.01, seed=0, batch=50):
    """Matrices before and after one step on the first images, and these images: (W, V, x)."""
    x, y = (part[:batch] for part in images())
    starts, rates = factors(SCALINGS[optimiser][scaling], n)
    W = start(n, starts, seed)
    V = [w.clone() for w in W]
    Optimiser(optimiser, V, rate * rates).step(gradients(V, x, y))
    return W, V, x


class Trained(NamedTuple):
    """What became of a network: its matrices, the loss that it ended with, and the highest one on the way."""

    W: list
    end: float  # over the first 250 training images; infinite where it is not a number
    peak: float  # of the batches that it met and of the end


def train(W, optimiser, rates, steps=20, batch=32, order=0):
    """Train on random batches, whose order is a seed of its own: a `Trained`. W is not changed."""
    x, y = images()
    rng, W, met = np.random.default_rng([23, order]), [w.clone() for w in W], []
    taker = Optimiser(optimiser, W, rates)
    for _ in range(steps):
        picked = torch.tensor(rng.integers(len(x), size=batch))
        g, value = _backward(W, x[picked], y[picked])
        met.append(value)
        taker.step(g)
    met.append(loss(W, x[:JUDGED], y[:JUDGED]))
    return Trained(W, met[-1], max(value if np.isfinite(value) else np.inf for value in met))


def sweep(optimiser, scaling, n, etas, seeds=range(5), **training):
    """Losses at the end and at their peak, for each step size at BASE and each seed: two arrays (etas, seeds)."""
    starts, rates = factors(SCALINGS[optimiser][scaling], n)
    found = np.empty((2, len(etas), len(seeds)))
    for j, seed in enumerate(seeds):
        W = start(n, starts, seed)
        for i, eta in enumerate(etas):
            found[:, i, j] = train(W, optimiser, eta * rates, **training)[1:]
    return found
