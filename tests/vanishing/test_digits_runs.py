"""The stored study of remedies: parts of it made again, and its rules for when to make it anew."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vanishing import digits_runs
from vanishing.digits_runs import REMEDIES, SETTINGS, TRAIN, Digits, described, judged, load, profile, save, training
from vanishing.trials import digits

RUNS = load()
SEEDS = range(SETTINGS["seeds"])


def first_gradients(remedy, depth, seed):
    """log10 of the gradient in each weight matrix before the first step, by torch alone."""
    options = {key: value for key, value in REMEDIES[remedy].items() if key in ("phi", "weights", "norm", "residual")}
    x, y, _, _ = digits()
    torch.manual_seed(seed)
    model = Digits(depth, **options)
    batch = torch.randperm(TRAIN)[:100]
    z, y = model(x[batch].float()), y[batch]
    if "loss" in REMEDIES[remedy]:
        ((z.softmax(1) - F.one_hot(y, 10)) ** 2).sum(1).mean().backward()
    else:
        F.cross_entropy(z, y).backward()
    return [layer.weight.grad.double().norm().log10().item() for layer in model.layers]


def test_the_study_is_complete():
    assert list(RUNS["study"]) == list(REMEDIES)
    for table in RUNS["study"].values():
        assert list(table) == [str(depth) for depth in SETTINGS["depths"]]
        for depth, row in table.items():
            assert len(row["accuracy"]) == len(row["loss"]) == SETTINGS["seeds"]
            for field in ("gradient", "delta", "update"):
                assert np.shape(row[field]) == (SETTINGS["epochs"] // SETTINGS["every"], int(depth))


@pytest.mark.parametrize("remedy", REMEDIES)
def test_stored_gradients_before_the_first_step(remedy):
    for depth in SETTINGS["depths"]:
        again = np.mean([first_gradients(remedy, depth, seed) for seed in SEEDS], axis=0)
        np.testing.assert_allclose(RUNS["study"][remedy][str(depth)]["gradient"][0], again, atol=0.011)


@pytest.mark.parametrize(("remedy", "field"), [("tanh", "gradient"), ("all together", "delta"), ("Adam", "update")])
def test_two_epochs_of_training_are_what_is_stored(remedy, field):
    stored, logs = RUNS["study"][remedy]["3"], []
    for seed in SEEDS:
        *_, (_, listener) = training(remedy, 3, stored["rate"], seed, epochs=3, every=2)
        logs.append(np.log10(profile(listener, field)[1]))
    np.testing.assert_allclose(stored[field][1], np.mean(logs, axis=0), atol=0.03)


def test_a_whole_training_run_gives_the_stored_accuracy():
    stored = RUNS["study"]["tanh"]["3"]
    *_, (model, _) = training("tanh", 3, stored["rate"], seed=1)
    loss, right = judged(model)
    assert right == pytest.approx(stored["accuracy"][1], abs=0.01)
    assert loss == pytest.approx(stored["loss"][1], rel=0.1)


def test_epsilon_is_adams():
    *_, (_, listener) = training("Adam", 3, 0.001, epochs=1, eps=1e6)
    assert 0 < np.nanmax(listener.series("update")) < 1e-6


def test_padded_tables():
    table, which = digits_runs.padded(RUNS, "delta"), list(REMEDIES).index("batch norm")
    assert table.shape == (len(REMEDIES), 4, 15, 20)
    np.testing.assert_array_equal(table[which, 1, 3, :5], RUNS["study"]["batch norm"]["5"]["delta"][3])
    assert np.isnan(table[:, 1, :, 5:]).all()
    assert np.isfinite(table[which]).sum() == 15 * (3 + 5 + 10 + 20)


def test_weights_have_the_variance_of_their_rule():
    torch.manual_seed(0)
    for rule, variance in (("Xavier", 2 / 1200), ("He", 2 / 600), ("default", 1 / 1800)):
        layer = Digits(3, weights=rule, width=600).layers[1]
        assert layer.weight.var().item() == pytest.approx(variance, rel=0.02)


def test_residual_and_normalised_networks():
    torch.manual_seed(0)
    x = torch.randn(7, 64)
    model = Digits(4, norm=nn.LayerNorm, residual=True, phi="tanh")
    h = torch.tanh(model.norms[0](model.layers[0](x)))
    for k in (1, 2):
        h = h + torch.tanh(model.norms[k](model.layers[k](h))) / 2
    torch.testing.assert_close(model(x), model.layers[3](h))


def test_a_broken_run_counts_as_infinite():
    model = Digits(3)
    nn.init.constant_(model.layers[2].bias, math.nan)
    assert judged(model)[0] == math.inf
    assert model.training


def test_results_are_made_again_only_if_need_be(tmp_path, monkeypatch):
    path, made = tmp_path / "runs.json", []
    small = {
        "depths": [3],
        "epochs": 2,
        "every": 1,
        "seeds": 2,
        "trial": 1,
        "long": {"epochs": 2, "every": 1, "runs": {"plain": {"remedy": "cross-entropy", "depth": 3, "rate": 0.1}}},
    }
    monkeypatch.setattr(digits_runs, "SETTINGS", small)
    remedies = {name: REMEDIES[name] for name in ("cross-entropy", "batch norm")}
    monkeypatch.setattr(digits_runs, "REMEDIES", remedies)

    def make():
        made.append(1)
        results = digits_runs.study(small, remedies, progress=iter)
        return {"settings": described(), "study": results, "long": digits_runs.long_runs(small)}

    monkeypatch.setattr(digits_runs, "make", make)
    fresh = load(path)
    assert made == [1]
    assert load(path) == fresh == json.loads(path.read_text())
    assert made == [1]
    assert fresh["study"]["batch norm"]["3"]["rate"] in digits_runs.SGD
    assert np.shape(fresh["long"]["plain"]["gradient"]) == (2, 3)
    monkeypatch.setitem(small, "epochs", 3)
    assert np.shape(load(path)["study"]["cross-entropy"]["3"]["delta"]) == (3, 3)
    path.write_text("{}")
    load(path)
    assert made == [1, 1, 1]


def test_an_installation_that_cannot_be_written_to_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr(digits_runs, "make", lambda: {"settings": {}, "study": {}, "long": {}})
    assert load(tmp_path / "missing" / "runs.json") == {"settings": {}, "study": {}, "long": {}}


def test_stored_text_has_a_line_for_each_network(tmp_path):
    save(RUNS, tmp_path / "runs.json")
    text = (tmp_path / "runs.json").read_text()
    assert json.loads(text) == RUNS
    assert text == digits_runs.PATH.read_text("utf-8")
    assert len(text.splitlines()) > 40
