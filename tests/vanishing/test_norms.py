"""Normalisation layers against torch and mean-field theory, power iteration against the SVD."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vanishing import norms

TORCH = {
    "BN": lambda z: F.batch_norm(z, None, None, training=True, eps=1e-5),
    "LN": lambda z: F.layer_norm(z, z.shape[1:], eps=1e-5),
    "RMS": lambda z: z / torch.sqrt(torch.mean(z**2, dim=1, keepdim=True) + 1e-5),
}


@pytest.mark.parametrize("norm", TORCH)
def test_forward_and_backward_agree_with_torch(norm):
    rng = np.random.default_rng(0)
    z, delta = rng.normal(2.0, 3.0, size=(7, 5)), rng.normal(size=(7, 5))
    y, s = norms.normalize(z, norm, eps=1e-5)
    judge = torch.tensor(z, requires_grad=True)
    out = TORCH[norm](judge)
    out.backward(torch.tensor(delta))
    np.testing.assert_allclose(y, out.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(norms.normalize_back(y, s, delta, norm), judge.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("norm", ["none", "BN", "LN", "RMS"])
def test_stack_agrees_with_autograd(norm):
    got = norms.run_stack("tanh", norm, 1.5, np.random.default_rng(1), n=6, batch=5, depth=4)
    rng = np.random.default_rng(1)
    weights = torch.tensor(rng.normal(size=(4, 6, 6)) / np.sqrt(6))
    x, delta = torch.tensor(rng.normal(size=(2, 5, 6)))
    z = [x.requires_grad_()]
    h = x
    for W in weights:
        z.append(1.5 * h @ W.T)
        y = {"none": lambda a: a, **TORCH}[norm](z[-1] * 1e6) if norm != "none" else z[-1]  # eps drowns
        h = torch.tanh(y)
    grads = torch.autograd.grad(z[-1], z, delta)
    lengths = np.array([g.norm().item() for g in grads])
    np.testing.assert_allclose(got.logs, np.log10(lengths / lengths[-1]), atol=1e-9)
    assert got.y.shape == (4, 5, 6)


def test_relu_with_bn_grows_as_mean_field_says():
    got = np.mean([norms.run_stack("ReLU", "BN", 1.0, np.random.default_rng(k)).factor() for k in range(3)])
    assert got == pytest.approx(np.sqrt(np.pi / (np.pi - 1)), rel=0.02)


def test_bn_of_two_samples_stops_the_gradient():
    got = norms.run_stack("tanh", "BN", 1.0, np.random.default_rng(0), batch=2)
    assert got.logs[25] < -12


def test_power_estimates_rise_to_the_largest_singular_value():
    rng = np.random.default_rng(2)
    W = rng.normal(size=(9, 6))
    estimates, u = norms.power_estimates(W, rng.normal(size=9), 500)
    assert np.all(np.diff(estimates) > -1e-12)
    assert estimates[-1] == pytest.approx(np.linalg.norm(W, 2), rel=1e-9)
    assert np.linalg.norm(u) == pytest.approx(1)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        norms.normalize(np.ones((2, 2)), "GN")
