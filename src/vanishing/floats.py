"""Floating-point formats: their limits, repeated products inside them, and training with weights kept in them."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Format:
    """A binary format with `bits` significant bits, normal from 2^low up to below 2^(high + 1) (IEEE 754, section 3).

    `dtype` is its type in PyTorch.
    """

    name: str
    bits: int
    low: int
    high: int
    dtype: torch.dtype

    @property
    def largest(self):
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.bits)) * 2.0**self.high

    @property
    def smallest_normal(self):
        """The smallest number with all its bits: 2^low."""
        return 2.0**self.low

    @property
    def last(self):
        """The exponent of the smallest subnormal, an integer."""
        return self.low - self.bits + 1

    @property
    def smallest_subnormal(self):
        """The smallest number above zero: 2^last."""
        return 2.0**self.last

    @property
    def unit(self):
        """The largest relative error of rounding a normal number: 2^−bits."""
        return 2.0**-self.bits


FORMATS = {
    f.name: f
    for f in (
        Format("float16", 11, -14, 15, torch.float16),
        Format("bfloat16", 8, -126, 127, torch.bfloat16),
        Format("float32", 24, -126, 127, torch.float32),
        Format("float64", 53, -1022, 1023, torch.float64),
    )
}


def rounded(values, name):
    """`values` (a float or an array of any shape) rounded to the format `name`, as float64 of the same shape.

    Ties go to even, as in IEEE 754, section 4.3.1; what is too large becomes infinity. KeyError for an unknown name.
    """
    return torch.as_tensor(values, dtype=torch.float64).to(FORMATS[name].dtype).double().numpy()


def powers(a, depth, name, flush=False):
    """a⁰, a¹, … a^depth by repeated multiplication in the format `name`, rounded at each step.

    a is a float or an array; the result is float64 of shape (*a.shape, depth + 1). `flush` turns each subnormal
    result into zero, as a processor does in flush-to-zero mode, without touching the processor's mode.
    """
    form = FORMATS[name]
    factor = torch.as_tensor(a, dtype=torch.float64).to(form.dtype)
    value, path = torch.ones_like(factor), []
    for _ in range(depth + 1):
        path.append(value.double())
        value = value * factor
        if flush:
            value = torch.where(value.abs() < form.smallest_normal, torch.zeros_like(value), value)
    return torch.stack(path, dim=-1).numpy()


def depth_of_zero(a, name, flush=False, limit=20_000):
    """The number of multiplications by `a` (0 < a < 1) after which `powers` is exactly zero.

    Infinity where the product stops falling before it gets there; RuntimeError after `limit` steps without either.
    """
    form = FORMATS[name]
    factor = torch.tensor(a, dtype=torch.float64).to(form.dtype)
    value = torch.ones_like(factor)
    for k in range(1, limit + 1):
        before, value = value, value * factor
        if flush and value < form.smallest_normal:
            return k
        if value == 0:
            return k
        if value == before:
            return float("inf")
    raise RuntimeError(f"the product of {a} in {name} neither vanished nor came to rest in {limit} steps")


def descents(factors, depths):
    """Tables for an explorer over (format, mode, factor, depth, k), k = 0 … max(depths).

    Modes are gradual underflow and flush-to-zero. `in the format` holds `powers`, NaN beyond each depth, and `exact`
    the same in float64; `smallest normal` and `smallest subnormal` are the formats' limits; `dead` is `depth_of_zero`.
    """
    factors, depths = np.asarray(factors), np.asarray(depths)
    k, modes = np.arange(depths.max() + 1), (False, True)
    below = np.where(k <= depths[:, None], 1.0, np.nan)  # (depth, k)
    walks = [[powers(factors, k[-1], name, flush) for flush in modes] for name in FORMATS]
    dead = [[[depth_of_zero(a, name, flush) for a in factors] for flush in modes] for name in FORMATS]
    limits = np.array([[form.smallest_normal, form.smallest_subnormal] for form in FORMATS.values()])
    return {
        "in the format": np.array(walks)[:, :, :, None] * below,
        "exact": factors[:, None, None] ** k * below,
        "smallest normal": limits[:, 0].reshape(-1, 1, 1, 1, 1),
        "smallest subnormal": limits[:, 1].reshape(-1, 1, 1, 1, 1),
        "dead": np.array(dead)[:, :, :, None],
    }


def plain_factor(rng, name):
    """A factor in (0.02, 0.5), or now and then 1/2, 1/4 or 1/8, whose depth of zero does not hang on how it is rounded.

    For such a factor the product that is rounded at each step and the exact power that is rounded once reach zero at
    the same depth (true of about 85 % of factors; for the others the two differ by one).
    """
    while True:
        a = float(rng.choice([0.5, 0.25, 0.125])) if rng.random() < 0.25 else float(rng.uniform(0.02, 0.5))
        k = depth_of_zero(a, name)
        if is_zero(a, k, name) and not is_zero(a, k - 1, name):
            return a


def is_zero(a, k, name):
    """Whether the exact power a^k (0 < a < 1, integer k), rounded once to the format `name`, is zero."""
    numerator, denominator = float(a).as_integer_ratio()
    return numerator**k << (1 - FORMATS[name].last) <= denominator**k


@dataclass(frozen=True)
class Training:
    """What `train_digits` saw: `loss` and share `unchanged`, both (steps, seeds), and final `accuracy` (seeds,)."""

    loss: np.ndarray
    unchanged: np.ndarray
    accuracy: np.ndarray


def train_digits(kept, seen, steps=600, eta=0.005, seeds=5, width=64, batch=100):
    """Train `seeds` networks 64-width-10 (ReLU, no biases) on scikit-learn's digits by plain SGD; a `Training`.

    Weights are stored in the dtype `kept`; the network computes with them rounded to `seen`, and so is the gradient
    before w − eta·g, in `kept`. The matrix products run in float64, so that only the rounding of stored numbers counts.
    `unchanged` is the share, among weights with a gradient other than zero, that a step leaves bit-identical
    (Zamirai et al. 2020); `accuracy` is that on all 1797 digits, the training data.
    """
    from sklearn.datasets import load_digits

    X, y = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    X = X / 16  # (1797, 64), float64
    rng = np.random.default_rng(3)
    shapes = [(seeds, 64, width), (seeds, width, 10)]
    W = [torch.from_numpy(rng.normal(size=s) / s[1] ** 0.5).to(seen).to(kept) for s in shapes]
    losses, shares = [], []
    for _ in range(steps):
        rows = rng.integers(len(X), size=(seeds, batch))
        V = [w.to(seen).double().requires_grad_() for w in W]
        logits = torch.relu(X[rows] @ V[0]) @ V[1]  # (seeds, batch, 10)
        loss = torch.nn.functional.cross_entropy(logits.mT, y[rows], reduction="none").mean(dim=1)
        G = [g.to(seen) for g in torch.autograd.grad(loss.sum(), V)]
        new = [w - eta * g.to(kept) for w, g in zip(W, G, strict=True)]
        same = sum(((n == w) & (g != 0)).sum(dim=(1, 2)) for n, w, g in zip(new, W, G, strict=True))
        asked = sum((g != 0).sum(dim=(1, 2)) for g in G)
        losses.append(loss.tolist())
        shares.append((same / asked).tolist())
        W = new
    V = [w.to(seen).double() for w in W]
    right = (torch.relu(X @ V[0]) @ V[1]).argmax(dim=-1) == y  # (seeds, 1797)
    return Training(np.array(losses), np.array(shares), right.double().mean(dim=1).numpy())
