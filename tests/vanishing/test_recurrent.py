"""The explicit recurrent network, the cliff and clipping; the judge is automatic differentiation."""

import numpy as np
import pytest
import torch

from vanishing.mlp import log10_norms
from vanishing.recurrent import RNN, cliff, clipped, descend, nonnormal, spectral_radius

TORCH = {"linear": lambda z: z, "ReLU": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
T, N, M = 12, 5, 3


def network(activation="tanh", **more):
    return RNN.random(N, np.random.default_rng(7), M, activation, gain=1.3, bias=0.4, **more)


def torch_states(net, x, h0):
    """The same network in torch: leaves W, U, b and all z_t, h_t (with gradients kept)."""
    leaves = [torch.tensor(part, requires_grad=True) for part in (net.W, net.U, net.b)]
    W, U, b = leaves
    z, h = [torch.tensor(h0, requires_grad=True)], [None]
    h[0] = z[0]
    for step in torch.tensor(x):
        z.append(h[-1] @ W.T + step @ U.T + b)
        z[-1].retain_grad()
        h.append(TORCH[net.activation](z[-1]))
    return leaves, z, h


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("batch", [(), (1,), (4,)])
def test_states_and_gradients_equal_autograd_with_a_loss_at_every_step(activation, batch):
    net, rng = network(activation), np.random.default_rng(1)
    x, h0, e = rng.normal(size=(T, *batch, M)), rng.normal(size=(*batch, N)), rng.normal(size=(T + 1, *batch, N))
    z, h = net.forward(x, h0)
    leaves, judge, states = torch_states(net, x, h0)
    sum((torch.tensor(et) * zt).sum() for et, zt in zip(e, judge, strict=True)).backward()
    for mine, its in zip(h, states, strict=True):
        np.testing.assert_allclose(mine, its.detach(), rtol=1e-12, atol=1e-14)
    delta = net.backward(z, e)
    for mine, its in zip([*net.gradients(x, h, delta), *delta], [*leaves, *judge], strict=True):
        np.testing.assert_allclose(mine, its.grad, rtol=1e-11, atol=1e-12)


def test_a_loss_on_the_last_state_needs_its_error_only():
    net, rng = network(), np.random.default_rng(2)
    z, _ = net.forward(rng.normal(size=(T, M)))
    e = np.zeros_like(z)
    e[-1] = rng.normal(size=N)
    np.testing.assert_array_equal(net.backward(z, e[-1]), net.backward(z, e))


@pytest.mark.parametrize("activation", TORCH)
def test_jacobians_equal_autograd_and_carry_delta_back(activation):
    net, rng = network(activation), np.random.default_rng(3)
    x, h0 = rng.normal(size=(T, M)), rng.normal(size=N)
    z, _ = net.forward(x, h0)
    J = list(net.jacobians(z))
    whole = torch.autograd.functional.jacobian(lambda h: torch_states_from(net, x, h)[-1], torch.tensor(h0))
    np.testing.assert_allclose(np.linalg.multi_dot(J[::-1]), whole, rtol=1e-10, atol=1e-13)
    delta = net.backward(z, rng.normal(size=N))
    for t in range(T, 0, -1):
        np.testing.assert_allclose(J[t - 1].T @ delta[t], delta[t - 1], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(net.jacobian(z[1:-1]), J[1:])
    np.testing.assert_array_equal(J[0], net.W)


def torch_states_from(net, x, h0):
    W, U, b = (torch.tensor(part) for part in (net.W, net.U, net.b))
    h, z = h0, []
    for step in torch.tensor(x):
        z.append(W @ h + U @ step + b)
        h = TORCH[net.activation](z[-1])
    return z


def test_a_batch_is_its_rows():
    net, rng = network(), np.random.default_rng(4)
    x, h0 = rng.normal(size=(T, 6, M)), rng.normal(size=(6, N))
    z, h = net.forward(x, h0)
    together = list(net.jacobians(z))
    for k in range(6):
        zk, hk = net.forward(x[:, k], h0[k])
        np.testing.assert_allclose(z[:, k], zk, rtol=1e-12)
        np.testing.assert_allclose(h[:, k], hk, rtol=1e-12)
        for J, one in zip(together, net.jacobians(zk), strict=True):
            np.testing.assert_allclose(J[k], one, rtol=1e-11)


def test_steps_without_input_are_inputs_of_zero():
    net, h0 = network(), np.random.default_rng(5).normal(size=(4, N))
    z, h = net.forward(T, h0)
    np.testing.assert_array_equal(z, net.forward(np.zeros((T, M)), h0)[0])
    assert z.shape == h.shape == (T + 1, 4, N)
    dW, dU, db = net.gradients(T, h, net.backward(z, np.ones((4, N))))
    assert (dU == 0).all()
    assert dW.shape == (N, N)
    assert db.shape == (N,)


def test_the_linear_network_is_a_power():
    W = np.array([[0.9, 10.0], [0.0, 0.9]])
    net, h0 = RNN.linear(W), np.array([1.0, -2.0])
    z, h = net.forward(9, h0)
    np.testing.assert_allclose(h[-1], np.linalg.matrix_power(W, 9) @ h0, rtol=1e-12)
    np.testing.assert_allclose(net.backward(z, h0)[0], np.linalg.matrix_power(W.T, 9) @ h0, rtol=1e-12)
    assert 10 ** log10_norms(list(net.jacobians(z)))[-1] == pytest.approx(38.746, abs=1e-3)


def test_random_inputs_drive_each_unit_as_told():
    net = RNN.random(400, np.random.default_rng(0), m=50, input_gain=0.5)
    drive = np.random.default_rng(1).normal(size=(2000, 50)) @ net.U.T
    assert drive.std() == pytest.approx(0.5, rel=0.03)


def test_spectral_radius_of_one_and_of_many():
    turn = 0.9 * np.array([[0.0, -1.0], [1.0, 0.0]])
    assert spectral_radius(turn) == pytest.approx(0.9, rel=1e-14)
    np.testing.assert_allclose(spectral_radius(np.stack([turn, np.diag([0.1, -2.0])])), [0.9, 2.0])


def test_nonnormal_has_its_eigenvalues_and_departs_from_normal():
    rng = np.random.default_rng(6)
    A = nonnormal([0.9, 0.5, -0.3, 0.1], 2.0, rng)
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(A).real), [-0.3, 0.1, 0.5, 0.9], atol=1e-12)
    assert np.linalg.norm(A @ A.T - A.T @ A) > 1
    S = nonnormal([0.9, 0.5, -0.3, 0.1], 0.0, rng)
    np.testing.assert_allclose(S, S.T, atol=1e-15)


@pytest.mark.parametrize("shape", [(2,), (7, 2), (3, 4, 2)])
def test_the_cliffs_loss_and_gradient_equal_autograd(shape):
    theta = np.array([5.0, -2.4]) + 0.3 * np.random.default_rng(8).normal(size=shape)
    loss, g = cliff(theta)
    judge = torch.tensor(theta, requires_grad=True)
    z = torch.full(shape[:-1], 0.5, dtype=torch.float64)
    for _ in range(50):
        z = judge[..., 0] * torch.sigmoid(z) + judge[..., 1]
    value = (torch.sigmoid(z) - 0.7) ** 2
    value.sum().backward()
    np.testing.assert_allclose(loss, value.detach(), rtol=1e-9)
    np.testing.assert_allclose(g, judge.grad, rtol=1e-6, atol=1e-18)
    assert loss.shape == shape[:-1]


def test_the_cliff_is_the_network_with_one_sigmoid_unit():
    w, b = 4.9, -2.49
    net = RNN(np.array([[w]]), np.zeros((1, 1)), np.array([b]), "sigmoid")
    h0 = 1 / (1 + np.exp(-0.5))
    z, h = net.forward(50, [h0])
    slope = h[-1] * (1 - h[-1])
    dW, _, db = net.gradients(50, h, net.backward(z, 2 * (h[-1] - 0.7) * slope))
    loss, g = cliff([w, b])
    assert loss == pytest.approx((h[-1, 0] - 0.7) ** 2, rel=1e-10)
    np.testing.assert_allclose(g, [dW[0, 0], db[0]], rtol=1e-9)


def test_clipping_equals_torchs_and_keeps_the_direction():
    g = np.random.default_rng(9).normal(size=(50, 3)) * 10 ** np.linspace(-3, 3, 50)[:, None]
    for row, mine in zip(g, clipped(g, 0.7), strict=True):
        p = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        p.grad = torch.tensor(row)
        torch.nn.utils.clip_grad_norm_([p], 0.7)
        np.testing.assert_allclose(mine, p.grad, rtol=2e-6)  # torch adds 1e-6 to the norm
    np.testing.assert_array_equal(clipped(g, np.inf), g)
    np.testing.assert_array_equal(clipped(np.zeros((2, 3)), 1.0), np.zeros((2, 3)))


def test_descent_yields_its_start_and_takes_clipped_steps():
    def bowl(theta):
        return (theta**2).sum(axis=-1) / 2, theta

    path = list(descend(bowl, [[3.0, 4.0], [0.3, 0.4]], eta=0.5, steps=2, threshold=1.0))
    assert len(path) == 3
    np.testing.assert_allclose(path[0][2], [5.0, 0.5])
    np.testing.assert_allclose(path[1][0], [[2.7, 3.6], [0.15, 0.2]])
    np.testing.assert_allclose(path[2][1], [8.0, 0.0078125])


def test_without_clipping_most_runs_are_thrown_off_the_cliff():
    """Lesson 07's twenty starts; the counts bear a relative error of 1e-13 in every gradient."""
    b = [np.random.default_rng(seed).uniform(-2.4, -2.3) for seed in range(20)]
    starts = np.stack([np.full(20, 4.7), b], axis=1)
    failed = {}
    for threshold in (np.inf, 1.0):
        *_, (_, loss, _) = descend(cliff, starts, 0.1, 100, threshold)
        failed[threshold] = (loss > 0.05).sum()
    assert failed == {np.inf: 17, 1.0: 0}


def test_a_wrong_name_is_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="tanh"):
        RNN(np.eye(2), np.eye(2), np.zeros(2), "tahn")
