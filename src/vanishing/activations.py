"""Activation functions φ with their derivatives φ′, stable for any float, and what they do to a gradient.

Everything takes a float or an array of any shape and gives that shape back; float32 stays float32, whole numbers
become float64. No exponential overflows and no derivative is a difference of nearly equal numbers, so that even
one of 1e-300 on a far shoulder has all its digits. At a kink the derivative is the one from the left, as in torch.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr


def _float(z):
    z = np.asarray(z)
    return z if np.issubdtype(z.dtype, np.floating) else z.astype(float)


def sigmoid(z):
    """σ(z) = 1/(1 + e^−z)."""
    z = _float(z)
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-abs(z)))


def sigmoid_slope(z):
    """σ′(z) = σ(z)(1 − σ(z)) = e^−|z| / (1 + e^−|z|)², at most 1/4."""
    e = np.exp(-abs(_float(z)))
    return e / (1 + e) ** 2


def tanh(z):
    """tanh(z) = 2σ(2z) − 1."""
    return np.tanh(_float(z))


def tanh_slope(z):
    """tanh′(z) = 1 − tanh²(z) = 4σ′(2z), at most 1."""
    return 4 * sigmoid_slope(2 * _float(z))


def relu(z):
    """max(0, z): the rectified linear unit (Nair & Hinton 2010)."""
    return np.maximum(_float(z), 0)


def relu_slope(z):
    """1 for z > 0, else 0."""
    return np.heaviside(_float(z), 0)


def leaky_relu(z, alpha=0.01):
    """z for z > 0, else αz (Maas et al. 2013)."""
    z = _float(z)
    return np.where(z > 0, z, alpha * z)


def leaky_relu_slope(z, alpha=0.01):
    """1 for z > 0, else α."""
    z = _float(z)
    return np.where(z > 0, np.ones_like(z), alpha)


def elu(z, alpha=1.0):
    """z for z > 0, else α(e^z − 1) (Clevert et al. 2016)."""
    z = _float(z)
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def elu_slope(z, alpha=1.0):
    """1 for z > 0, else αe^z."""
    z = _float(z)
    return np.where(z > 0, np.ones_like(z), alpha * np.exp(np.minimum(z, 0)))


def gelu(z):
    """zΦ(z), with Φ the distribution function of the standard normal (Hendrycks & Gimpel 2016); not the tanh form."""
    z = _float(z)
    return z * ndtr(z)


def gelu_slope(z):
    """Φ(z) + z e^(−z²/2)/√(2π): between −0.13 and 1.13, and 1/2 at 0."""
    z = _float(z)
    return ndtr(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi).astype(z.dtype)


def silu(z):
    """zσ(z), also called swish (Elfwing et al. 2018, Ramachandran et al. 2017)."""
    z = _float(z)
    return z * sigmoid(z)


def silu_slope(z):
    """σ(z) + zσ′(z): between −0.10 and 1.10, and 1/2 at 0."""
    z = _float(z)
    return sigmoid(z) + z * sigmoid_slope(z)


class Activation(NamedTuple):
    """A function `phi` and its derivative `slope`; unpacks as `phi, slope = ACTIVATIONS["tanh"]`."""

    phi: object
    slope: object


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, sigmoid_slope),
    "tanh": Activation(tanh, tanh_slope),
    "ReLU": Activation(relu, relu_slope),
    "leaky ReLU": Activation(leaky_relu, leaky_relu_slope),
    "ELU": Activation(elu, elu_slope),
    "GELU": Activation(gelu, gelu_slope),
    "SiLU": Activation(silu, silu_slope),
}


def chain_factors(name, x, L, gain=1.0, bias=0.0):
    """The L factors gain·φ′(z_k) of a chain of units z_k = gain·h_{k−1} + bias, h_k = φ(z_k), h_0 = x.

    Their product is ∂h_L/∂x. Arrays x, gain and bias broadcast; the shape is (L, *that shape).
    """
    phi, slope = ACTIVATIONS[name]
    h, gain, bias = np.broadcast_arrays(_float(x), gain, bias)
    factors = np.empty((L, *h.shape))
    for k in range(L):
        z = gain * h + bias
        factors[k] = gain * slope(z)
        h = phi(z)
    return factors


def rms_slope(name, bias=0.0, gain=1.0):
    """√E[φ′(z)²] for Gaussian pre-activations z of mean `bias` and standard deviation `gain`; arrays broadcast.

    It is what a wide layer's φ′ leaves of the length of a gradient (Schoenholz et al. 2017, after eq. 6); the
    weights multiply by their own gain. By Gauss–Legendre quadrature on either side of the kink at z = 0.
    """
    bias, gain = np.broadcast_arrays(_float(bias), gain)
    bias, gain = bias[..., None], gain[..., None]
    kink = np.clip(-bias / gain, -_FAR, _FAR)
    mean = 0.0
    for start, end in ((-_FAR, kink), (kink, _FAR)):
        xi = start + (end - start) * _NODES  # (..., nodes)
        density = np.exp(-xi * xi / 2) / np.sqrt(2 * np.pi)
        square = ACTIVATIONS[name].slope(bias + gain * xi) ** 2
        mean = mean + (_WEIGHTS * (end - start) * density * square).sum(axis=-1)
    return np.sqrt(mean)


_FAR, _PANELS = 9.0, 180  # standard deviations to either side; panels of eight nodes on each side of the kink
_LEGENDRE = np.polynomial.legendre.leggauss(8)
_NODES = ((np.arange(_PANELS)[:, None] + (1 + _LEGENDRE[0]) / 2) / _PANELS).ravel()
_WEIGHTS = np.tile(_LEGENDRE[1] / (2 * _PANELS), _PANELS)
