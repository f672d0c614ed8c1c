"""The recurrence against automatic differentiation, its dual, and the Riccati equation."""

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.linalg import solve_discrete_are

from vanishing.adjoints import backward_recurrence, forward_recurrence
from vanishing.mlp import MLP
from vanishing.recurrent import RNN

WIDTHS = [3, 5, 4, 2]


def chain(rng):
    return [rng.normal(size=shape) for shape in zip(WIDTHS[1:], WIDTHS[:-1], strict=True)]


def test_backward_equals_autograd_with_a_loss_at_every_state():
    rng = np.random.default_rng(0)
    J, weights = chain(rng), [rng.normal(size=n) for n in WIDTHS]
    z = [torch.tensor(rng.normal(size=3), requires_grad=True)]
    for A in J:
        z.append(torch.tensor(A) @ z[-1])
    loss = sum(torch.tensor(w) @ state for w, state in zip(weights, z, strict=True))
    expected = torch.autograd.grad(loss, z)
    deltas = backward_recurrence(J, weights[-1], weights[:-1])
    assert [d.shape for d in deltas] == [(n,) for n in WIDTHS]
    for found, wanted in zip(deltas, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_it_is_the_backward_pass_of_networks():
    rng = np.random.default_rng(1)
    net = MLP.random(WIDTHS, rng)
    z, _ = net.forward(rng.normal(size=3))
    top = rng.normal(size=2)
    for found, wanted in zip(backward_recurrence(net.jacobians(z), top), net.backward(z, top), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    rnn = RNN.random(4, rng)
    z, _ = rnn.forward(rng.normal(size=(6, 1)))
    e = rng.normal(size=z.shape)
    np.testing.assert_allclose(
        backward_recurrence(list(rnn.jacobians(z)), e[-1], e[:-1]), rnn.backward(z, e), rtol=1e-12
    )


def test_forward_is_the_driven_recurrence():
    rng = np.random.default_rng(2)
    J, s, start = chain(rng), [rng.normal(size=n) for n in WIDTHS[1:]], rng.normal(size=3)
    taus = forward_recurrence(J, start, s)
    np.testing.assert_allclose(taus[3], J[2] @ (J[1] @ (J[0] @ start + s[0]) + s[1]) + s[2])
    np.testing.assert_allclose(forward_recurrence(J, start)[3], J[2] @ J[1] @ J[0] @ start)


def test_the_two_are_dual():
    rng = np.random.default_rng(3)
    J, s, c = chain(rng), [rng.normal(size=n) for n in WIDTHS[1:]], rng.normal(size=2)
    delta, tau = backward_recurrence(J, c), forward_recurrence(J, np.zeros(3), s)
    np.testing.assert_allclose(sum(d @ v for d, v in zip(delta[1:], s, strict=True)), c @ tau[-1], rtol=1e-12)


def test_costates_of_optimal_steering_are_the_riccati_matrix_times_the_states():
    A, B = np.array([[1.0, 0.2], [0.3, 1.1]]), np.array([[0.0], [0.4]])
    Q, R = np.diag([1.0, 2.0]), np.array([[0.5]])
    P = solve_discrete_are(A, B, Q, R)
    K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
    x = forward_recurrence([A - B @ K] * 30, np.array([1.0, -2.0]))
    p = backward_recurrence([A] * 30, P @ x[30], [Q @ state for state in x[:30]])
    np.testing.assert_allclose(p, np.array(x) @ P, rtol=1e-9)
    # Had every step reacted, the message would have passed through A − BK: the same, since the controls are optimal.
    reacting = backward_recurrence([A - B @ K] * 30, P @ x[30], [(Q + K.T @ R @ K) @ state for state in x[:30]])
    np.testing.assert_allclose(reacting, p, rtol=1e-9)


def test_sparse_jacobians_and_no_jacobians():
    rng = np.random.default_rng(4)
    J, c = chain(rng), rng.normal(size=2)
    sparse = backward_recurrence([scipy.sparse.csr_array(A) for A in J], c)
    np.testing.assert_allclose(sparse[0], backward_recurrence(J, c)[0])
    assert backward_recurrence([], c) == [c]
    assert forward_recurrence([], c) == [c]


def test_inputs_are_left_alone():
    J, e, c = [np.eye(2)] * 3, [np.ones(2)] * 3, np.zeros(2)
    assert backward_recurrence(J, c, e)[0].tolist() == [3, 3]
    assert c.tolist() == [0, 0]
    assert e[0].tolist() == [1, 1]


@pytest.mark.parametrize("recurrence", [backward_recurrence, forward_recurrence])
def test_a_source_too_many_is_refused(recurrence):
    with pytest.raises(ValueError, match="3 Jacobians need as many sources, not 4"):
        recurrence([np.eye(2)] * 3, np.ones(2), [np.ones(2)] * 4)
