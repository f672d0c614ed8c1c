"""One output unit and its loss: what autograd hears, where rounding silences it, how it learns from a mistake.

The loss is a function of the logit a; p = σ(a) is the probability and y the target. The two losses are
(p − y)² and −y log p − (1 − y) log(1 − p), as compared by Solla, Levin and Fleisher (1988).
"""

import numpy as np
import torch

from vanishing.activations import sigmoid

LOSSES = ("squared error", "cross-entropy")


def delta(loss, p, y):
    """∂loss/∂a at p = σ(a), elementwise, for `loss` in LOSSES; ValueError for any other name."""
    if loss == "squared error":
        return 2 * (p - y) * p * (1 - p)
    if loss == "cross-entropy":
        return p - y
    raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}.")


def loss_and_gradient(loss, at, dtype=torch.float32):
    """The value of `loss` (a tensor in, a scalar tensor out) at `at`, and its gradient there, by autograd in `dtype`.

    `at` is a number or an array; the value comes as a float, the gradient as a NumPy number or array like `at`.
    """
    a = torch.tensor(at, dtype=dtype, requires_grad=True)
    value = loss(a)
    value.backward()
    return value.item(), a.grad.numpy()[()]


def silent_from(dtype):
    """The smallest logit at which 1/(1 + e^−a), computed in the NumPy `dtype`, is exactly 1; found by bisection.

    From there on 1 − p is exactly zero, and so is every gradient that has it as a factor.
    """
    one, low, high = dtype(1), 0.0, 64.0
    for _ in range(60):
        middle = (low + high) / 2
        if one / (one + np.exp(-dtype(middle))) == one:
            high = middle
        else:
            low = middle
    return high


def relearn(X, y, loss, swapped, eta=0.5, steps=300, seed=0):
    """Held-out accuracy of a logistic regression that first learnt `swapped` steps with the two labels exchanged.

    X (n, n_in) features and y (n,) labels 0 or 1; a random half is for training. The wrong lessons are learnt with
    cross-entropy and step size 0.5 from near-zero weights; then come `steps` full-batch gradient steps of size
    `eta` on the right labels with `loss`. The same seed gives the same split and the same start for both losses.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    X = np.column_stack([X, np.ones(len(y))])[order]  # (n, n_in + 1): the last weight is the bias
    y, half = y[order], len(y) // 2
    features, w = X[:half], 0.01 * rng.normal(size=X.shape[1])
    plan = [(1 - y[:half], "cross-entropy", 0.5)] * swapped + [(y[:half], loss, eta)] * steps
    for labels, name, size in plan:
        w = w - size / half * features.T @ delta(name, sigmoid(features @ w), labels)
    return float(np.mean((X[half:] @ w > 0) == (y[half:] > 0.5)))
