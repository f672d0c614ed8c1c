"""Wide random networks in the mean: how the variance of a signal, and of a gradient, passes from layer to layer.

With weights of variance σ_w²/n and biases of variance σ_b², a pre-activation of a wide layer is Gaussian with some
variance q, and (Poole et al. 2016; Schoenholz et al. 2017)

    q_{l+1} = σ_w² E[φ(√q_l Z)²] + σ_b²,        χ(q) = σ_w² E[φ′(√q Z)²],        Z ~ N(0, 1).

χ is the factor by which the mean squared gradient changes per layer; χ = 1 is the critical line.
"""

import numpy as np

from vanishing.mlp import ACTIVATIONS, MLP

# The trapezium rule: for smooth integrands that die out at both ends its error falls exponentially with the step.
# No node lies at zero, where the slope of ReLU jumps: half of them see 1 and half 0.
_NODES = np.linspace(-9, 9, 180)
_WEIGHTS = np.exp(-(_NODES**2) / 2) * (_NODES[1] - _NODES[0]) / np.sqrt(2 * np.pi)


def gauss_mean(f, q):
    """E[f(√q Z)] for a standard normal Z by quadrature; q >= 0 of any shape gives that shape."""
    z = np.sqrt(np.asarray(q, dtype=float))[..., None] * _NODES
    return f(z) @ _WEIGHTS


def variance_step(q, sigma_w, sigma_b, name="tanh"):
    """The variance of the next layer's pre-activations, given this layer's; arrays broadcast."""
    return sigma_w**2 * gauss_mean(lambda z: ACTIVATIONS[name].phi(z) ** 2, q) + sigma_b**2


def variance_path(q, depth, sigma_w, sigma_b, name="tanh"):
    """The variances of layers 0 … depth, starting at q; shape (depth + 1, …)."""
    path = [np.asarray(q, dtype=float)]
    for _ in range(depth):
        path.append(variance_step(path[-1], sigma_w, sigma_b, name))
    return np.array(path)


def chi(q, sigma_w, name="tanh"):
    """χ = σ_w² E[φ′(√q Z)²]: the factor of the mean squared gradient per layer at variance q."""
    return np.asarray(sigma_w) ** 2 * gauss_mean(lambda z: ACTIVATIONS[name].slope(z) ** 2, q)


def resting_chi(sigma_w, sigma_b, name="tanh", steps=200):
    """χ once the variance has come to rest; sigma_w and sigma_b broadcast."""
    sigma_w, sigma_b = np.broadcast_arrays(np.asarray(sigma_w, dtype=float), np.asarray(sigma_b, dtype=float))
    q = np.ones(sigma_w.shape)
    for _ in range(steps):
        q = variance_step(q, sigma_w, sigma_b, name)
    return chi(q, sigma_w, name)


def gradient_path(widths, rng, var_w, activation="ReLU", bias=0.0, draws=1):
    """log10 of the mean squared δ_l over that of δ_L, for l = 0 … L, in freshly drawn networks: (draws, L + 1).

    `var_w(n_in, n_out)` is the variance of a layer's weights; x and δ_L are standard normal.
    """
    rows = []
    for _ in range(draws):
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        W = [np.sqrt(var_w(n_in, n_out)) * rng.normal(size=(n_out, n_in)) for n_out, n_in in pairs]
        net = MLP(W, [bias * rng.normal(size=n) for n in widths[1:]], activation)
        z, _ = net.forward(rng.normal(size=widths[0]))
        deltas = net.backward(z, rng.normal(size=widths[-1]))
        mean = np.array([np.mean(d**2) for d in deltas])
        with np.errstate(divide="ignore"):
            rows.append(np.log10(mean / mean[-1]))
    return np.array(rows)
