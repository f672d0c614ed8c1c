"""Networks of several widths: against autograd and torch's own optimisers, and what the scalings promise."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vanishing.width import (
    BASE,
    BETA1,
    BETA2,
    EPS,
    SCALINGS,
    Optimiser,
    factors,
    first_step,
    forward,
    gradients,
    images,
    loss,
    moved,
    rms,
    start,
    sweep,
    train,
)

X, Y = (part[:40] for part in images())


def test_gradients_are_autograds():
    W = start(16, seed=1)
    leaves = [w.clone().requires_grad_() for w in W]
    h = X
    for k, leaf in enumerate(leaves):
        h = F.linear(h, leaf)
        h = F.relu(h) if k < 2 else h
    right = F.cross_entropy(h, Y)
    for own, other in zip(gradients(W, X, Y), torch.autograd.grad(right, leaves), strict=True):
        torch.testing.assert_close(own, other)
    assert loss(W, X, Y) == pytest.approx(right.item())


def test_a_loss_that_is_not_a_number_is_infinite():
    assert loss([w * 1e200 for w in start(16)], X, Y) == np.inf


@pytest.mark.parametrize("name", SCALINGS)
def test_optimisers_are_torchs(name):
    own = start(16)
    other = [w.clone() for w in own]
    rates = (0.01, 0.02, 0.05)
    mine = Optimiser(name, own, rates)
    groups = [{"params": [w], "lr": rate} for w, rate in zip(other, rates, strict=True)]
    its = torch.optim.SGD(groups) if name == "SGD" else torch.optim.Adam(groups, betas=(BETA1, BETA2), eps=EPS)
    for _ in range(4):
        mine.step(gradients(own, X, Y))
        for w, g in zip(other, gradients(other, X, Y), strict=True):
            w.grad = g
        its.step()
    for w, v in zip(own, other, strict=True):
        torch.testing.assert_close(w, v)


def test_an_optimiser_has_a_name():
    with pytest.raises(ValueError, match="optimiser must be one of SGD, Adam, not 'Lion'"):
        Optimiser("Lion", start(16), (1, 1, 1))


def test_starts_have_their_deviations_and_their_draws():
    W, V = start(256, seed=3), start(256, (1, 2, 0.5), seed=3)
    deviations = [float(w.std() * w.shape[1] ** 0.5) for w in W]
    assert deviations == pytest.approx([2**0.5, 2**0.5, 1], rel=0.05)
    for w, v, factor in zip(W, V, (1, 2, 0.5), strict=True):
        torch.testing.assert_close(v, factor * w)
    assert not torch.equal(start(256, seed=4)[0], W[0])


@pytest.mark.parametrize("optimiser", SCALINGS)
def test_all_scalings_are_one_network_at_the_base(optimiser):
    for scaling in SCALINGS[optimiser].values():
        starts, rates = factors(scaling, BASE)
        assert starts.tolist() == rates.tolist() == [1, 1, 1]


@pytest.mark.parametrize("optimiser", SCALINGS)
def test_copies_learn_the_same_with_mups_rates_alone(optimiser):
    """The symmetry from which the rates follow: every hidden unit k times, what reads copies divided by k."""
    k, W = 3, start(BASE)
    wide = [
        W[0].repeat_interleave(k, 0),
        W[1].repeat_interleave(k, 0).repeat_interleave(k, 1) / k,
        W[2].repeat_interleave(k, 1) / k,
    ]
    small = train(W, optimiser, [0.01] * 3, steps=6)
    for scaling, same in (("muP", True), ("standard", False), ("NTK", False)):
        _, rates = factors(SCALINGS[optimiser][scaling], k * BASE)
        large = train(wide, optimiser, 0.01 * rates, steps=6)
        assert (abs(large.end - small.end) < 1e-6) is same


def test_a_step_moves_each_layer_by_its_matrix_alone():
    W, V, x = first_step("SGD", "standard", 32, rate=0.5)
    _, h = forward(W, x)
    right = [float(((V[k] - W[k]) @ h[k].T).square().mean().sqrt()) for k in range(3)]
    assert moved(W, V, x) == pytest.approx(right)
    assert rms([3.0, -4.0]) == pytest.approx(12.5**0.5)


def test_adams_first_step_has_entries_of_the_rates():
    starts, rates = factors(SCALINGS["Adam"]["muP"], 128)
    W, V, _ = first_step("Adam", "muP", 128, rate=0.1)
    assert rates.tolist() == [1, 0.5, 0.5]
    assert starts.tolist() == pytest.approx([1, 1, 0.5**0.5])
    for w, v, rate in zip(W, V, rates, strict=True):
        assert float((v - w).abs().max()) == pytest.approx(0.1 * rate)


def test_training_leaves_its_start_alone_and_knows_its_peak():
    W = start(32)
    before = [w.clone() for w in W]
    run = train(W, "Adam", [0.01] * 3, steps=10)
    assert all(torch.equal(w, v) for w, v in zip(W, before, strict=True))
    assert run.end < 1.5 < run.peak
    broken = train(W, "SGD", [1e200] * 3, steps=3)
    assert broken.end == broken.peak == np.inf


def test_the_order_of_batches_is_a_seed_of_its_own():
    W = start(16)
    ends = [train(W, "SGD", [0.1] * 3, steps=3, order=order).end for order in (0, 0, 1)]
    assert ends[0] == ends[1] != ends[2]


def test_a_sweep_is_its_runs():
    end, peak = sweep("Adam", "muP", 128, [0.01, 0.02], seeds=(0, 5), steps=3)
    assert end.shape == peak.shape == (2, 2)
    starts, rates = factors(SCALINGS["Adam"]["muP"], 128)
    run = train(start(128, starts, 5), "Adam", 0.02 * rates, steps=3)
    assert (end[1, 1], peak[1, 1]) == (run.end, run.peak)
