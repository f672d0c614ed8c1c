"""Diagonal recurrences: the scan against the loop, the mismatch against its sum, readers against autograd and torch."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vanishing.memory import Diagonal, compose, fits, kernel, letter_states, mismatch, read_flat, readout, scan
from vanishing.sequences import judged, latch, train

few = settings(max_examples=40, deadline=None, derandomize=True)


def loop(a, b):
    """What a scan is to give, step by step."""
    h, states = np.zeros(b.shape[1:], dtype=np.result_type(a, b, float)), []
    for t in range(len(b)):
        h = a[t] * h + b[t]
        states.append(h)
    return np.array(states)


@few
@given(seed=st.integers(0, 999), T=st.integers(1, 40), units=st.integers(1, 3), turned=st.booleans())
def test_the_scan_is_the_loop(seed, T, units, turned):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, T, units)) + 1j * turned * rng.normal(size=(2, T, units))
    a[rng.random(a.shape) < 0.2] = 0  # gates that are shut
    before = a.copy(), b.copy()
    np.testing.assert_allclose(scan(a, b), loop(a, b), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal((a, b), before)


def test_factors_broadcast_and_integers_become_floats():
    b = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(scan(2, b), [[0, 1], [2, 5], [8, 15]])
    np.testing.assert_array_equal(scan(np.array([1, 0]), b), [[0, 1], [2, 3], [6, 5]])
    assert scan(2, b).dtype == float
    assert scan(0.5j, b).dtype == complex


@few
@given(seed=st.integers(0, 999))
def test_composing_is_associative_and_does_the_first_map_first(seed):
    rng = np.random.default_rng(seed)
    one, two, three = ((rng.normal(size=4), rng.normal(size=4)) for _ in range(3))
    left, right = compose(compose(one, two), three), compose(one, compose(two, three))
    np.testing.assert_allclose(left, right, atol=1e-12)
    h = rng.normal(size=4)
    a, b = compose(one, two)
    np.testing.assert_allclose(a * h + b, two[0] * (one[0] * h + one[1]) + two[1], atol=1e-12)


@few
@given(horizon=st.floats(1, 50), teacher=st.floats(1, 50), angle=st.floats(-3, 3), normalised=st.booleans())
def test_the_mismatch_is_the_sum_over_impulse_responses(horizon, teacher, angle, normalised):
    k = np.arange(2000)
    one, other = np.exp((-1 / horizon + 1j * angle) * k), np.exp(-k / teacher)
    if normalised:
        one, other = one * np.sqrt(1 - np.exp(-2 / horizon)), other * np.sqrt(1 - np.exp(-2 / teacher))
    right = np.sum(np.abs(one - other) ** 2)
    np.testing.assert_allclose(mismatch(1 / horizon, 1 / teacher, angle, normalised), right, rtol=1e-9, atol=1e-11)


def test_the_mismatch_keeps_its_digits_near_one():
    far = mismatch(1e-12, 1e-12, 1e-12)
    assert far == pytest.approx(2 - 2 / (1 + 0.25), rel=1e-6)
    assert mismatch(1e-15, 2e-15) == pytest.approx(2 - 2 * np.sqrt(2) / 1.5, rel=1e-6)


def test_rates_that_fit():
    horizons, rates = [10.0, 1000.0], 10.0 ** np.arange(-12, 1)
    largest = {
        kind: [rates[row].max() for row in fits(horizons, rates, *kind)]
        for kind in itertools.product(("lambda", "nu"), (False, True), ("SGD", "Adam"))
    }
    assert largest["nu", True, "SGD"] == largest["nu", False, "Adam"] == [1.0, 1.0]
    assert largest["lambda", False, "SGD"] == pytest.approx([1e-3, 1e-9])
    assert largest["lambda", True, "Adam"] == pytest.approx([1e-1, 1e-3])
    with pytest.raises(ValueError, match="sigma"):
        fits(horizons, rates, "sigma")
    with pytest.raises(ValueError, match="Momentum"):
        fits(horizons, rates, "nu", True, "Momentum")


@pytest.mark.parametrize("write", [None, -1.0])
def test_a_reader_is_its_loop(write):
    nets = Diagonal(2, 3, range(2), horizon=4, write=write, gain=2.0)
    x, _ = latch(9)(2, 5, torch.Generator().manual_seed(0))
    x, p = x.double(), nets.parameters
    h = torch.zeros(2, 5, 3, dtype=torch.float64)
    for step in x:
        gate = torch.sigmoid(step @ p["G"].mT + p["c"]) if write is not None else 1.0
        h = torch.exp(-torch.exp(p["nu"]))[:, None] * h + gate * (step @ p["U"].mT)
    torch.testing.assert_close(nets.logits(x), h @ p["V"].mT + p["a"])
    assert ("G" in p) == (write is not None)
    assert torch.exp(-p["nu"]).unique().item() == pytest.approx(4)


def test_readers_start_alike_alone_and_in_company_and_learn_a_short_latch():
    start = {"horizon": 20, "write": -4, "gain": 8}
    both, alone = Diagonal(2, 8, [3, 4], **start), Diagonal(2, 8, [4], **start)
    for name, values in alone.parameters.items():
        torch.testing.assert_close(both.parameters[name][1:], values)
    list(train(both, latch(20), 40, eta=0.1, batch=8))
    assert judged(both, latch(20)).min() > 0.95


def test_letters_are_scanned_as_well():
    bases = torch.randint(4, (3, 50), generator=torch.Generator().manual_seed(0))
    states = letter_states(bases, [5.0, 40.0])  # (3, 2, 4)
    x = np.eye(4)[bases.T.numpy()][:, :, None]  # (50, 3, 1, 4)
    lam = np.exp(-1 / np.array([5.0, 40.0]))[:, None]
    x = np.sqrt(1 - lam**2) * x
    np.testing.assert_allclose(states, scan(lam, x)[-1], rtol=1e-12)
    np.testing.assert_allclose(kernel([5.0], [0, 5])[:, 0], np.sqrt(1 - np.exp(-0.4)) * np.exp([0, -1]), rtol=1e-12)


def test_a_readout_is_ridge_regression_and_ignores_units():
    rng = torch.Generator().manual_seed(1)
    h = torch.randn(200, 2, 3, generator=rng, dtype=torch.float64)
    y = (h[:, 0, 1] - 2 * h[:, 1, 2] > 0.3).long()
    w, c = readout(h, y)
    assert (((h * w).sum((1, 2)) > c) == (y == 1)).double().mean() > 0.9
    scaled, same = readout(1000 * h + 5, y)
    torch.testing.assert_close(1000 * scaled, w)
    torch.testing.assert_close(same - 5 * scaled.sum(), c)


def test_a_bank_reads_a_short_text_flat():
    def task(nets, batch, generator):
        bases = torch.randint(4, (batch, 300), generator=generator)
        y = torch.randint(2, (batch,), generator=generator)
        for k in range(batch):  # the first fifty letters are As or Cs, mostly
            bases[k, :50] = torch.where(torch.rand(50, generator=generator) < 0.6, y[k], bases[k, :50])
        return bases, y.expand(nets, batch)

    good, short = read_flat([[10, 100, 1000], [1.0]], 0, task)
    assert good.accuracy > 0.95 > 0.75 > short.accuracy
    assert good.weights.shape == (3, 4)
    assert good.accuracy == read_flat([[10, 100, 1000]], 0, task)[0].accuracy
