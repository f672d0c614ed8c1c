"""The patients of lesson 19: ill as they should be, cured by what cures them, and judged by values."""

import math

import numpy as np
import pytest
import torch

from vanishing.clinic import (
    ANNEX,
    LETTERS,
    WARDS,
    WELL,
    ShortAdam,
    Skip,
    admit,
    bounds,
    changes,
    curvature,
    decades,
    examine,
    illness,
    landscape,
    outcome,
    profile,
    train,
    treat,
    visits,
)
from vanishing.landscapes import hessian, layer_gradients

LETTER = {illness(letter): letter for letter in LETTERS}
ILL = [name for name in WARDS if name != WELL]


def standardised(patient):
    return {"shift": patient.x.mean(0), "scale": patient.x.std(0)}


def quiet(patient):
    inner = [w for w in patient.model.parameters() if w.dim() == 2 and w.shape[0] == w.shape[1]]
    return {"skip": 1 / math.sqrt(len(inner))}


CURES = {
    "unscaled inputs": standardised,
    "squared error behind a sigmoid": lambda patient: {"head": None, "loss": "binary cross-entropy"},
    "exploding loop": lambda patient: {"weights": "Xavier", "clip": 1.0},
    "residual branches without a scale": lambda patient: {"norm": "batch"},
    "too narrow for its depth": quiet,
    "silent critic": lambda patient: {"loss": "Wasserstein"},
    WELL: lambda patient: {},
}


def test_every_illness_has_one_letter():
    assert sorted(LETTER) == sorted(WARDS)


@pytest.mark.parametrize("letter", ["J", "", "AB", "HI", "a"])
def test_unknown_letter(letter):
    with pytest.raises(ValueError, match="There are patients A, B"):
        admit(letter)


@pytest.mark.parametrize("letter", LETTERS + ANNEX)
def test_a_patient_is_the_same_each_time_and_another_is_not(letter):
    one, same, other = admit(letter), admit(letter), admit(letter, np.random.default_rng(1))
    for w, v in zip(one.model.parameters(), same.model.parameters(), strict=True):
        assert torch.equal(w, v)
        assert w.dtype == torch.float64
    assert any(not torch.equal(w, v) for w, v in zip(one.model.parameters(), other.model.parameters(), strict=True))
    assert repr(one) == f"Patient {letter}"


@pytest.mark.parametrize("name", ILL)
def test_who_is_ill_stays_ill_untreated(name):
    assert visits(lambda patient: {}, LETTER[name], seeds=3) == 0


@pytest.mark.parametrize("name", WARDS)
def test_a_cure_works_for_several_individuals(name):
    assert visits(CURES[name], LETTER[name], seeds=3) == 3


@pytest.mark.parametrize(
    ("name", "prescription"),
    [
        ("residual branches without a scale", {"skip": 0.0}),  # an amputation
        ("residual branches without a scale", {"skip": 1e-5}),
        ("residual branches without a scale", {"skip": 0.2, "clip": 1.0}),  # more than the smallest change
        ("squared error behind a sigmoid", {"optimizer": "Adam", "rate": 0.01}),  # the illness is as it was
    ],
)
def test_what_scores_is_not_always_a_cure(name, prescription):
    letter = LETTER[name]
    assert outcome(prescription, admit(letter, np.random.default_rng(0)))["score"] > 0.8
    assert visits(lambda patient: prescription, letter, seeds=2) == 0


def test_who_is_well_is_not_to_be_touched():
    assert visits(lambda patient: {"clip": 100.0}, LETTER[WELL], seeds=1) == 0


def test_naming_the_optimiser_does_not_hide_another_rate():
    patient = admit(LETTER[WELL])
    assert changes(patient, {"optimizer": "Adam", "rate": patient.rate}) == []
    assert changes(patient, {"optimizer": "Adam", "rate": patient.rate / 2}) == ["rate down"]
    assert visits(lambda patient: {"optimizer": "Adam", "rate": 0.9 * patient.rate}, LETTER[WELL], seeds=1) == 0


@pytest.mark.parametrize("name", ["too narrow for its depth", "residual branches without a scale", WELL])
@pytest.mark.parametrize("prescription", [{}, {"skip": 0.2}, {"width": 100}, {"norm": "layer"}])
def test_visits_count_what_is_within_bounds(name, prescription):
    letter, right = LETTER[name], 0
    for seed in range(2):
        found = outcome(prescription, admit(letter, np.random.default_rng(seed)))
        bound = {
            key: (-math.inf if low is None else low, math.inf if high is None else high)
            for key, (low, high) in bounds(letter).items()
        }
        right += all(low <= found[key] <= high for key, (low, high) in bound.items())
    assert visits(lambda patient: prescription, letter, seeds=2) == right


def test_an_open_exercise_is_no_visit():
    assert visits(lambda patient: None, "A") is None


def test_the_outcome_is_the_same_each_time():
    letter = LETTER["squared error behind a sigmoid"]
    first, again = (outcome({"norm": "batch"}, admit(letter)) for _ in range(2))
    assert first == again
    assert first["changed"] == ["norm batch"]
    assert first["size"] > 1


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("unscaled inputs", -4, -4),
        ("squared error behind a sigmoid", -1, 0),
        ("exploding loop", 3, 3),
        ("residual branches without a scale", 2, 3),
        ("too narrow for its depth", -4, -4),
        (WELL, -1, 0),
    ],
)
def test_decades_of_the_gradient_are_those_of_autograd(name, low, high):
    patient = admit(LETTER[name])
    assert low <= decades(patient) <= high


def test_decades_agree_with_gradients_taken_by_hand():
    patient, layers = admit(LETTER[WELL]), []
    rows = torch.randint(len(patient.x), (patient.batch,), generator=torch.Generator().manual_seed(0))
    h = patient.x[rows]
    for part in patient.model:
        h = part(h)
        if isinstance(part, torch.nn.Linear):
            layers.append(h)
    sizes = [float(g.norm()) for g in torch.autograd.grad(patient.criterion(h, patient.y[rows]), layers)]
    assert decades(patient) == pytest.approx(math.log10(sizes[0] / sizes[-1]), rel=1e-9)
    assert profile(examine(patient))["delta"] == pytest.approx(sizes, rel=1e-9)


def test_examining_leaves_a_patient_as_it_is():
    patient = admit(LETTER[WELL])
    before = [w.detach().clone() for w in patient.model.parameters()]
    examine(patient, steps=3)
    assert all(torch.equal(w, v) for w, v in zip(before, patient.model.parameters(), strict=True))


def test_training_takes_the_steps_of_the_budget_and_learns():
    patient = admit(LETTER[WELL])
    assert len(train(patient, 2)) == 2
    losses = train(patient)
    assert len(losses) == patient.steps
    assert losses[-1] < 0.5 * losses[0]


def test_a_loop_is_laid_out_in_time():
    patient = admit(LETTER["exploding loop"])
    seen = profile(examine(patient))
    assert all(values.shape == (patient.x.shape[1],) for values in seen.values())
    assert seen["delta"][0] > 1e4 * seen["delta"][-1]


def test_dead_and_saturated_units_are_seen():
    assert profile(examine(admit(LETTER["too narrow for its depth"])))["flat"][:-1].max() == 1
    assert profile(examine(admit(LETTER["unscaled inputs"])))["flat"][0] > 0.9


def test_a_landscape_gives_the_gradients_of_training():
    patient = admit(LETTER["squared error behind a sigmoid"])
    loss, layers, eta = landscape(patient)
    patient.criterion(patient.model(patient.x[:50]), patient.y[:50]).backward()
    for g, layer in zip(layer_gradients(loss, layers), [0, 2, 4], strict=True):
        assert torch.allclose(g, patient.model[layer].weight.grad, rtol=1e-9, atol=0)
    assert eta == patient.rate


@pytest.mark.parametrize("letter", LETTERS)
def test_layer_1_has_vanished_or_its_curvature_has_both_signs(letter):
    loss, layers, _ = landscape(admit(letter))
    sizes = [float(g.norm()) for g in layer_gradients(loss, layers)]
    if illness(letter) in ("unscaled inputs", "too narrow for its depth"):
        assert sizes[0] == 0
        return
    assert sizes[0] > 1e-3 * np.linalg.norm(sizes)
    eigenvalues = torch.linalg.eigvalsh(hessian(lambda first: loss([first, *layers[1:]]), layers[0]))
    assert eigenvalues[0] < -0.01 * eigenvalues.abs().max()


def test_curvature_is_the_largest_eigenvalue():
    A = torch.tensor(np.random.default_rng(0).normal(size=(6, 6)))
    A = A @ A.T
    found = curvature(
        lambda layers: layers[0].flatten() @ A @ layers[0].flatten() / 2, [torch.ones(2, 3).double()], 400
    )
    assert found == pytest.approx(float(torch.linalg.eigvalsh(A)[-1]), rel=1e-6)


def test_curvature_of_a_plane_is_zero():
    assert curvature(lambda layers: (0 * layers[0] ** 2).sum(), [torch.ones(2, 2).double()]) == 0


def test_a_skip_is_a_sum():
    h = torch.ones(3, 2)
    assert torch.equal(Skip(torch.nn.Identity(), 0.5)(h), 1.5 * h)
    assert "scale=0.5" in repr(Skip(torch.nn.Identity(), 0.5))


def test_weights_stay_what_they_were_unless_they_are_changed():
    patient = admit(LETTER["residual branches without a scale"])
    same, half = treat(patient, {"skip": 0.1}), treat(patient, {"weights": 0.5})
    for w, v, u in zip(*(each.model.parameters() for each in (patient, same, half)), strict=True):
        assert torch.equal(w, v)
        assert torch.allclose(u, 0.5 * w if w.dim() == 2 and w.shape[0] == w.shape[1] else w)


def test_orthogonal_weights_are_orthogonal():
    W = treat(admit(LETTER["exploding loop"]), {"weights": "orthogonal"}).model.rnn.weight_hh_l0
    assert torch.allclose(W @ W.T, torch.eye(len(W)).double(), atol=1e-12)


@pytest.mark.parametrize(("phi", "gain"), [("Xavier", 1.0), ("He", math.sqrt(2))])
def test_weights_drawn_by_a_rule_have_its_deviation(phi, gain):
    W = treat(admit(LETTER["exploding loop"]), {"weights": phi, "width": 200}).model.rnn.weight_hh_l0
    assert float(W.detach().std()) * math.sqrt(200) == pytest.approx(gain, rel=0.02)


def test_every_setting_can_be_prescribed():
    plain = admit(LETTER["squared error behind a sigmoid"])
    found = outcome({"norm": "layer", "phi": "leaky relu", "skip": 0.3, "width": 16, "depth": 5, "readout": 0.5}, plain)
    assert found["changes"] == 5  # width and depth count as one
    loop = admit(LETTER["exploding loop"])
    assert outcome({"cell": "GRU", "window": 5, "optimizer": "Adam", "rate": 1e-3}, loop)["changed"] == [
        "cell GRU",
        "window",
        "optimizer Adam",
    ]
    critic = admit(LETTER["silent critic"])
    trained = treat(critic, {"critic": "trained"})
    assert all(w.requires_grad for w in trained.model.parameters())
    assert not all(w.requires_grad for w in critic.model.parameters())
    assert outcome({"scale": 2.0, "loss": "squared error"}, critic)["score"] == 0


def test_what_changes_is_told_in_words():
    patient = admit(LETTER["unscaled inputs"])
    assert changes(patient, {}) == []
    assert changes(patient, {"rate": patient.rate, "clip": None, "shift": 0.0}) == []
    assert changes(patient, {"rate": 2 * patient.rate, "clip": 1.0}) == ["rate up", "clip"]
    assert changes(patient, {"shift": patient.x.mean(0), "scale": 3.0}) == ["shift", "scale as one"]
    assert changes(patient, {"loss": "squared error", "times": 0.5}) == ["loss squared error", "times down"]


@pytest.mark.parametrize(
    ("name", "prescription", "says"),
    [
        (WELL, "rest", "A prescription is a dict of settings, not str"),
        (WELL, {"lr": 0.1}, "There is no setting 'lr'"),
        (WELL, {"own": {}}, "There is no setting 'own'"),
        (WELL, {"cell": "LSTM"}, "cell is a setting of recurrent networks only"),
        ("exploding loop", {"skip": 0.1}, "skip is not a setting of a recurrent network"),
        ("exploding loop", {"phi": "sigmoid"}, "phi is one of 'tanh', 'relu', not 'sigmoid'"),
        (WELL, {"loss": "non-saturating"}, "loss is one of 'cross-entropy'"),
        ("silent critic", {"loss": "cross-entropy"}, "loss is one of 'saturating'"),
        (WELL, {"norm": []}, "norm is one of None"),
        (WELL, {"weights": "he"}, "weights is one of 'Xavier'"),
        (WELL, {"rate": None}, "rate is a number, not None"),
        (WELL, {"rate": "fast"}, "rate is a number, not 'fast'"),
        (WELL, {"rate": -1.0}, "rate must be above 0, not -1.0"),
        (WELL, {"rate": math.nan}, "rate must be finite"),
        (WELL, {"rate": [0.1, 0.2]}, "rate is one number, not an array"),
        (WELL, {"scale": np.zeros(64)}, "scale must not be 0"),
        (WELL, {"width": 2.5}, "width is a whole number from 1 to 500, not 2.5"),
        (WELL, {"depth": 1000}, "depth is a whole number from 2 to 100, not 1000"),
        (WELL, {"shift": np.zeros(63)}, r"shift has the shape \(63,\), which does not fit examples of shape \(64,\)"),
        (WELL, {"scale": np.ones((500, 1))}, "scale has the shape"),
        (WELL, {"rate": torch.ones(1, requires_grad=True)}, "rate is a number"),
    ],
)
def test_what_cannot_be_prescribed_is_one_sentence(name, prescription, says):
    with pytest.raises(ValueError, match=says):
        treat(admit(LETTER[name]), prescription)


def test_bounds_ask_more_of_the_sick():
    assert set(bounds(LETTER[WELL])) == {"changes"}
    assert set(bounds(LETTER["silent critic"])) == {"score", "decades", "quietest", "size", "changes"}


LATER = {  # of today's networks: cures, and what looks like one
    "H": ([{"qk": "norm"}, {"rate": 0.01}], [{}, {"clip": 1.0}]),
    "I": ([{"rate": 0.0025}], [{}, {"clip": 1.0}, {"norm": "layer"}, {"width": 32}]),
    "K": ([{"memory": "float32"}, {"memory": "bfloat16"}, {"times": 1.0e4}], [{}, {"rate": 5e-4}, {"clip": 1.0}]),
}


@pytest.mark.parametrize("letter", ANNEX)
def test_a_later_patient_is_cured_by_what_cures_it(letter):
    cures, others = LATER[letter]
    assert [visits(lambda patient, c=c: c, letter, seeds=2) for c in cures] == [2] * len(cures)
    assert [visits(lambda patient, c=c: c, letter, seeds=2) for c in others] == [0] * len(others)


@pytest.mark.parametrize(
    ("letter", "prescription", "text"),
    [
        ("H", {"norm": "batch"}, "not a setting of this network with attention"),
        ("H", {"qk": "layer"}, "is one of None, 'norm'"),
        ("I", {"qk": "norm"}, "networks with attention only"),
        ("K", {"memory": "float8"}, "is one of 'float64'"),
    ],
)
def test_later_patients_refuse_what_they_have_not(letter, prescription, text):
    with pytest.raises(ValueError, match=text):
        treat(admit(letter), prescription)


def test_adam_with_a_long_memory_is_adam():
    patients = [admit(LETTER[WELL]) for _ in range(2)]
    optimizers = [
        torch.optim.Adam(patients[0].model.parameters(), lr=0.01),
        ShortAdam(patients[1].model.parameters(), 0.01, torch.float64),
    ]
    for patient, optimizer in zip(patients, optimizers, strict=True):
        for _ in range(5):
            optimizer.zero_grad()
            patient.criterion(patient.model(patient.x[:20]), patient.y[:20]).backward()
            optimizer.step()
    for w, v in zip(*(each.model.parameters() for each in patients), strict=True):
        assert torch.allclose(w, v, rtol=1e-9, atol=1e-12)


def test_a_short_memory_holds_no_small_squares():
    w = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = ShortAdam([w], 0.1, torch.float16)
    w.grad = torch.tensor([1e-3, 1.0], dtype=torch.float64)
    assert optimizer.step(lambda: 7.0) == 7.0
    assert optimizer.state[w]["exp_avg_sq"].tolist() == [0.0, pytest.approx(1e-3, rel=1e-3)]
    assert w.tolist() == [pytest.approx(-0.1 * 1e-3 / 1e-8, rel=1e-3), pytest.approx(-0.1, rel=1e-3)]
