"""Reference answers of lesson 21 against torch's autograd, loops, and the solutions of differential equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from reference import answer

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)


@few
@given(steps=st.floats(1, 1e4), keep=st.floats(0.01, 0.99), period=st.floats(2, 1e3))
def test_a_spiral_keeps_its_share_and_turns_in_its_period(steps, keep, period):
    nu, theta = answer("21.1")(steps, keep, period)
    lam = np.exp(-np.exp(nu) + 1j * theta)
    assert abs(lam) ** steps == pytest.approx(keep, rel=1e-8)
    assert np.exp(1j * theta) ** period == pytest.approx(1, abs=1e-8)
    assert 0 < theta <= np.pi


def test_a_spiral_of_any_length_keeps_its_digits():
    nu, _ = answer("21.1")(1e15, 0.5, 8)
    assert -np.exp(nu) * 1e15 == pytest.approx(np.log(0.5), rel=1e-12)


@few
@given(seed=seeds, T=st.integers(1, 30), nu=st.floats(-4, 0.5), theta=st.floats(-3, 3))
def test_pulls_are_autograds(seed, T, nu, theta):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=T), rng.normal()
    v, w = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (nu, theta))
    lam, h = torch.exp(torch.complex(-torch.exp(v), w)), torch.zeros((), dtype=torch.complex128)
    for step in x:
        h = lam * h + step
    right = torch.autograd.grad(0.5 * (h.real - y) ** 2, (v, w))
    np.testing.assert_allclose(answer("21.2")(nu, theta, x, y), right, rtol=1e-9, atol=1e-10)


@few
@given(seed=seeds)
def test_joined_maps_do_the_first_one_first(seed):
    rng = np.random.default_rng(seed)
    (a, b), (c, d), h = rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 2, 3))[0], rng.normal(size=3)
    factor, shift = answer("21.3")((a, b), (c, d))
    np.testing.assert_allclose(factor * h + shift, c * (a * h + b) + d, atol=1e-12)


@few
@given(seed=seeds, T=st.integers(1, 12))
def test_what_comes_back_is_what_autograd_hears(seed, T):
    rng = np.random.default_rng(seed)
    a, e = rng.normal(size=(2, T, 2))
    a[rng.random(a.shape) < 0.2] = 0.0
    x = torch.zeros(T, 2, dtype=torch.float64, requires_grad=True)
    h, loss = torch.zeros(2, dtype=torch.float64), 0.0
    for t in range(T):
        h = torch.tensor(a[t]) * h + x[t]
        loss = loss + (torch.tensor(e[t]) * h).sum()
    before = a.copy(), e.copy()
    np.testing.assert_allclose(answer("21.4")(a, e), torch.autograd.grad(loss, x)[0], atol=1e-12)
    np.testing.assert_array_equal((a, e), before)


@pytest.mark.parametrize("a", [-2.0, 0.0, -0.3 + 2j, 1.5j])
def test_a_step_is_the_equations_solution(a):
    (lam,), (factor,) = answer("21.5")(np.array([a]), np.array([0.7]), 0.8)
    for h0, x, right in ((1.0, 0.0, lam), (0.0, 1.0, factor)):
        solved = solve_ivp(lambda t, h, x=x: a * h + 0.7 * x, (0, 0.8), [h0 + 0j], rtol=1e-10, atol=1e-12)
        assert right == pytest.approx(solved.y[0, -1], rel=1e-7, abs=1e-9)


def test_a_short_step_keeps_its_digits_and_two_halves_are_a_whole():
    a, b = np.array([-1.0, 2j]), np.array([1.0, 3.0])
    lam, factor = answer("21.5")(a, b, 1e-13)
    np.testing.assert_allclose(factor / 1e-13, b, rtol=1e-12)
    lam, factor = answer("21.5")(a, b, 0.5)
    whole = answer("21.5")(a, b, 1.0)
    np.testing.assert_allclose((lam * lam, lam * factor + factor), whole, rtol=1e-12)
