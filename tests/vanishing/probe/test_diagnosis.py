"""Findings on networks that are sick by construction, and silence on healthy ones."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vanishing.probe import probe
from vanishing.probe.diagnosis import Finding, _Ways, examine, layers_of, names_of
from vanishing.probe.readings import Row
from vanishing.trials import digits

QUIET = {"loss": math.nan, "source": math.nan, "head": math.nan, "last": 0}


def images(n=128):
    x, y, _, _ = digits()
    return x[:n].float(), y[:n]


def mlp(depth, width, phi, gain, bias=0.0, mean=False):
    """Hidden weights of variance gain²/n_in, or with `mean` gain²/((n_in + n_out) / 2)."""
    widths, parts = [64] + [width] * (depth - 1) + [10], []
    for a, b in itertools.pairwise(widths):
        layer = nn.Linear(a, b)
        nn.init.normal_(layer.weight, std=gain * ((a + b) / 2 if mean else a) ** -0.5)
        nn.init.constant_(layer.bias, bias)
        parts += [layer, phi()]
    return nn.Sequential(*parts[:-1])


class Residual(nn.Module):
    """Blocks h + scale · W ReLU(h) with He's weights."""

    def __init__(self, depth, scale, width=64):
        super().__init__()
        self.stem, self.head, self.scale = nn.Linear(64, width), nn.Linear(width, 10), scale
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        for block in self.blocks:
            nn.init.kaiming_normal_(block.weight, nonlinearity="relu")

    def forward(self, x):
        h = self.stem(x)
        for block in self.blocks:
            h = h + self.scale * block(torch.relu(h))
        return self.head(h)


class Recurrent(nn.Module):
    """A tanh network over time, judged by its last state."""

    def __init__(self, gain, steps, width=64):
        super().__init__()
        self.rnn, self.head = nn.RNN(8, width, batch_first=True), nn.Linear(width, 10)
        nn.init.normal_(self.rnn.weight_hh_l0, std=gain * width**-0.5)
        self.steps = steps

    def forward(self, x):
        return self.head(self.rnn(torch.randn(len(x), self.steps, 8))[0][:, -1])


def sure_sigmoids():
    """Outputs that are all near one, whatever comes in."""
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Sigmoid())
    nn.init.constant_(model[2].bias, 12.0)
    return model


def squared(out, y):
    return F.mse_loss(out, F.one_hot(y, 10).float())


def entropy_of_sigmoids(out, y):
    return F.binary_cross_entropy(out, F.one_hot(y, 10).float())


SICK = {  # name: (network, loss, unit of the inputs, kinds, words)
    "sigmoid stack": (
        lambda: mlp(20, 64, nn.Sigmoid, 1, mean=True),
        F.cross_entropy,
        1,
        "vanishing",
        "a quarter at most",
    ),
    "large weights": (lambda: mlp(20, 64, nn.Tanh, 5), F.cross_entropy, 1, "exploding", "weights too large"),
    "residual without scale": (lambda: Residual(30, 1), F.cross_entropy, 1, "exploding", "branches without a scale"),
    "dead units": (lambda: mlp(6, 64, nn.ReLU, 2**0.5, -3), F.cross_entropy, 1, "dead", "off for every sample"),
    "unscaled inputs": (lambda: mlp(3, 64, nn.Tanh, 1), F.cross_entropy, 2000, "saturated", "scale them"),
    "narrow and deep": (
        lambda: mlp(60, 5, nn.ReLU, 2**0.5),
        F.cross_entropy,
        1,
        "vanishing",
        "narrow for their number",
    ),
    "silent loss": (sure_sigmoids, squared, 1, "silent loss", "hardly hears"),
    "recurrent explosion": (
        lambda: Recurrent(3, 100),
        F.cross_entropy,
        1,
        "exploding in time",
        "bound its recurrent weights",
    ),
    "recurrent whisper": (lambda: Recurrent(0.5, 50), F.cross_entropy, 1, "vanishing in time", "the beginning"),
    "small weights": (lambda: mlp(20, 64, nn.ReLU, 0.4), F.cross_entropy, 1, "vanishing", "weights too small"),
    "weights as torch draws them": (
        lambda: nn.Sequential(*(m for _ in range(15) for m in (nn.Linear(64, 64), nn.ReLU())), nn.Linear(64, 10)),
        F.cross_entropy,
        1,
        "vanishing",
        "per layer; start with He's weights",
    ),
    "saturated stack": (lambda: mlp(12, 64, nn.Sigmoid, 1, 8), F.cross_entropy, 1, "vanishing", "saturated sigmoid"),
}
HEALTHY = {
    "He": (lambda: mlp(20, 64, nn.ReLU, 2**0.5), F.cross_entropy, 1),
    "tanh": (lambda: mlp(20, 64, nn.Tanh, 1, mean=True), F.cross_entropy, 1),
    "residual with scale": (lambda: Residual(40, 40**-0.5), F.cross_entropy, 1),
    "recurrent": (lambda: Recurrent(1, 20), F.cross_entropy, 1),
    "saturated, with the loss that pays for it": (sure_sigmoids, entropy_of_sigmoids, 1),
}


def examined(network, loss, unit, seed):
    torch.manual_seed(seed)
    model, (x, y) = network(), images()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    with probe(model) as p:
        loss(model(unit * x), y).backward()
        optimizer.step()
    return p


@pytest.mark.parametrize("name", SICK)
def test_sick_networks_are_told_apart(name):
    network, loss, unit, kind, words = SICK[name]
    for seed in range(5):
        findings = examined(network, loss, unit, seed).findings()
        assert kind in [finding.kind for finding in findings]
        assert any(words in finding for finding in findings), findings
        others = {"vanishing", "exploding", "exploding in time", "vanishing in time", "silent loss"} - {kind}
        assert not others & {finding.kind for finding in findings} or name == "dead units"


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_networks_raise_no_alarm(name):
    for seed in range(5):
        findings = examined(*HEALTHY[name], seed).findings()
        assert findings == [] or (name.startswith("saturated") and {f.kind for f in findings} <= {"fast"})


def conv():
    """A small convolutional network with batch norm."""
    norm = [nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3), *norm, nn.Flatten(), nn.Linear(144, 10))


@pytest.mark.parametrize("network", [conv, lambda: mlp(3, 64, nn.Sigmoid, 1), lambda: mlp(5, 64, nn.Tanh, 1)])
def test_no_alarm_all_the_way_through_training(network):
    torch.manual_seed(0)
    model, (x, y) = network(), images(1000)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    with probe(model, every=10) as p:
        for step in range(120):
            batch = torch.arange(100) + 100 * (step % 10)
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    assert (model.eval()(x).argmax(1) == y).double().mean() > 0.9
    assert [p.findings(k) for k in range(12)] == [[]] * 12


def test_a_network_that_has_learnt_with_saturated_outputs_is_not_silent():
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Sigmoid()), images()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        squared(model(x), y).backward()
        optimizer.step()
    with probe(model) as p:
        squared(model(x), y).backward()
    assert p.rows()[-1].saturated > 0.5
    assert "silent loss" not in [finding.kind for finding in p.findings()]


# Single rules


def rows(deltas, **fields):
    return [
        Row(k, f"layer{k}", "Linear", gradient=d, delta=d, rms=1.0, **fields) for k, d in enumerate(deltas, start=1)
    ]


def test_a_finding_is_a_sentence_with_a_kind():
    (finding,) = examine(rows([1e-8, 1e-7, 1e-2, 1.0]), QUIET)
    assert isinstance(finding, (str, Finding))
    assert (finding.kind, finding.layers) == ("vanishing", (1, 2))
    assert finding.startswith(
        "Layers 1-2 (layer1 … layer2) receive less than 10⁻⁶ of the last layer's gradient: a factor"
    )


def test_numbers_of_layers_are_told_in_ranges():
    some = rows([1e-8, 1e-7, 1e-2, 1e-9, 1.0, 1e-8, 1.0])
    ways = [(), (1,), (), (2,), (3,), (4,), (5, 6)]
    some = [dataclasses.replace(row, parents=way) for row, way in zip(some, ways, strict=True)]
    (finding,) = examine(some, QUIET)
    assert finding.startswith("Layers 1-2, 4, 6 (layer1 … layer6) receive less than 10⁻⁶")


def test_a_faint_branch_beside_a_sound_one_is_not_ill():
    """Query and key, or a branch that starts small: what they read hears well by another way."""
    some = rows([1.0, 1e-9, 1.0])
    ways = [(), (1,), (1, 2)]
    assert examine([dataclasses.replace(row, parents=way) for row, way in zip(some, ways, strict=True)], QUIET) == []


def test_layers_are_compared_with_the_heads_that_they_lead_to():
    trunk, policy, value = rows([1.0, 1e-6, 1.0])
    some = [trunk, dataclasses.replace(policy, parents=(1,)), dataclasses.replace(value, parents=(1,))]
    some[0] = dataclasses.replace(trunk, parents=())
    assert examine(some, QUIET) == []
    some[2] = dataclasses.replace(value, delta=1e-7, parents=(1,))
    assert [f.kind for f in examine(some, QUIET)] == ["exploding"]  # compared with the louder of its heads


def test_thresholds_are_where_they_are_said_to_be():
    assert examine(rows([1.01e-4, 1.0]), QUIET) == []
    assert [f.kind for f in examine(rows([0.99e-4, 1.0]), QUIET)] == ["vanishing"]
    assert examine(rows([99.0, 1.0]), QUIET) == []
    assert [f.kind for f in examine(rows([101.0, 1.0]), QUIET)] == ["exploding"]


def test_weights_gradients_stand_in_where_nothing_else_is_known():
    some = [Row(k, f"l{k}", "Linear", gradient=g) for k, g in ((1, 1e-9), (2, 1.0))]
    assert [f.kind for f in examine(some, QUIET)] == ["vanishing"]


def test_what_is_not_finite_is_all_that_is_said():
    some = rows([1e-8, 1.0, 1.0])
    some[1] = Row(2, "b", "Linear", overflow=True)
    (finding,) = examine(some, QUIET)
    assert (finding.kind, finding.layers) == ("not finite", (2,))
    (finding,) = examine(rows([1.0, 1.0]), {**QUIET, "loss": math.inf})
    assert finding.startswith("The loss is infinite, and all outputs are finite")
    model = nn.Linear(2, 2)
    with probe(model) as p:
        (model(torch.ones(1, 2)) / torch.zeros(2)).sum().backward()
    assert {f.kind for f in p.findings()} == {"not finite"}


def test_steps_that_are_too_large_or_lost():
    kinds = {f.kind: f for f in examine(rows([1.0, 1.0], update=0.3), QUIET)}
    assert list(kinds) == ["fast"]
    assert "0.3 times the weights" in kinds["fast"]
    kinds = {f.kind: f for f in examine(rows([1.0, 1.0], update=1e-9), QUIET)}
    assert list(kinds) == ["lost in rounding"]
    assert "6.0 × 10⁻⁸" in kinds["lost in rounding"]
    assert examine(rows([1.0, 1.0], update=1e-9, rounding=2**-53), QUIET) == []
    assert examine(rows([1.0, 1.0], update=1e-9, trainable=False), QUIET) == []


def test_an_explosion_is_not_blamed_on_the_step():
    assert [f.kind for f in examine(rows([1e6, 1.0], update=3.0), QUIET)] == ["exploding"]


def test_few_samples_do_not_make_a_unit_dead():
    assert examine(rows([1.0, 1.0], dead=1.0, phi="relu", samples=8), QUIET) == []
    (finding,) = examine(rows([1.0, 1.0], dead=1.0, phi="relu", samples=64), QUIET)
    assert finding.startswith("Layers 1-2 (layer1 … layer2): 100% of the ReLU units")


def test_the_head_may_be_saturated_where_its_loss_hears_it():
    some = rows([1.0, 1.0])
    some[1] = Row(2, "head", "Linear", gradient=1.0, delta=1.0, rms=9.0, phi="sigmoid", saturated=0.9)
    assert examine(some, {**QUIET, "last": 2, "loss": 1.0, "head": 1.0}) == []
    assert [f.kind for f in examine(some, {**QUIET, "last": 2, "loss": 1.0, "head": 0.01})] == ["silent loss"]
    assert examine(some, {**QUIET, "last": 2}) == []
    assert [f.kind for f in examine(some, QUIET)] == ["saturated"]


def test_trends_in_time_need_some_steps():
    times = (1e-9, 1e-7, 1e-5, 1e-3, 1.0, 0.0)
    assert examine(rows([1.0], times=times[:4]), QUIET) == []
    assert [f.kind for f in examine(rows([1.0], times=times), QUIET)] == ["vanishing in time"]
    assert [f.kind for f in examine(rows([1.0], times=times[4::-1]), QUIET)] == ["exploding in time"]
    assert examine(rows([1.0], times=(0.0,) * 6), QUIET) == []


def test_a_flat_loss_and_single_layers():
    assert [f.kind for f in examine(rows([0.0, 0.0]), QUIET)] == ["silent loss"]
    assert examine(rows([0.0, 0.0]), {**QUIET, "loss": 0.0}) == []
    assert examine(rows([1.0]), QUIET) == []
    assert examine([], QUIET) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["stem"], "stem"),
        (["0", "2", "4"], "0 … 4"),
        (["layer1", "layer2", "layer3"], "layer1 … layer3"),
        ([f"blocks.{k}.attn.q" for k in range(12)], "blocks.0–11.attn.q"),
        ([f"blocks.{k}.{part}" for k in (0, 1, 5) for part in ("q", "k")], "blocks.{0–1,5}.q, blocks.{0–1,5}.k"),
        ([f"blocks.{k}.{part}" for k in range(9) for part in "abcdef"], "blocks.0.a … blocks.8.f"),
        (["embed", *[f"blocks.{k}.q" for k in range(9)], "head"], "embed, blocks.0–8.q, head"),
    ],
)
def test_names_are_summed_up_by_blocks(names, told):
    assert names_of(names) == told


def test_a_finding_about_three_hundred_layers_is_short():
    rows = [Row(k, f"blocks.{k // 3}.{'qkv'[k % 3]}", "Linear") for k in range(300) if k % 3 != 2]
    assert layers_of(rows) == "200 of the layers 0-298 (blocks.0–99.q, blocks.0–99.k)"


def test_a_layer_below_a_gate_of_zero_is_unborn_by_whatever_way():
    rows = [Row(k, str(k), "Linear", parents=p, shut=k == 3) for k, p in ((1, ()), (2, (1,)), (3, (1, 2)), (4, (3,)))]
    assert [_Ways(rows).unborn(k) for k in (1, 2, 3, 4)] == [True, True, False, False]


def test_what_is_not_finite_begins_in_the_innermost_layer():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.first, self.second = nn.Parameter(torch.ones(4)), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.second(self.first(x).log()) * self.scale

    model = Outer()
    with probe(model) as p:
        model(torch.randn(8, 4)).sum().backward()
    assert "begins in the output of layer 3" in p.findings()[0]
