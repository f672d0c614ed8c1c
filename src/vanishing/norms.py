"""Normalisation layers in float64, what a stack of them does to a gradient, and power iteration.

With z of shape (batch, n) the three layers are y = (z − m)/s without a learned gain or shift:

    BN   batch normalisation (Ioffe & Szegedy 2015): mean m and standard deviation s of each unit, over the batch
    LN   layer normalisation (Ba et al. 2016): mean m and standard deviation s of each sample, over its units
    RMS  root mean square normalisation (Zhang & Sennrich 2019): as LN, with m = 0
"""

from typing import NamedTuple

import numpy as np

from vanishing.mlp import ACTIVATIONS

NORMS = {"none": None, "BN": 0, "LN": -1, "RMS": -1}  # the axis over which the statistics are taken


def _axis(norm):
    if norm not in NORMS:
        raise ValueError(f"The norm must be one of {', '.join(NORMS)}, not {norm!r}.")
    return NORMS[norm]


def normalize(z, norm, eps=0.0):
    """y = (z − m)/s and s = √(mean square + eps), for z (batch, n); "none" gives z and 1."""
    axis, z = _axis(norm), np.asarray(z, dtype=float)
    if axis is None:
        return z, 1.0
    centred = z if norm == "RMS" else z - z.mean(axis=axis, keepdims=True)
    s = np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + eps)
    return centred / s, s


def normalize_back(y, s, delta, norm):
    """∂loss/∂z for `delta` = ∂loss/∂y, with the y and s of `normalize`; all of shape (batch, n)."""
    axis = _axis(norm)
    if axis is None:
        return np.asarray(delta, dtype=float)
    mean = 0.0 if norm == "RMS" else np.mean(delta, axis=axis, keepdims=True)
    return (delta - mean - y * np.mean(delta * y, axis=axis, keepdims=True)) / s


class Pass(NamedTuple):
    """What enters φ in each layer, y (depth, batch, n), and log10 ‖δ_l‖/‖δ_L‖ for l = 0 … L."""

    y: np.ndarray
    logs: np.ndarray

    def factor(self, low=5, high=25):
        """The geometric mean of ‖δ_{l−1}‖/‖δ_l‖ between layers `low` and `high`, away from both ends."""
        return 10 ** ((self.logs[low] - self.logs[high]) / (high - low))


def run_stack(activation, norm, scale, rng, n=128, batch=128, depth=30):
    """One forward and one backward pass of z_l = W_l h_{l−1}, y_l = norm(z_l), h_l = φ(y_l), as a `Pass`.

    The weights are Gaussian of standard deviation scale/√n; x = h_0 and δ_L are standard normal, δ_l = ∂loss/∂z_l.
    """
    phi, slope = ACTIVATIONS[activation]
    weights = rng.normal(size=(depth, n, n)) / np.sqrt(n)
    h, delta = rng.normal(size=(2, batch, n))
    layers = []
    for W in weights:
        y, s = normalize(scale * (h @ W.T), norm)
        layers.append((y, s))
        h = phi(y)
    lengths = [np.linalg.norm(delta)]
    for W, (y, s) in zip(weights[:0:-1], layers[-2::-1], strict=True):
        delta = normalize_back(y, s, slope(y) * (scale * (delta @ W)), norm)
        lengths.append(np.linalg.norm(delta))
    lengths.append(np.linalg.norm(scale * (delta @ weights[0])))
    with np.errstate(divide="ignore"):
        logs = np.log10(lengths[::-1]) - np.log10(lengths[0])
    return Pass(np.array([y for y, _ in layers]), logs)


def power_estimates(W, u, steps):
    """Estimates of ‖W‖ (largest singular value) after 1 … `steps` power iterations from u (n_out,), and the last u.

    The algorithm of Miyato et al. 2018; every estimate is a lower bound.
    """
    estimates = []
    for _ in range(steps):
        v = u @ W
        u = W @ (v / np.linalg.norm(v))
        estimates.append(np.linalg.norm(u))
        u = u / estimates[-1]
    return np.array(estimates), u
