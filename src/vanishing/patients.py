"""Networks that are sick in one known way, or healthy, and what a probe hears of them in one pass."""

import functools
import itertools

import numpy as np
import torch
from torch import nn

from vanishing.digits_runs import Digits
from vanishing.probe import probe
from vanishing.trials import digits

KINDS = ("dead", "saturated", "vanishing", "exploding", "healthy")


def stack(depth, width, phi, gain, rng):
    """`depth` linear layers 64 → width → … → 10 with `phi` (a module's class) between them.

    Weights are normal with standard deviation gain/√n_in, drawn from the NumPy generator `rng`; biases are zero.
    """
    parts = []
    for a, b in itertools.pairwise([64, *[width] * (depth - 1), 10]):
        layer = nn.Linear(a, b, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(rng.normal(0, gain * a**-0.5, size=(b, a))))
            layer.bias.zero_()
        parts += [layer, phi()]
    return nn.Sequential(*parts[:-1])


def patient(kind, rng):
    """A network of 14 to 20 layers with the illness `kind` of KINDS, in one of two forms that `rng` chooses."""
    depth, other = int(rng.integers(14, 21)), rng.random() < 0.5
    he = 2**0.5
    if kind == "vanishing":  # small slopes, or small weights; the signal stays as large as it is
        model = stack(depth, 64, nn.Sigmoid if other else nn.Tanh, 1.0 if other else 0.4, rng)
        for layer in model[:-1:2]:
            layer.bias.data.copy_(torch.tensor(rng.normal(0, 0.3, size=64)))
        return model
    if kind == "exploding":
        return stack(depth, 64, nn.ReLU, (1.8 if other else 2.2) * he, rng)
    if kind == "saturated":  # by biases of either sign
        model = stack(depth, 64, nn.Sigmoid if other else nn.Tanh, 1.0, rng)
        for layer in model[:-1:2]:
            nn.init.constant_(layer.bias, 9.0)
            layer.bias.data *= torch.tensor(rng.choice([-1.0, 1.0], size=64))
        return model
    if kind == "dead":  # in one layer, and whatever hears nothing else in those above it
        model = stack(depth, 64, nn.ReLU, he, rng)
        sick = int(rng.integers(2, depth - 2))
        nn.init.constant_(model[2 * sick].bias, -60.0)
        if other:
            model[2 * sick].bias.data[:4] = 0.0
        return model
    if kind == "healthy":
        return stack(depth, 64, nn.ReLU, he, rng) if other else stack(depth, 64, nn.Tanh, 1.0, rng)
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}.")


def recording(model, rng, batch=100):
    """One backward pass on random images and labels: {"delta", "rms", "saturated", "dead"}, arrays (depth,), bottom up.

    delta is the length of the gradient in a layer's output, rms the root mean square of that output, and the shares
    are those of vanishing.probe.readings, 0 where they do not apply.
    """
    x, y = torch.tensor(rng.normal(size=(batch, 64))), torch.tensor(rng.integers(0, 10, size=batch))
    with probe(model) as p:
        nn.functional.cross_entropy(model(x), y).backward()
    names = ("delta", "rms", "saturated", "dead")
    return {name: np.nan_to_num(p.series(name)[0]) for name in names}


def borderline(rng, depth=12):
    """Invented recordings near the thresholds of `vanishing.probe.diagnosis`, in any order: [(recording, illness), …].

    Small gradients in all layers alike, a single saturated layer, a network that is dead and saturated, and gradients
    that fall or grow by less, and by more, than the threshold while nearly half is saturated and more than half dead;
    and the two shares exactly at their thresholds, of which one is reached and the other not exceeded.
    """
    down, first = np.linspace(1, 0, depth), np.arange(depth) == 0
    half = (0.45 * np.ones(depth), 0.65 * np.ones(depth))
    cases = [  # δ in the last layer, growth down to the first, shares of saturated outputs and of dead units
        (1e-9, 1.0, np.where(first, 0.95, 0.2), np.zeros(depth), "healthy"),
        (0.1, 1.0, 0.8 * np.ones(depth), np.where(first[::-1], 0.9, 0.1), "dead"),
        (0.1, 2e-4, *half, "healthy"),
        (0.1, 80.0, *half, "healthy"),
        (100.0, 5e-5, *half, "vanishing"),
        (1e-3, 125.0, *half, "exploding"),
    ]
    exact = [
        (np.zeros(depth), np.where(first[::-1], 0.8, 0.1), "dead"),
        (np.full(depth, 0.5), np.zeros(depth), "healthy"),
    ]
    ward = []
    for k in rng.permutation(len(cases)):
        last, growth, saturated, dead, illness = cases[k]
        delta = rng.uniform(0.8, 1.25) * last * growth**down
        shares = {"saturated": rng.uniform(0.95, 1.05) * saturated, "dead": rng.uniform(0.95, 1.05) * dead}
        ward.append(({"delta": delta, "rms": np.ones(depth), **shares}, illness))
    for saturated, dead, illness in exact:
        seen = {
            "delta": rng.uniform(0.8, 1.25, size=depth),
            "rms": np.ones(depth),
            "saturated": saturated,
            "dead": dead,
        }
        ward.append((seen, illness))
    return ward


class Both(nn.Module):
    """A leaf with two outputs: (h, 2h)."""

    def forward(self, h):
        return h, 2 * h


class Tangle(nn.Module):
    """What a recorder must be able to follow: a layer that is called `repeats` times, a branch, tiny gradients.

    There are leaves that hear nothing as well: one before anything is learnt, whose output needs no gradient, one that
    is called for nothing, one that is not called; and one whose output is a tuple.

    Five inputs, three outputs, float32. All weights are whole numbers, in the last layer times 2⁻⁸⁰: gradients are
    about 1e-23 long, and with whole numbers as inputs nothing is rounded.
    """

    def __init__(self, repeats, rng):
        super().__init__()
        self.flat = nn.Flatten()
        self.first, self.phi = nn.Linear(5, 5), nn.ReLU()
        self.loop, self.repeats = nn.Linear(5, 5), repeats
        self.branch = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
        self.both, self.aside, self.spare = Both(), nn.Linear(5, 2), nn.Linear(5, 5)
        self.last = nn.Linear(5, 3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.tensor(rng.integers(-2, 3, size=tuple(parameter.shape))))
            self.last.weight.mul_(2.0**-80)

    def forward(self, x):
        """(batch, 3) for x (batch, 5)."""
        h = self.phi(self.first(self.flat(x)))
        for _ in range(self.repeats):
            h = self.phi(self.loop(h))
        self.aside(h)
        once, twice = self.both(h + self.branch(h))
        return self.last(once + twice)


def tidied(record):
    """A function like `record`, whose dict says under "hooks left behind" how many there are on the model afterwards.

    A `record` that returns None is returned as it is: it has not been written yet.
    """

    @functools.wraps(record)
    def counted(model, x):
        heard = record(model, x)
        hooks = [part._forward_hooks | part._forward_pre_hooks | part._backward_hooks for part in model.modules()]
        return {**heard, "hooks left behind": sum(map(len, hooks))} if isinstance(heard, dict) else heard

    try:
        blank = record(nn.Linear(1, 1), torch.ones(1, 1)) is None
    except Exception:
        blank = False
    return record if blank else counted


def trial(model, optimizer, seed=0, steps=40, batch=50):
    """Train a digit classifier in place for a few steps, in float64: {"accuracy", "hearing", "ratio"}.

    accuracy  share of the test images that are put right afterwards
    hearing   number of weight matrices that hear a gradient in the first step
    ratio     length of δ in the first of them over that in the last, in the first step
    """
    x, y, x_test, y_test = digits()
    model.double().train()
    draw = torch.Generator().manual_seed(seed)
    with probe(model, every=steps) as p:
        for _ in range(steps):
            some = torch.randint(len(x), (batch,), generator=draw)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[some]), y[some]).backward()
            optimizer.step()
    heard = [row for row in p.rows() if row.matrix and row.gradient > 0]
    with torch.no_grad():
        right = model.eval()(x_test).argmax(1) == y_test
    ratio = heard[0].delta / heard[-1].delta if heard else 0.0
    return {"accuracy": right.double().mean().item(), "hearing": len(heard), "ratio": ratio}


CHOICES = {  # of a prescription, each with the values that it may have
    "phi": ("sigmoid", "tanh", "relu"),
    "weights": ("Xavier", "He", "default", "centred"),
    "norm": (None, "batch", "layer"),
    "residual": (False, True),
    "optimizer": ("SGD", "Adam"),
}


def treated(prescription, depth, seed=0):
    """The `trial` of a digit classifier of `depth` weight matrices, made and trained as prescribed.

    prescription  a dict with a value of CHOICES for each of its keys, and the step size as "rate"; what is missing is
                  as in the sick network: sigmoid, Xavier, no norm, not residual, SGD with momentum 0.9, rate 0.1
    ValueError for other keys or values, in a sentence.
    """
    if not isinstance(prescription, dict):
        raise ValueError(f"a prescription is a dict, not {type(prescription).__name__}.")
    chosen = {name: values[0] for name, values in CHOICES.items()} | {"rate": 0.1} | prescription
    if unknown := chosen.keys() - CHOICES.keys() - {"rate"}:
        raise ValueError(f"{sorted(unknown)[0]!r} is none of {', '.join([*CHOICES, 'rate'])}.")
    for name, values in CHOICES.items():
        if chosen[name] not in values:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, values))}, not {chosen[name]!r}.")
    rate = chosen["rate"]
    if not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise ValueError(f"rate, the step size, must be a number above 0, not {rate!r}.")
    norm = {None: None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[chosen["norm"]]
    torch.manual_seed(seed)
    model = Digits(depth, chosen["phi"], chosen["weights"], norm, chosen["residual"])
    if chosen["optimizer"] == "Adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    return trial(model, optimizer, seed)
