"""`vanishing.losses` against autograd, against the format's own rounding, and against what learning must do."""

import numpy as np
import pytest
import torch

from vanishing.losses import LOSSES, delta, loss_and_gradient, relearn, silent_from


@pytest.mark.parametrize("loss", LOSSES)
def test_delta_is_autograds_gradient_in_the_logit(loss):
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.uniform(-6, 6, 20), requires_grad=True)
    y = torch.tensor(rng.uniform(0, 1, 20))
    p = torch.sigmoid(a)
    entropy = torch.nn.functional.binary_cross_entropy(p, y, reduction="sum")
    value = ((p - y) ** 2).sum() if loss == "squared error" else entropy
    value.backward()
    np.testing.assert_allclose(delta(loss, p.detach().numpy(), y.numpy()), a.grad.numpy(), rtol=1e-9)


def test_delta_refuses_an_unknown_loss():
    with pytest.raises(ValueError, match="hinge"):
        delta("hinge", 0.5, 0.0)


def test_loss_and_gradient_leaves_its_argument_alone_and_keeps_the_format():
    at = np.array([1.0, -2.0])
    value, gradient = loss_and_gradient(lambda a: (a**3).sum(), at)
    assert (value, gradient.dtype) == (-7.0, np.float32)
    np.testing.assert_array_equal(gradient, [3.0, 12.0])
    assert loss_and_gradient(lambda a: a**2, 0.1, torch.float64) == (0.1**2, 0.2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_silent_from_is_where_half_a_spacing_is_left(dtype):
    bits = np.finfo(dtype).nmant + 1
    assert silent_from(dtype) == pytest.approx(bits * np.log(2), abs=0.01)


def test_relearn_is_reproducible_and_silent_after_a_confident_mistake():
    rng = np.random.default_rng(1)
    y = np.tile([0.0, 1.0], 60)
    X = rng.normal(size=(120, 5)) + 2 * y[:, None] - 1
    assert relearn(X, y, "cross-entropy", 2000) == relearn(X, y, "cross-entropy", 2000) > 0.9
    assert relearn(X, y, "squared error", 0) > 0.9
    assert relearn(X, y, "squared error", 2000) < 0.7
