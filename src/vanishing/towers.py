"""Towers one unit wide, where the whole gradient is one product of numbers."""

import numpy as np

from vanishing.activations import sigmoid


def tower_slopes(w, x, L):
    """The L derivatives σ′(z_k) of the sigmoid tower σ(…σ(w·x)), from the bottom up; shape (L,).

    Their product times x is the tower's derivative in w.
    """
    slopes, z = np.empty(L), w * x
    for k in range(L):
        z = sigmoid(z)
        slopes[k] = z * (1 - z)
    return slopes


def tied_factors(w, x, L):
    """The L factors |w·σ′(z_k)| of a tower with the same weight on every layer, z_k = w·σ(z_{k−1}); shape (L,).

    Their running product says how loud a gradient still is after each layer; an array w gives shape (L, *w.shape).
    """
    factors, z = [], np.asarray(w) * x
    for _ in range(L):
        s = sigmoid(z)
        factors.append(abs(np.asarray(w)) * s * (1 - s))
        z = np.asarray(w) * s
    return np.array(factors)
