"""Activations and slopes against torch's autograd, chains against autograd, averages against adaptive quadrature."""

import itertools

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from vanishing import activations
from vanishing.activations import ACTIVATIONS, chain_factors, rms_slope

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "leaky ReLU": torch.nn.functional.leaky_relu,
    "ELU": torch.nn.functional.elu,
    "GELU": torch.nn.functional.gelu,
    "SiLU": torch.nn.functional.silu,
}
each = pytest.mark.parametrize("name", ACTIVATIONS)


def test_every_activation_has_a_judge():
    assert ACTIVATIONS.keys() == TORCH.keys()


@each
def test_value_and_slope_are_torchs(name):
    z = torch.linspace(-30, 30, 1201, dtype=torch.float64, requires_grad=True)  # 0 is among them
    value = TORCH[name](z)
    value.sum().backward()
    phi, slope = ACTIVATIONS[name]
    np.testing.assert_allclose(phi(z.detach().numpy()), value.detach(), rtol=1e-12, atol=3e-15)
    np.testing.assert_allclose(slope(z.detach().numpy()), z.grad, rtol=1e-12, atol=3e-15)


@pytest.mark.parametrize("alpha", [0.2, 1.7])
@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_alpha_is_torchs(name, alpha):
    z = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
    value = getattr(torch.nn.functional, name)(z, alpha)
    value.sum().backward()
    np.testing.assert_allclose(getattr(activations, name)(z.detach().numpy(), alpha), value.detach(), rtol=1e-13)
    np.testing.assert_allclose(getattr(activations, name + "_slope")(z.detach().numpy(), alpha), z.grad, rtol=1e-13)


@each
def test_far_out_nothing_overflows(name):
    z = np.array([-1e4, -800.0, -1.0, 0.0, 1.0, 800.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        phi, slope = (f(z) for f in ACTIVATIONS[name])
    assert np.isfinite(phi).all()
    assert np.isfinite(slope).all()


@each
def test_shapes_and_types_are_kept(name):
    for f in ACTIVATIONS[name]:
        assert f(np.zeros((2, 3), np.float32)).dtype == np.float32
        assert f(np.zeros((2, 3), np.float32)).shape == (2, 3)
        assert f(1).shape == ()
        assert f(np.arange(3)).dtype == np.float64


def test_slopes_keep_their_digits_on_the_shoulders():
    np.testing.assert_allclose(activations.sigmoid(-700.0), np.exp(-700.0), rtol=1e-14)
    np.testing.assert_allclose(activations.sigmoid_slope([40.0, -700.0]), np.exp([-40.0, -700.0]), rtol=1e-14)
    np.testing.assert_allclose(activations.tanh_slope([-40.0, 40.0]), 4 * np.exp(-80.0), rtol=1e-14)


@each
@pytest.mark.parametrize("x", [-0.7, 1.3])
def test_chain_is_autograds(name, x):
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    h = leaf
    for _ in range(7):
        h = TORCH[name](1.3 * h - 0.2)
    h.backward()
    np.testing.assert_allclose(np.prod(chain_factors(name, x, 7, gain=1.3, bias=-0.2)), leaf.grad, rtol=1e-12)


def test_chains_broadcast():
    factors = chain_factors("tanh", np.array([0.5, 1.0]), 4, gain=np.array([[0.9], [1.0], [1.1]]))
    assert factors.shape == (4, 3, 2)
    np.testing.assert_array_equal(factors[:, 2, 1], chain_factors("tanh", 1.0, 4, gain=1.1))


@each
@pytest.mark.parametrize(("bias", "gain"), [(0.0, 1.0), (1.5, 0.4), (-3.0, 2.0), (4.0, 6.0), (0.5, 20.0)])
def test_rms_slope_is_the_integral(name, bias, gain):
    def integrand(z):
        return ACTIVATIONS[name].slope(z) ** 2 * norm.pdf(z, bias, gain)

    far = bias - 10 * gain, bias + 10 * gain
    edges = np.unique(np.clip([*far, -8, 0, 8], *far))
    pieces = [quad(integrand, a, b, epsabs=0, epsrel=1e-11, limit=400)[0] for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(rms_slope(name, bias, gain), np.sqrt(sum(pieces)), rtol=1e-9)


def test_rms_slope_known_values():
    np.testing.assert_allclose(rms_slope("ReLU", 0.0, [0.1, 1.0, 9.0]), np.sqrt(0.5), rtol=1e-13)
    np.testing.assert_allclose(rms_slope("tanh", 0.0, 1e-6), 1.0, rtol=1e-9)
    assert rms_slope("sigmoid", np.zeros((3, 1)), np.ones(2)).shape == (3, 2)
