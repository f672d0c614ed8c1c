"""Sick networks are as sick as they say, judged by autograd without a probe."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vanishing.digits_runs import Digits
from vanishing.patients import KINDS, Tangle, borderline, patient, recording, stack, tidied, treated, trial
from vanishing.probe.diagnosis import DEAD, EXPLODED, SATURATED, VANISHED


def heard(model, rng, batch=100):
    """|δ| of each linear layer and the outputs of each activation, by retain_grad."""
    x, y = torch.tensor(rng.normal(size=(batch, 64))), torch.tensor(rng.integers(0, 10, size=batch))
    z, h = [], []
    for part in model:
        x = part(x)
        if isinstance(part, nn.Linear):
            x.retain_grad()
            z.append(x)
        else:
            h.append(x)
    F.cross_entropy(x, y).backward()
    return np.array([t.grad.norm().item() for t in z]), z, h


@pytest.mark.parametrize("kind", KINDS)
def test_each_patient_has_its_illness(kind):
    for seed in range(8):
        model = patient(kind, np.random.default_rng(seed))
        rng = np.random.default_rng(100 + seed)
        delta, z, h = heard(model, rng)
        ratio = delta[0] / delta[-1]
        off = [(t <= 0).all(0).double().mean().item() for t in h if isinstance(model[1], nn.ReLU)]
        flat = [min((1 - t**2).abs().max().item(), (t * (1 - t)).abs().max().item()) for t in h]
        assert 14 <= len(z) <= 20
        assert (max(off, default=0) > 0.9) == (kind == "dead")
        assert (ratio > 1000) == (kind == "exploding")
        assert (1e-2 < ratio < 1e2) == (kind == "healthy") or kind == "dead"
        if kind == "vanishing":
            assert ratio < 1e-5
            assert max(flat) > 0.1 or max(off) < 0.6
        if kind == "saturated":
            assert max(flat) < 0.2


def test_recording_is_what_autograd_hears():
    model = patient("vanishing", np.random.default_rng(3))
    delta, z, _ = heard(model, np.random.default_rng(4))
    seen = recording(model, np.random.default_rng(4))
    np.testing.assert_allclose(seen["delta"], delta, rtol=1e-9)
    np.testing.assert_allclose(seen["rms"], [t.square().mean().sqrt().item() for t in z], rtol=1e-9)
    assert set(seen) == {"delta", "rms", "saturated", "dead"}
    assert all(np.isfinite(values).all() for values in seen.values())


def test_borderline_recordings_lie_next_to_the_thresholds():
    for seed in range(20):
        ward = borderline(np.random.default_rng(seed))
        assert sorted(illness for _, illness in ward) == sorted(
            ["healthy"] * 4 + ["dead"] * 2 + ["vanishing", "exploding"]
        )
        for seen, illness in ward:
            growth = seen["delta"][0] / seen["delta"][-1]
            assert (max(seen["dead"]) >= DEAD) == (illness == "dead")
            assert np.mean(seen["saturated"]) <= SATURATED or illness == "dead"
            assert (growth < VANISHED) == (illness == "vanishing")
            assert (growth > EXPLODED) == (illness == "exploding")
            assert max(*seen["saturated"], *seen["dead"]) <= 1


def test_unknown_illness():
    with pytest.raises(ValueError, match="kind must be one of dead, saturated"):
        patient("tired", np.random.default_rng(0))


def test_stack_has_the_asked_for_weights():
    model = stack(5, 400, nn.Tanh, 1.5, np.random.default_rng(1))
    assert [part.weight.shape for part in model[::2]] == [(400, 64), *[(400, 400)] * 3, (10, 400)]
    assert model[2].weight.std().item() == pytest.approx(1.5 / 20, rel=0.02)
    assert all((part.bias == 0).all() for part in model[::2])


def test_tangle_repeats_its_loop_with_tiny_gradients():
    for seed in range(10):
        rng, calls = np.random.default_rng(seed), []
        model = Tangle(3, rng)
        model.loop.register_forward_hook(lambda m, a, out, calls=calls: calls.append(out) or out.retain_grad())
        x = torch.tensor(rng.integers(-3, 4, size=(6, 5)), dtype=torch.float32)
        model(x).sum().backward()
        assert len(calls) == 3
        assert 0 < calls[2].grad.double().norm() < 1e-20
        exact = Tangle(3, np.random.default_rng(seed)).double()
        exact(x.double()).sum().backward()
        for (name, ours), judge in zip(model.named_parameters(), exact.parameters(), strict=True):
            if name.split(".")[0] in ("aside", "spare"):
                assert ours.grad is None
            else:
                assert torch.equal(ours.grad.double(), judge.grad)  # nothing was rounded


def test_a_tidied_recorder_says_how_many_hooks_it_left():
    def careless(model, x):
        model[0].register_forward_hook(lambda *_: None)
        return {"0": 1.0}

    model = nn.Sequential(nn.Linear(1, 1))
    assert tidied(careless)(model, torch.ones(1, 1)) == {"0": 1.0, "hooks left behind": 1}
    assert tidied(lambda model, x: {})(nn.Linear(1, 1), torch.ones(1, 1)) == {"hooks left behind": 0}

    def unwritten(model, x): ...

    assert tidied(unwritten) is unwritten


def test_trial_trains_and_counts():
    torch.manual_seed(0)
    good = Digits(4, phi="tanh")
    seen = trial(good, torch.optim.Adam(good.parameters(), lr=3e-3))
    assert seen["accuracy"] > 0.8
    assert seen["hearing"] == 4
    assert 0.1 < seen["ratio"] < 10
    assert good.layers[0].weight.dtype == torch.float64
    sick = Digits(20)
    seen = trial(sick, torch.optim.SGD(sick.parameters(), lr=0.1))
    assert seen["accuracy"] < 0.2
    assert seen["ratio"] < 1e-11
    deaf = nn.Sequential(nn.Linear(64, 10)).requires_grad_(False).append(nn.Softplus())
    deaf.append(nn.Identity())
    free = nn.Parameter(torch.zeros(1))
    deaf.register_parameter("free", free)
    deaf.forward = lambda x: x[:, :10] + free
    assert trial(deaf, torch.optim.SGD([free], lr=0.1)) == pytest.approx(
        {"accuracy": 0.1, "hearing": 0, "ratio": 0}, abs=0.1
    )


def test_treatment_is_the_trial_of_what_was_prescribed():
    torch.manual_seed(3)
    model = Digits(6, "relu", "He", nn.BatchNorm1d, True)
    by_hand = trial(model, torch.optim.Adam(model.parameters(), lr=0.002), seed=3)
    given = {"phi": "relu", "weights": "He", "norm": "batch", "residual": True, "optimizer": "Adam", "rate": 0.002}
    assert treated(given, 6, seed=3) == by_hand
    torch.manual_seed(3)
    sick = Digits(6)
    untreated = trial(sick, torch.optim.SGD(sick.parameters(), lr=0.1, momentum=0.9), seed=3)
    assert treated({}, 6, seed=3) == untreated


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"phi": "Tanh"}, "phi must be one of 'sigmoid', 'tanh', 'relu', not 'Tanh'"),
        ({"activation": "tanh"}, "'activation' is none of phi, weights, norm, residual, optimizer, rate"),
        ([1], "a prescription is a dict, not list"),
        ({"rate": "fast"}, "rate, the step size, must be a number above 0, not 'fast'"),
        ({"rate": 0}, "must be a number above 0, not 0"),
    ],
)
def test_prescriptions_that_cannot_be_filled(given, says):
    with pytest.raises(ValueError, match=says):
        treated(given, 3)
