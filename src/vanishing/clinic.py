"""Seven patients: six small networks that do not learn, each for a reason of its own, and one that is well.

`admit("A")` is patient A. Which letter has which illness is drawn with the published seed `SHUFFLE`; another generator of
random numbers gives another individual with the illness of that letter. Whoever wants to examine them blind stops
reading here: the wards below say what ails whom.

A treatment changes attributes of a Patient. `outcome` then trains what came back for as many steps as the patient has,
and measures what has become of it on held-out examples. All numbers are float64.
"""

import copy
import functools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from vanishing import trials
from vanishing.probe import probe

LETTERS = "ABCDEFG"
SHUFFLE = 278
SGD = functools.partial(torch.optim.SGD, momentum=0.9)
DECADES = (-4, 3)  # beyond, a ratio of gradients counts as lost or as exploded


@dataclass
class Patient:
    """A network, its data, and how it is trained; a treatment changes any of the attributes below.

    model       takes what `prepare` gives
    prepare     from rows (batch, …) as they arrive, in training and in use, to the model's input
    criterion   (output of the model, y) -> loss
    optimizer   (parameters, lr=…) -> torch.optim.Optimizer
    lr          its step size
    clip        largest length of the gradient of all parameters, or None
    x, y        training examples (n, …) and their labels (n,)

    The clinic's own are `letter`, `steps` and `batch` (the budget), and `judge`, (model, prepare) -> score from 0 to 1.
    """

    letter: str
    model: nn.Module
    x: torch.Tensor
    y: torch.Tensor
    criterion: object
    lr: float
    judge: object
    steps: int = 60
    batch: int = 50
    optimizer: object = SGD
    prepare: object = staticmethod(lambda rows: rows)
    clip: float | None = None

    def __repr__(self):
        return f"Patient {self.letter}"


class Skip(nn.Module):
    """A residual block h + scale · branch(h), for h of any shape (lesson 12)."""

    def __init__(self, branch, scale=1.0):
        super().__init__()
        self.branch, self.scale = branch, scale

    def forward(self, h):
        return h + self.scale * self.branch(h)


class Reader(nn.Module):
    """A recurrent network that reads x (batch, T, n_in) and gives logits (batch, n_out) after the last step."""

    def __init__(self, rnn, out):
        super().__init__()
        self.rnn, self.out = rnn, out

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Bowl(nn.Module):
    """top − ‖Wx + b‖² for x (batch, n): (batch,); W and b are not trained."""

    def __init__(self, linear, top):
        super().__init__()
        self.linear, self.top = linear.requires_grad_(False), top

    def forward(self, x):
        return self.top - self.linear(x).square().sum(-1)


def _linear(rng, n_in, n_out, gain=1.0, bias=0.0):
    """A linear layer with weights of deviation gain/√n_in."""
    layer = nn.Linear(n_in, n_out, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(gain * rng.normal(size=(n_out, n_in)) / math.sqrt(n_in)))
        layer.bias.copy_(torch.as_tensor(bias))
    return layer


def _accuracy(x, y):
    """A judge: the share of held-out x (m, …) whose largest output is at the label y (m,).

    Rows are prepared one at a time, as they would arrive in use.
    """

    def judge(model, prepare):
        rows = torch.cat([prepare(row[None]) for row in x])
        return float((model(rows).argmax(-1) == y).double().mean())

    return judge


def _classifier(letter, model, x, y, train, criterion, lr, **more):
    """A patient that learns the first `train` of its examples and is judged by the others."""
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    return Patient(letter, model, x[:train], y[:train], criterion, lr, _accuracy(x[train:], y[train:]), **more)


@functools.cache
def _digits():
    """All images (1797, 64) and labels, in a fixed random order, so that every writer is among the first 1297."""
    parts = trials.digits()
    order = torch.tensor(np.random.default_rng(0).permutation(1797))
    return torch.cat(parts[::2])[order], torch.cat(parts[1::2])[order]


# The wards: each makes an individual with its illness from a generator of random numbers.


def _unscaled_inputs(letter, rng):
    n = 6
    z = rng.normal(size=(800, n))
    weights = rng.choice([-1, 1], size=n) * rng.uniform(0.7, 1.3, size=n)
    columns = (z + rng.uniform(3, 6, size=n)) * 10 ** rng.permutation(np.linspace(-1, 4.5, n))
    model = nn.Sequential(_linear(rng, n, 16), nn.Tanh(), _linear(rng, 16, 16), nn.Tanh(), _linear(rng, 16, 2))
    return _classifier(letter, model, columns, (z @ weights > 0).astype(int), 500, cross_entropy, 0.05)


def _squared_error(output, y):
    return (output - one_hot(y, output.shape[-1])).square().sum(-1).mean()


def _squared_head(letter, rng):
    head = _linear(rng, 32, 10, bias=-rng.uniform(11, 14, size=10))
    layers = [_linear(rng, 64, 32), nn.Tanh(), _linear(rng, 32, 32), nn.Tanh(), head, nn.Sigmoid()]
    return _classifier(letter, nn.Sequential(*layers), *_digits(), 1297, _squared_error, 0.1)


def _exploding_loop(letter, rng, n=24, T=24, noise=0.07, gain=5.0):
    y = rng.integers(2, size=600)
    x = rng.normal(0, noise, size=(600, T, 2))
    x[:, 0, 0] += 2 * y - 1
    rnn = nn.RNN(2, n, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(torch.tensor(rng.normal(size=(n, 2)) / math.sqrt(2)))
        rnn.weight_hh_l0.copy_(torch.tensor(gain * rng.normal(size=(n, n)) / math.sqrt(n)))
        rnn.bias_ih_l0.zero_()
        rnn.bias_hh_l0.zero_()
    return _classifier(letter, Reader(rnn, _linear(rng, n, 2)), x, y, 400, cross_entropy, 0.01)


def _unscaled_blocks(letter, rng, L=18, n=24):
    blocks = [Skip(nn.Sequential(nn.ReLU(), _linear(rng, n, n, math.sqrt(2)))) for _ in range(L)]
    model = nn.Sequential(_linear(rng, 64, n), *blocks, _linear(rng, n, 10))
    return _classifier(letter, model, *_digits(), 1297, cross_entropy, 0.03)


def _moons(rng, n=600):
    """Points of two interleaved half circles, turned by a random angle: x (n, 2) and y (n,)."""
    t, y = rng.uniform(0, np.pi, n), rng.integers(2, size=n)
    x = np.stack([np.where(y, np.cos(t), 1 - np.cos(t)), np.where(y, np.sin(t), 0.5 - np.sin(t))], axis=1)
    x = x + rng.normal(0, 0.1, size=x.shape)
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (x - x.mean(0)) / x.std(0) @ rotation, y


def _narrow_deep(letter, rng, L=24, n=4):
    x, y = _moons(rng)
    while True:  # about three draws in four are ill
        widths = [2, *[n] * (L - 1), 2]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        layers = [_linear(rng, *pair, math.sqrt(2)) for pair in pairs[:-1]] + [_linear(rng, *pairs[-1])]
        model = nn.Sequential(*[part for layer in layers[:-1] for part in (layer, nn.ReLU())], layers[-1])
        with torch.no_grad():
            if (model[:-1](torch.tensor(x)) == model[:-1](torch.tensor(x[:1]))).all():
                return _classifier(letter, model, x, y, 400, cross_entropy, 0.1)


def _silent_critic(letter, rng, distance=4.0, width=0.5):
    parts = [_linear(rng, 2, 16, math.sqrt(2)), nn.ReLU(), _linear(rng, 16, 16, math.sqrt(2)), nn.ReLU()]
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    bowl = Bowl(_linear(rng, 2, 2, bias=-distance / width * rotation[:, 0]), 1.0)
    with torch.no_grad():
        bowl.linear.weight.copy_(torch.tensor(np.eye(2) / width))
    model = nn.Sequential(nn.Sequential(*parts, _linear(rng, 16, 2, 0.3)), bowl)
    noise, spare = torch.tensor(rng.normal(size=(400, 2))), torch.tensor(rng.normal(size=(200, 2)))

    def judge(model, prepare):
        rows = torch.cat([prepare(row[None]) for row in spare])
        return float((bowl(model[0](rows)) > 0).double().mean())

    return Patient(letter, model, noise, torch.ones(400), _saturating, 0.003, judge)


def _saturating(a, y):
    """The mean of log(1 − σ(a)), for logits a (batch,)."""
    return -softplus(a).mean()


def _well(letter, rng, n=24):
    parts = [part for _ in range(5) for part in (_linear(rng, n, n), nn.Tanh())]
    model = nn.Sequential(_linear(rng, 64, n), nn.Tanh(), *parts, _linear(rng, n, 10))
    weighted = _Weighted(float(10 ** rng.uniform(-5, -4)))
    return _classifier(letter, model, *_digits(), 1297, weighted, 0.005, optimizer=torch.optim.Adam)


@dataclass
class _Weighted:
    """Cross-entropy times a small weight."""

    weight: float

    def __call__(self, output, y):
        return self.weight * cross_entropy(output, y)


WARDS = {
    "unscaled inputs": _unscaled_inputs,
    "squared error behind a sigmoid": _squared_head,
    "exploding loop": _exploding_loop,
    "residual branches without a scale": _unscaled_blocks,
    "too narrow for its depth": _narrow_deep,
    "silent critic": _silent_critic,
    "nothing": _well,
}


def illness(letter):
    """What ails the patients of a letter, in a few words; ValueError if there is no such letter."""
    if letter not in LETTERS or len(letter) != 1:
        raise ValueError(f"There are patients {', '.join(LETTERS)}, but no {letter!r}.")
    order = np.random.default_rng(SHUFFLE).permutation(len(WARDS))
    return list(WARDS)[order[LETTERS.index(letter)]]


def admit(letter, rng=None):
    """The patient of a letter, A to G, or, with a NumPy generator `rng`, another one with the same illness.

    Seeds torch as well, so that a treatment that draws new weights draws the same ones each time.
    """
    rng = np.random.default_rng(SHUFFLE) if rng is None else rng
    patient = WARDS[illness(letter)](letter, rng)
    torch.manual_seed(int(rng.integers(2**31)))
    return patient


# Examination and treatment.


def train(patient, steps=None):
    """Train the patient's model in place, for its budget or for `steps` steps; returns the losses before each step.

    The batches are the same in every run.
    """
    model, draw = patient.model.train(), torch.Generator().manual_seed(0)
    optimizer = patient.optimizer(model.parameters(), lr=patient.lr)
    losses = []
    for _ in range(patient.steps if steps is None else steps):
        rows = torch.randint(len(patient.x), (patient.batch,), generator=draw)
        loss = patient.criterion(model(patient.prepare(patient.x[rows])), patient.y[rows])
        optimizer.zero_grad()
        loss.backward()
        if patient.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), patient.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def examine(patient, steps=1):
    """A probe that has listened to the first `steps` steps of training, of a copy: the patient stays as it is."""
    patient = copy.deepcopy(patient)
    with probe(patient.model) as p:
        train(patient, steps)
    return p


def profile(p, step=-1):
    """What each layer of an examined patient hears and says: arrays `delta`, `rms` and `flat`, from first to last.

    delta  length of the gradient in its output;  rms  root mean square of the output
    flat   share of its outputs that are saturated or, for ReLU, of units that are dead; NaN where there is neither
    A recurrent layer is laid out in time: delta is the gradient in its input at each step, the others are the same
    at all steps. The layers of a recurrent network that are not recurrent are left out.
    """
    rows = [row for row in p.rows(step) if row.matrix]
    for row in rows:
        if row.times:
            flat, T = row.saturated, len(row.times)
            return {"delta": np.array(row.times), "rms": np.full(T, row.rms), "flat": np.full(T, flat)}
    flat = [row.dead if row.phi == "relu" else row.saturated for row in rows]
    return {"delta": np.array([r.delta for r in rows]), "rms": np.array([r.rms for r in rows]), "flat": np.array(flat)}


def decades(patient):
    """log10 of the gradient at the first over that at the last trained layer (or step in time), cut to DECADES."""
    p = examine(patient)
    trained = [row for row in p.rows() if row.matrix and row.trainable]
    loops = [row.times for row in trained if row.times]
    sizes = loops[0] if loops else [row.delta for row in trained]
    if not (sizes[0] > 0 and sizes[-1] > 0):
        return float(DECADES[0])
    return float(np.clip(math.log10(sizes[0]) - math.log10(sizes[-1]), *DECADES))


def outcome(treated, patient):
    """What a treatment has done, measured: `treated` is what it returned, `patient` the patient before it.

    score    of the model on held-out examples, after training for the patient's budget: 0 to 1
    decades  of the gradient between the first and the last layer before training (see `decades`)
    weights  number of parameters over what it was
    changed  what differs, as a list of words;  changes  how many
    TypeError when a treatment does not return a Patient.
    """
    if not isinstance(treated, Patient):
        raise TypeError(f"a treatment returns the patient, not {type(treated).__name__}.")
    treated = copy.deepcopy(treated)
    treated.model.double()
    treated.steps, treated.batch = patient.steps, patient.batch
    changed = changes(patient, treated)
    found = {"decades": round(decades(treated), 3), "changed": changed, "changes": len(changed)}
    size = [sum(p.numel() for p in each.model.parameters()) for each in (treated, patient)]
    train(treated)
    with torch.no_grad():
        score = patient.judge(treated.model.eval(), treated.prepare)
    return {"score": round(score, 3), **found, "weights": round(size[0] / size[1], 3)}


def visit(treat, letter, seeds=5):
    """How many of several patients of a letter `treat` brings to a score of 0.9 within the budget.

    `treat` is a function from a Patient to a Patient, or None for no treatment. None if it returns None.
    """
    right = 0
    for seed in range(seeds):
        treated = admit(letter, np.random.default_rng(seed))
        if treat is not None:
            treated = treat(treated)
        if treated is None:
            return None
        right += outcome(treated, admit(letter, np.random.default_rng(seed)))["score"] >= 0.9
    return right


def changes(before, after):
    """What a treatment has changed, as a list of words: empty when the patient is as it was."""
    with torch.no_grad():
        return [*_data(before, after), *_loss(before, after), *_step(before, after), *_model(before, after)]


def _data(before, after):
    if not (_same(before.x, after.x) and _same(before.y, after.y)):
        yield "data"
    rows = before.x[:200]
    first, now = before.prepare(rows), after.prepare(rows)
    if _same(first, now):
        return
    yield "inputs"
    if now.dim() == 2:
        spread = now.std(0)
        if not spread.max() < 10 * spread.min():
            yield "columns unlike"
        if not _same(now[:50], after.prepare(rows[:50])):
            yield "batch"


def _loss(before, after):
    shape = before.model(before.prepare(before.x[:50])).shape
    draw, ratios = torch.Generator().manual_seed(0), []
    for _ in range(2):
        output, y = 0.1 + 0.8 * torch.rand(shape, generator=draw, dtype=torch.float64), before.y[:50]
        try:
            ratios.append(float(after.criterion(output, y)) / float(before.criterion(output, y)))
        except (RuntimeError, ValueError, IndexError):  # it wants outputs of another shape
            ratios.append(math.nan)
    if not math.isclose(*ratios, rel_tol=1e-6):
        yield "loss"
    elif not math.isclose(ratios[0], 1, rel_tol=1e-9):
        yield "loss times a number" if ratios[0] > 0 else "loss turned round"


def _step(before, after):
    weights = [nn.Parameter(torch.zeros(1))]
    first, now = (type(p.optimizer(weights, lr=p.lr)).__name__ for p in (before, after))
    if first != now:
        yield now
    elif before.lr != after.lr:
        yield "step up" if after.lr > before.lr else "step down"
    if after.clip != before.clip:
        yield "clip"


def _model(before, after):
    first, now = (Counter(map(_kind, p.model.modules())) for p in (before, after))
    for sign, names in (("+", now - first), ("-", first - now)):
        yield from (sign + name for name in sorted(names) if name != "Sequential")
    old, new = (list(p.model.parameters()) for p in (before, after))
    if sum(w.numel() for w in new) > 1.5 * sum(w.numel() for w in old):
        yield "wider"
    elif not all(any(_same(w, v) for v in new) for w in old):
        yield "weights"
    elif first == now and not _same(*(p.model.eval()(before.prepare(before.x[:20])) for p in (before, after))):
        yield "wiring"
    if sum(not w.requires_grad for w in old) > sum(not w.requires_grad for w in new):
        yield "thawed"


def _kind(module):
    known = type(module).__module__.startswith(("torch.nn.", "vanishing."))
    return type(module).__name__ if known else "own"


def _same(a, b):
    return a.shape == b.shape and bool(torch.equal(a, b))
