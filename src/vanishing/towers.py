"""Towers one unit wide, where the whole gradient is one product of numbers."""

import numpy as np

from vanishing.activations import sigmoid, sigmoid_slope


def tower_slopes(w, x, L):
    """The L derivatives σ′(z_k) of the sigmoid tower σ(…σ(w·x)), from the bottom up; shape (L,).

    Their product times x is the tower's derivative in w.
    """
    slopes, z = np.empty(L), w * x
    for k in range(L):
        slopes[k] = sigmoid_slope(z)  # s(1 − s) would be 0 from z = 37 on
        z = sigmoid(z)
    return slopes


def tied_factors(w, x, L):
    """The L factors |w·σ′(z_k)| of a tower with the same weight on every layer, z_k = w·σ(z_{k−1}); shape (L,).

    Their running product says how loud a gradient still is after each layer; an array w gives shape (L, *w.shape).
    """
    factors, z = [], np.asarray(w) * x
    for _ in range(L):
        factors.append(abs(np.asarray(w)) * sigmoid_slope(z))
        z = np.asarray(w) * sigmoid(z)
    return np.array(factors)
