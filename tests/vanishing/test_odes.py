"""Vector fields and solvers against finite differences, closed forms, scipy and automatic differentiation."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from vanishing.adjoints import backward_recurrence
from vanishing.odes import METHODS, NeuralODEs, Pendulum, RateField, continuous_adjoint, solve, step_jacobians, swings

UNEVEN = np.array([0.0, 0.1, 0.5, 0.6, 1.3])


def fields(rng):
    return [Pendulum(0.3), RateField(rng.normal(size=(2, 2)), 0.7)]


def central(f, y, eps=1e-6):
    return np.array([f(y + e) - f(y - e) for e in eps * np.eye(len(y))]).T / (2 * eps)


def test_jacobians_of_the_fields():
    rng = np.random.default_rng(0)
    for f in fields(rng):
        y = rng.normal(size=2)
        np.testing.assert_allclose(f.jacobian(y), central(f, y), atol=1e-8)
        batch = rng.normal(size=(3, 2))
        np.testing.assert_allclose(f(batch)[1], f(batch[1]))


def test_secant_is_exact_for_any_two_states():
    f, (a, b) = Pendulum(0.3), np.random.default_rng(1).normal(size=(2, 2))
    np.testing.assert_allclose(f.secant(a, b) @ (a - b), f(a) - f(b), rtol=1e-13)
    np.testing.assert_allclose(f.secant(a, a), f.jacobian(a))


@pytest.mark.parametrize("method", METHODS)
def test_jacobians_of_the_steps(method):
    rng = np.random.default_rng(2)
    for f in fields(rng):
        y = rng.normal(size=2)
        path = solve(f, y, UNEVEN, method)
        J = step_jacobians(f, path, UNEVEN, method)
        assert J.shape == (4, 2, 2)
        whole = J[3] @ J[2] @ J[1] @ J[0]
        np.testing.assert_allclose(whole, central(lambda s, f=f: solve(f, s, UNEVEN, method)[-1], y), atol=1e-8)


@pytest.mark.parametrize(("method", "order"), [("Euler", 1), ("RK4", 4)])
def test_order_of_the_solvers(method, order):
    f = Pendulum()
    exact = solve_ivp(lambda t, y: f(y), (0, 2), [1.0, 0.5], "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    errors = [np.linalg.norm(solve(f, [1.0, 0.5], np.linspace(0, 2, N + 1), method)[-1] - exact) for N in (40, 80)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="one of Euler, RK4, not 'rk4'"):
        solve(Pendulum(), [0.0, 1.0], UNEVEN, "rk4")


@pytest.mark.parametrize(("method", "order"), [("Euler", 1), ("RK4", 4)])
def test_continuous_adjoint_tends_to_the_discrete_one(method, order):
    rng = np.random.default_rng(3)
    f, (y0, c), gaps = RateField(rng.normal(size=(4, 4)), 1.0), rng.normal(size=(2, 4)), []
    for N in (40, 80):
        times = np.linspace(0, 1, N + 1)
        path = solve(f, y0, times, method)
        back, a = continuous_adjoint(f, path[-1], c, times, method)
        assert back.shape == a.shape == path.shape
        np.testing.assert_array_equal(back[-1], path[-1])
        delta = backward_recurrence(step_jacobians(f, path, times, method), c)
        gaps.append(np.linalg.norm(a[0] - delta[0]))
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(order, abs=0.3)


def test_continuous_adjoint_of_a_linear_field_is_the_matrix_exponential():
    f = RateField(np.zeros((1, 1)), leak=0.5)
    _, a = continuous_adjoint(f, np.array([2.0]), np.array([3.0]), np.linspace(0, 2, 201))
    np.testing.assert_allclose(a[:, 0], 3 * np.exp(-0.5 * (2 - np.linspace(0, 2, 201))), rtol=1e-9)


def test_swings_are_pendulums_seen_at_irregular_times():
    starts, gaps, seen = swings(np.random.default_rng(4), B=3, K=5, noise=0.0)
    assert (starts.shape, gaps.shape, seen.shape) == ((3, 2), (3, 5), (3, 5, 2))
    assert gaps.min() >= 0.05
    assert gaps.max() <= 1.0
    f, times = Pendulum(0.2), np.cumsum(gaps[1])
    exact = solve_ivp(lambda t, y: f(y), (0, times[-1]), starts[1], "DOP853", times, rtol=1e-11, atol=1e-11).y.T
    np.testing.assert_allclose(seen[1], exact, atol=1e-5)
    noisy = swings(np.random.default_rng(4), B=3, K=5, noise=0.1)[2] - seen
    assert 0.05 < noisy.std() < 0.2


def test_neural_odes_take_the_solver_s_steps_each_with_its_own_weights():
    net = NeuralODEs([7, 8], width=5)
    y, gaps = torch.randn(2, 3, 2, dtype=torch.float64), torch.rand(2, 3, 4, dtype=torch.float64)
    out = net(y, gaps)
    assert out.shape == (2, 3, 4, 2)
    U, c, V = (part[1].detach().numpy() for part in (net.U, net.c, net.V))
    times = np.concatenate([[0], np.cumsum(gaps[1, 2].numpy())])
    path = solve(lambda s: (np.tanh(s @ U + c) @ V)[0], y[1, 2].numpy(), times)
    np.testing.assert_allclose(out[1, 2].detach(), path[1:], rtol=1e-10)
    assert torch.equal(NeuralODEs([8], width=5).U[0], net.U[1])
