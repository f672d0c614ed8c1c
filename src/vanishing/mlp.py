"""Explicit multilayer perceptrons in float64, their layer Jacobians, and ensembles of weight matrices.

The notation of lesson 05, for layers l = 1 … L with weights W_l (n_l, n_{l−1}) and biases b_l (n_l,):

    z_0 = h_0 = x,    z_l = W_l h_{l−1} + b_l,    h_l = φ(z_l),    the output is z_L, with no φ after it
    δ_l = ∂loss/∂z_l,    D_l = diag φ′(z_l) and D_0 = I,    J_l = ∂z_l/∂z_{l−1} = W_l D_{l−1}
    δ_{l−1} = J_lᵀ δ_l = φ′(z_{l−1}) ⊙ W_lᵀ δ_l,    ∂loss/∂W_l = δ_l h_{l−1}ᵀ,    ∂loss/∂b_l = δ_l

Lists count as the symbols do where the input has a place, z[l], h[l] and delta[l]; where it has none they begin
with layer 1: W[0] is W_1 and J[0] is J_1.
"""

from dataclasses import dataclass

import numpy as np

from vanishing import activations

ACTIVATIONS = {"linear": activations.Activation(np.asarray, np.ones_like), **activations.ACTIVATIONS}
ENSEMBLES = ("gaussian", "orthogonal", "spectral")


def draw(ensemble, shape, rng, gain=1.0):
    """Random weight matrices of `shape` (…, n_out, n_in), drawn from the generator `rng` and multiplied by `gain`.

    gaussian    independent entries of variance 1/n_in
    orthogonal  Haar-distributed; if not square, with orthonormal rows or columns, whichever are fewer
                (Saxe et al. 2014; the sign fix is Mezzadri's, 2007)
    spectral    gaussian, each matrix divided by its largest singular value (Miyato et al. 2018)
    """
    n_out, n_in = shape[-2:]
    if ensemble == "orthogonal":
        tall = (*shape[:-2], max(n_out, n_in), min(n_out, n_in))
        Q, R = np.linalg.qr(rng.normal(size=tall))
        Q = Q * np.sign(np.diagonal(R, axis1=-2, axis2=-1))[..., None, :]
        return gain * (Q if n_out >= n_in else np.swapaxes(Q, -1, -2))
    W = rng.normal(size=shape) / np.sqrt(n_in)
    if ensemble == "spectral":
        W = W / np.linalg.norm(W, 2, axis=(-2, -1), keepdims=True)
    elif ensemble != "gaussian":
        raise ValueError(f"The ensemble must be one of {', '.join(ENSEMBLES)}, not {ensemble!r}.")
    return gain * W


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron: weights W[l−1] of W_l, biases b[l−1] of b_l, and a name in ACTIVATIONS.

    W and b are sequences of arrays, or arrays themselves where all layers are alike: (L, n, n) and (L, n).
    Everything takes one input x (n_0,) or a batch (batch, n_0), and keeps that shape; nothing is changed in place.
    """

    W: object
    b: object
    activation: str = "tanh"

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"The activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}.")

    @classmethod
    def random(cls, widths, rng, activation="tanh", ensemble="gaussian", gain=1.0, bias=0.0):
        """Layers of `widths` n_0, n_1, …, n_L: weights from `draw`, biases normal with standard deviation `bias`."""
        shapes = list(zip(widths[1:], widths[:-1], strict=True))
        W = tuple(draw(ensemble, shape, rng, gain) for shape in shapes)
        return cls(W, tuple(bias * rng.normal(size=n) for n in widths[1:]), activation)

    @property
    def depth(self):
        """L, the number of weight matrices."""
        return len(self.W)

    def forward(self, x):
        """Lists z[0 … L] and h[0 … L−1] with z[0] = h[0] = x; the output is z[L]."""
        z, h = [np.asarray(x, dtype=float)], [np.asarray(x, dtype=float)]
        for W, b in zip(self.W, self.b, strict=True):
            z.append(h[-1] @ W.T + b)  # (…, n_l)
            h.append(ACTIVATIONS[self.activation].phi(z[-1]))
        return z, h[:-1]

    def slopes(self, z):
        """What stands on the diagonals of D_0 … D_{L−1}: ones for the input, then φ′(z_l)."""
        return [np.ones_like(z[0]), *map(ACTIVATIONS[self.activation].slope, z[1:-1])]

    def backward(self, z, delta):
        """The list δ_0 … δ_L for δ_L = `delta`, each of the shape of z[l]; no Jacobian is formed."""
        deltas = [np.asarray(delta, dtype=float)]
        for W, d in zip(reversed(self.W), reversed(self.slopes(z)), strict=True):
            deltas.append(deltas[-1] @ W * d)  # one vector-Jacobian product
        return deltas[::-1]

    def tangents(self, z, u):
        """The list J_l ⋯ J_1 u, l = 0 … L: how z_l answers to a small step u of the input (forward mode)."""
        steps = [np.asarray(u, dtype=float)]
        for W, d in zip(self.W, self.slopes(z), strict=True):
            steps.append((steps[-1] * d) @ W.T)  # one Jacobian-vector product
        return steps

    def gradients(self, h, deltas):
        """Lists of ∂loss/∂W_l (n_l, n_{l−1}) and ∂loss/∂b_l (n_l,), summed over the batch."""
        pairs = [(np.atleast_2d(d), np.atleast_2d(hl)) for d, hl in zip(deltas[1:], h, strict=True)]
        return [d.T @ hl for d, hl in pairs], [d.sum(axis=0) for d, _ in pairs]

    def jacobians(self, z):
        """The list J_1 … J_L, J[l−1] = W_l D_{l−1} of shape (n_l, n_{l−1}); (batch, n_l, n_{l−1}) for a batch."""
        return [W * d[..., None, :] for W, d in zip(self.W, self.slopes(z), strict=True)]


def log10_norms(factors, v=None):
    """log10 of ‖A_k ⋯ A_1‖, k = 0 … K, for the matrices A_1 … A_K in `factors`; of ‖A_k ⋯ A_1 v‖ for a vector v.

    The first is 0 (the identity), or log10 ‖v‖. Norms are the largest singular value of a matrix and the length
    of a vector. The product is rescaled at each step, so that nothing overflows or underflows; −inf when it is 0.
    """
    product = np.eye(factors[0].shape[-1]) if v is None else np.asarray(v, dtype=float)
    logs, scale = [], 0.0
    for A in (None, *factors):
        product = product if A is None else A @ product
        norm = np.linalg.norm(product, 2)
        if norm == 0:
            return np.array(logs + [-np.inf] * (len(factors) + 1 - len(logs)))
        product, scale = product / norm, scale + np.log10(norm)
        logs.append(scale)
    return np.array(logs)


def survey(net, x, v):
    """What the first k layers of `net`, seen at the input x (n_0,), do to gradients: log10, shape (3, L + 1).

    For k = 0 … L the rows are the bound Σ log ‖J_l‖; the norm log ‖J_k ⋯ J_1‖; and log ‖J_1ᵀ ⋯ J_kᵀ v‖ − log ‖v‖,
    which is averaged over the rows of v when it is a stack (m, n). For k = 0 all are 0. Layers of equal width n.
    """
    J, v = net.jacobians(net.forward(x)[0]), np.atleast_2d(v)
    product, scale, rows = np.eye(len(x)), 0.0, [[0.0, 0.0, 0.0]]
    for j in J:
        product = j @ product
        norm, kept = np.linalg.norm(product, 2), np.linalg.norm(v @ product, axis=1) / np.linalg.norm(v, axis=1)
        bound = rows[-1][0] + np.log10(np.linalg.norm(j, 2))
        rows.append([bound, scale + np.log10(norm), scale + np.log10(kept).mean()])
        product, scale = product / norm, scale + np.log10(norm)
    return np.array(rows).T
