"""Reference answers of lesson 22 on their whole domain, against matrices that grow, copies, torch and quadrature."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from reference import answer
from vanishing.width import BASE, SCALINGS, factors, first_step, moved, start, train

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)


@pytest.mark.parametrize("optimiser", SCALINGS)
@pytest.mark.parametrize("scaling", SCALINGS["SGD"])
def test_exponents_are_those_of_first_steps(optimiser, scaling):
    starts, rates = SCALINGS[optimiser][scaling]
    rule = answer("22.1")(0.5 - starts[2], rates, optimiser)
    narrow, wide = (
        np.median([moved(*first_step(optimiser, scaling, n, seed=k)) for k in range(9)], 0) for n in (256, 1024)
    )
    assert np.log(wide / narrow) / np.log(4) == pytest.approx(rule, abs=0.35)


@pytest.mark.parametrize("optimiser", SCALINGS)
def test_multipliers_are_the_scalings(optimiser):
    for n in (64, 96, 4096):
        r = n / BASE
        rows = [answer("22.2")(*sides, optimiser) for sides in ((r, 1), (r, r), (1, r))]
        deviation, rate = np.transpose(rows)
        starts, rates = factors(SCALINGS[optimiser]["muP"], n)
        assert deviation == pytest.approx(starts * np.array([1, r**-0.5, r**-0.5]))  # `start` has 1/√n_in already
        assert rate == pytest.approx(rates)


@few
@given(seed=seeds, k=st.integers(1, 4), layers=st.integers(3, 5))
def test_copies_take_the_same_step(seed, k, layers):
    """A linear network: its copies' function after a step of muP is the original's."""
    rng = np.random.default_rng(seed)
    sizes = [3] + [4] * (layers - 1) + [2]
    W = [rng.normal(size=shape) for shape in zip(sizes[1:], sizes[:-1], strict=True)]
    wide = [w if i == layers - 1 else w.repeat(k, 0) for i, w in enumerate(W)]
    wide = [w if i == 0 else w.repeat(k, 1) / k for i, w in enumerate(wide)]
    x = torch.tensor(rng.normal(size=(5, 3)))

    def out(matrices):
        h = x
        for w in matrices:
            h = h @ torch.as_tensor(w).T
        return h

    def stepped(matrices):
        leaves = [torch.tensor(w, requires_grad=True) for w in matrices]
        g = torch.autograd.grad(out(leaves).square().mean(), leaves)
        return answer("22.3")(matrices, [part.numpy() for part in g], 0.05, 4)

    np.testing.assert_allclose(out(stepped(wide)), out(stepped(W)), rtol=1e-9, atol=1e-12)


def test_a_step_at_the_base_is_plain_and_leaves_its_inputs_alone():
    rng = np.random.default_rng(0)
    W, g = ([rng.normal(size=s) for s in ((5, 2), (5, 5), (3, 5))] for _ in range(2))
    before = [w.copy() for w in W]
    for new, w, part in zip(answer("22.3")(W, g, 0.1, 5), before, g, strict=True):
        np.testing.assert_allclose(new, w - 0.1 * part)
    assert all(np.array_equal(w, v) for w, v in zip(W, before, strict=True))


@few
@given(seed=seeds, widths=st.integers(1, 5), rates=st.integers(1, 7), broken=st.floats(0, 0.9))
def test_price_of_a_transfer(seed, widths, rates, broken):
    rng = np.random.default_rng(seed)
    losses = rng.integers(1, 5, size=(widths, rates)) / 4
    gone = rng.random(size=losses.shape) < broken
    gone[np.arange(widths), rng.integers(rates, size=widths)] = False
    losses[gone] = np.nan
    known = [[np.inf if np.isnan(v) else v for v in row] for row in losses]
    first = min(range(rates), key=lambda j: (known[0][j], j))
    assert list(answer("22.4")(losses)) == [row[first] - min(row) for row in known]


@few
@given(w2=st.floats(1.97, 3.0))
def test_gelus_bias_is_critical(w2):
    b2 = answer("22.5")(w2)

    def mean(f, q):
        return quad(lambda z: f(np.sqrt(q) * z) * norm.pdf(z), -9, 9, epsabs=1e-11)[0]

    def square(z):
        return (z * norm.cdf(z)) ** 2

    def slope(z):
        return (norm.cdf(z) + z * norm.pdf(z)) ** 2

    low, high = 0.0, 6.0
    for _ in range(45):  # the q at which the factor is one
        q = (low + high) / 2
        low, high = (q, high) if w2 * mean(slope, q) < 1 else (low, q)
    assert b2 == pytest.approx(q - w2 * mean(square, q), rel=1e-6)
    assert b2 > 0


def test_gelus_bias_is_the_books():
    assert answer("22.5")(1.98306) == pytest.approx(0.17292, abs=1e-5)


@pytest.mark.parametrize("n", [64, 256, 1024])
def test_the_recipe_meets_its_bounds_on_other_seeds(n):
    starts, rates = answer("22.6")(n)
    for seed in range(40, 44 if n == 1024 else 52):
        run = train(start(n, starts, seed), "Adam", rates, steps=30, order=seed)
        assert run.end <= 0.55
        assert run.peak <= 4.5
