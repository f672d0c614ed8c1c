"""Residual stacks against autograd, paths against the product, and what the training stacks promise."""

import itertools

import numpy as np
import pytest
import torch

from vanishing.residual import Stack, Stacks, accuracy, encoder_gradients, gradient_logs, paths_by_length, training

PHI = {"ReLU": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize(("scale", "skip"), [(1.0, 1.0), (0.3, 0.8), (1.0, 0.0)])
def test_backward_equals_autograd(activation, scale, skip):
    rng = np.random.default_rng(1)
    stack = Stack.random(6, 5, rng, scale, skip, activation)
    x, v = rng.normal(size=(2, 5))
    h = stack.forward(x)
    start = torch.tensor(x, requires_grad=True)
    g = start
    for W in stack.W:
        g = skip * g + scale * torch.tensor(W) @ PHI[activation](g)
    (g @ torch.tensor(v)).backward()
    np.testing.assert_allclose(h[-1], g.detach())
    np.testing.assert_allclose(stack.backward(h, v)[0], start.grad, atol=1e-12)
    delta = v
    for J in stack.branches(h)[::-1]:
        delta = (skip * np.eye(5) + J).T @ delta
    np.testing.assert_allclose(delta, start.grad, atol=1e-12)


def test_forward_and_backward_take_a_batch():
    rng = np.random.default_rng(2)
    stack = Stack.random(3, 4, rng)
    x, v = rng.normal(size=(2, 7, 4))
    together = stack.backward(stack.forward(x), v)[0]
    np.testing.assert_allclose(together, [stack.backward(stack.forward(a), b)[0] for a, b in zip(x, v, strict=True)])


def test_the_variance_of_unscaled_relu_stacks_doubles_with_each_block():
    logs = gradient_logs(6, np.random.default_rng(3), n=200, draws=40)
    assert logs.shape == (40, 7)
    assert (logs[:, -1] == 0).all()
    np.testing.assert_allclose((100 ** logs[:, 0]).mean(), 2**6, rtol=0.1)


def test_paths_equal_their_enumeration():
    rng = np.random.default_rng(4)
    J, v = rng.normal(size=(4, 3, 3)), rng.normal(size=3)
    expected = np.zeros((5, 3))
    for taken in itertools.product((0, 1), repeat=4):
        delta = v
        for k in (3, 2, 1, 0):
            delta = J[k].T @ delta if taken[k] else delta
        expected[sum(taken)] += delta
    np.testing.assert_allclose(paths_by_length(J, v), expected, atol=1e-12)


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_encoders_are_drawn_from_their_seed_and_a_scale_of_zero_leaves_the_tokens_as_they_are(norm):
    assert encoder_gradients(2, norm, 0) == encoder_gradients(2, norm, 0) != encoder_gradients(2, norm, 1)
    still = encoder_gradients(3, norm, 0, scale=0.0)
    assert still.queries_keys == (0, 0)
    assert abs(still.apart - 1) < 0.1  # independent normal tokens are orthogonal in the mean


def test_post_norm_makes_tokens_alike_and_silences_the_upper_queries():
    deep, shallow = (encoder_gradients(L, "post", 0) for L in (24, 6))
    assert deep.apart < shallow.apart / 10
    assert deep.queries_keys[1] < deep.queries_keys[0] / 10


def test_an_encoder_without_such_a_norm_is_refused():
    with pytest.raises(ValueError, match="norm must be"):
        encoder_gradients(2, "both", 0)


def test_models_side_by_side_train_as_they_would_alone():
    both = Stacks(3, [1, 1], [0.5, 0.0], [0, 1], [5, 5], n=8)
    assert torch.equal(both.W[:, 0], both.W[:, 1])
    alone = Stacks(3, [1], [0.0], [1], [5], n=8)
    losses = np.array(list(training(both, steps=10)))
    np.testing.assert_allclose(losses[:, 1], np.array(list(training(alone, steps=10)))[:, 0], rtol=1e-4)
    assert losses.shape == (10, 2)
    assert (both.alpha[:, 0] == 0.5).all()
    assert (both.alpha[:, 1] != 0).all()


def test_leaving_out_a_branch_of_factor_zero_changes_nothing():
    model = Stacks(2, [1], [0.0], [0], [1])
    assert accuracy(model) == accuracy(model, without=1)
    model = Stacks(2, [0], [1.0], [0], [1])
    X = torch.randn(5, 64, dtype=torch.float64)
    h = X @ model.E
    torch.testing.assert_close(model(X, without=0), torch.relu(h) @ model.W[1] @ model.V)
