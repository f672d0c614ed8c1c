"""Formats of eight bits and fewer: rounding to them, scales for parts of a tensor, a network whose products use them.

e4m3 and e5m2 are those of Micikevicius et al. (2022, arXiv:2209.05433), e2m1 and block scales those of the Open Compute
Project's Microscaling Formats (version 1.0, 2023). Here all of them saturate: what is too large becomes the largest.
"""

import itertools
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from vanishing.trials import digits

EXPONENT = 0x7FF0000000000000  # of a float64


@dataclass(frozen=True)
class Small:
    """A format of `width` bits: `bits` significant ones, normal from 2^low, up to the number `largest`."""

    name: str
    width: int
    bits: int
    low: int
    largest: float

    @property
    def smallest_normal(self):
        """The smallest number with all its bits."""
        return 2.0**self.low

    @property
    def smallest(self):
        """The smallest number above zero: the last step between subnormal numbers."""
        return 2.0 ** (self.low + 1 - self.bits)

    @property
    def doublings(self):
        """How many times the smallest number can be doubled until it is the largest, not a whole number."""
        return np.log2(self.largest / self.smallest)


SMALL = {
    f.name: f
    for f in (
        Small("e2m1", 4, 2, 0, 6.0),
        Small("e4m3", 8, 4, -6, 448.0),
        Small("e5m2", 8, 3, -14, 57344.0),
        Small("float16", 16, 11, -14, 65504.0),
        Small("bfloat16", 16, 8, -126, (2 - 2.0**-7) * 2.0**127),
        Small("float32", 32, 24, -126, (2 - 2.0**-23) * 2.0**127),
    )
}


def quantised(x, name, u=None):
    """x (float64, any shape) rounded to the format `name`: to nearest, ties to even; beyond the largest it saturates.

    With u (uniform in [0, 1), of x's shape) at random instead: to the upper neighbour with a chance of the share of the
    way that x has come from the lower one (Gupta et al. 2015). nan stays nan. KeyError for an unknown format.
    """
    form = SMALL[name]
    shape = np.shape(x)
    x = np.ascontiguousarray(np.clip(x, -form.largest, form.largest), dtype=np.float64)  # of one dimension at least
    gap = (x.view(np.int64) & EXPONENT).view(np.float64)  # 2^⌊log2 |x|⌋
    np.maximum(gap, form.smallest_normal, out=gap)  # as wide as that among the subnormals
    gap *= 2.0 ** (1 - form.bits)
    y = x / gap
    if u is None:
        np.rint(y, out=y)
    else:
        y += u
        np.floor(y, out=y)
    y *= gap
    return y.reshape(shape)


def powers_of_two(x, name, block, axis=-1):
    """The scales s of x's parts, which broadcast to x: powers of two, the smallest with |x| / s inside the format.

    `block` says what has a scale of its own: "tensor", each matrix of x (…, m, n); "row", each line along `axis`; or
    a whole number of entries along `axis` (the last block may be shorter). "none": 1. Zeros alone have a tiny scale.
    """
    if block == "none":
        return 1.0
    size = np.abs(x)
    if block == "tensor":
        size = size.max((-2, -1), keepdims=True)
    elif block == "row":
        size = size.max(axis, keepdims=True)
    else:
        starts = np.arange(0, x.shape[axis], block)
        size = np.maximum.reduceat(size, starts, axis=axis)
        size = size.repeat(np.diff([*starts, x.shape[axis]]), axis=axis)
    mantissa, exponent = np.frexp(np.maximum(size, 1e-38) / SMALL[name].largest)
    return np.ldexp(1.0, exponent - (mantissa == 0.5))


def scaled(x, name, block, axis=-1, u=None):
    """x divided by its scales, rounded to the format, and multiplied by them again; as `powers_of_two`, `quantised`."""
    s = powers_of_two(x, name, block, axis)
    return quantised(x / s, name, u) * s


@dataclass(frozen=True)
class Recipe:
    """How many bits a training has, and where.

    forward     format of activations and weights in the matrix products, a name in SMALL, or "float64"
    backward    format of the gradients in the matrix products
    block       what has a scale of its own: "none", "tensor", "row" or a number of entries, along the products' sum
    loss_scale  factor of the loss, taken out of the weights' gradients again
    kept        format in which the weights are kept from step to step
    stochastic  weights are rounded to `kept` at random, without bias
    noisy       gradients are rounded at random as well
    """

    forward: str = "float64"
    backward: str = "float64"
    block: str | int = "none"
    loss_scale: float = 1.0
    kept: str = "float64"
    stochastic: bool = False
    noisy: bool = False

    def __post_init__(self):
        for name in (self.forward, self.backward, self.kept):
            if name not in SMALL and name != "float64":
                raise ValueError(f"A format is one of {', '.join(SMALL)} or float64, not {name!r}.")
        number = isinstance(self.block, (int, np.integer)) and not isinstance(self.block, bool) and self.block > 0
        if not number and self.block not in ("none", "tensor", "row"):
            raise ValueError(f"block must be none, tensor, row or a positive whole number, not {self.block!r}.")

    def widths(self):
        """Bits of a number in the products, the wider of the two kinds, and of a weight that is kept: (int, int)."""
        forward, backward, kept = (
            SMALL[name].width if name in SMALL else 64 for name in (self.forward, self.backward, self.kept)
        )
        return max(forward, backward), kept


class Trained(NamedTuple):
    """What `train` saw of M networks.

    course    loss of each step on its batch, (steps, M)
    loss      mean loss of the kept weights on all training images, computed in float64, (M,)
    accuracy  share of the test images that they put right, computed in float64, (M,)
    """

    course: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray


@cache
def _images():
    return tuple(part.numpy() for part in digits())


def train(
    recipe, cross_entropy, batch_gradient, seeds=range(5), steps=200, eta=0.05, widths=(64, 32, 32, 10), batch=64
):
    """Train ReLU networks on scikit-learn's digits by plain SGD, one for each seed, as a `Recipe` says: a `Trained`.

    `cross_entropy(z, labels)` gives the losses of rows of logits, `batch_gradient` the gradient of their mean. Every
    product of two matrices takes numbers in the recipe's formats and sums them in float64, as hardware sums in float32.
    Losses of a network that has diverged are nan or infinite.
    """
    x, y, x_test, y_test = _images()
    drawn = [np.random.default_rng([23, seed]) for seed in seeds]
    coins = np.random.default_rng([24, *seeds])
    kept = _keeper(recipe, coins)
    W = [
        kept(np.stack([rng.normal(size=shape) * (2 / shape[0]) ** 0.5 for rng in drawn]))
        for shape in itertools.pairwise(widths)
    ]
    rows = np.stack([rng.integers(len(x), size=(steps, batch)) for rng in drawn], axis=1)  # (steps, M, batch)
    course = []
    with np.errstate(over="ignore", invalid="ignore"):
        for some in rows:
            loss, gradients = _step(recipe, W, x[some], y[some], cross_entropy, batch_gradient, coins)
            course.append(loss)
            W = [kept(w - eta * g) for w, g in zip(W, gradients, strict=True)]
        ends = [_plain(W, part) for part in (x, x_test)]
    many = len(drawn)
    loss = cross_entropy(ends[0].reshape(-1, widths[-1]), np.tile(y, many)).reshape(many, -1).mean(1)
    return Trained(np.array(course), loss, (ends[1].argmax(-1) == y_test).mean(-1))


def _keeper(recipe, coins):
    """What becomes of weights (…) when they are kept."""
    if recipe.kept == "float64":
        return lambda w: w
    return lambda w: quantised(w, recipe.kept, coins.random(w.shape) if recipe.stochastic else None)


def _plain(W, h):
    """Logits (M, n, K) of images (n, 64), in float64."""
    for k, w in enumerate(W):
        h = h @ w if k == 0 else np.maximum(h, 0.0) @ w
    return h


def _step(recipe, W, x, labels, cross_entropy, batch_gradient, coins):
    """Losses (M,) and gradients in the weights for images x (M, batch, 64): every product as the recipe says."""

    def both(a, name, noisy=False):
        """A matrix for a product over its last axis, and for one over the axis before it."""
        if name == "float64":
            return a, a
        u = coins.random(a.shape) if noisy else None
        across = scaled(a, name, recipe.block, -1, u)
        return across, across if recipe.block in ("none", "tensor") else scaled(a, name, recipe.block, -2, u)

    h, seen, hear, weights = x, [], [], []
    for k, w in enumerate(W):
        seen.append(both(h, recipe.forward))
        weights.append(both(w, recipe.forward))
        z = seen[-1][0] @ weights[-1][1]
        hear.append(z > 0)
        h = np.maximum(z, 0.0) if k + 1 < len(W) else z
    models, batch, classes = h.shape
    flat, named = h.reshape(-1, classes), labels.reshape(-1)
    losses = np.asarray(cross_entropy(flat, named), dtype=float).reshape(models, batch).mean(1)
    # All rows of all models are one batch to the learner's gradient, which divides by their number.
    delta = models * recipe.loss_scale * np.asarray(batch_gradient(flat, named), dtype=float).reshape(h.shape)
    gradients = []
    for k in reversed(range(len(W))):
        down, over = both(delta, recipe.backward, recipe.noisy)
        gradients.append(seen[k][1].swapaxes(1, 2) @ over / recipe.loss_scale)
        if k:
            delta = down @ weights[k][0].swapaxes(1, 2) * hear[k - 1]
    return losses, gradients[::-1]


def step_by_step(name, step, steps, seeds, start=1.0):
    """A weight kept in a format while the same step is subtracted again and again: (nearest, stochastic).

    Arrays (steps + 1,) and (seeds, steps + 1), rounded to nearest and at random; each begins with `start`.
    """
    nearest, chance = [np.array(start)], [np.full(seeds, start)]
    rng = np.random.default_rng(23)
    for _ in range(steps):
        nearest.append(quantised(nearest[-1] - step, name))
        chance.append(quantised(chance[-1] - step, name, rng.random(seeds)))
    return np.array(nearest), np.array(chance).T
