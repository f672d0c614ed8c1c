"""Seven patients: six small networks that do not learn, each for a reason of its own, and one that is well.

`admit("A")` is patient A. Which letter has which illness is drawn with the published seed `SHUFFLE`; another generator
of random numbers gives another individual with the illness of that letter. To examine the patients blind, stop reading
here: the wards below name each one's illness. Three more, H, I and K, stand for the lessons on today's networks.

A prescription is a dict of settings to change, see `treat`. `outcome` makes the network anew with them, trains it for
as many steps as the patient has, and measures what has become of it on held-out examples. All numbers are float64.
"""

import copy
import functools
import math
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, softplus

from vanishing import trials
from vanishing.probe import probe

LETTERS = "ABCDEFG"
ANNEX = "HIK"
SHUFFLE = 278
WELL = "nothing"
DECADES = (-4, 3)  # outside, one ratio of gradients is as bad as another
FEWEST = {  # changes in the shortest cure known of an illness; 1 where nothing else is said
    "unscaled inputs": 2,
    "squared error behind a sigmoid": 2,
    "exploding loop": 2,
}

PHI = {"tanh": nn.Tanh, "relu": nn.ReLU, "leaky relu": nn.LeakyReLU, "sigmoid": nn.Sigmoid}
NORMS = {None: None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
HEADS = {None: None, "sigmoid": nn.Sigmoid, "softmax": functools.partial(nn.Softmax, dim=-1)}
CELLS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
RULES = {"Xavier": 1.0, "He": math.sqrt(2), "orthogonal": None}  # gains of square matrices
MEMORIES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def _targets(output, y):
    return one_hot(y, output.shape[-1]).to(output)


CLASSES = {  # (outputs (batch, n), labels (batch,)) -> loss
    "cross-entropy": cross_entropy,
    "binary cross-entropy": lambda a, y: binary_cross_entropy_with_logits(a, _targets(a, y), reduction="sum") / len(y),
    "squared error": lambda p, y: (p - _targets(p, y)).square().sum(-1).mean(),
}
FAKES = {  # (a critic's logits (batch,), nothing) -> loss of the generator
    "saturating": lambda a, y: -softplus(a).mean(),
    "non-saturating": lambda a, y: softplus(-a).mean(),
    "squared error": lambda a, y: (torch.sigmoid(a) - 1).square().mean(),
    "Wasserstein": lambda a, y: -a.mean(),
}


@dataclass(frozen=True)
class Plan:
    """How a network is made and trained; what `treat` may change is everything but the last line."""

    shift: object = 0.0
    scale: object = 1.0
    width: int = 24
    depth: int = 3
    phi: str = "tanh"
    weights: object = 1.0
    readout: float = 1.0
    norm: str | None = None
    qk: str | None = None
    skip: float | None = None
    head: str | None = None
    cell: str | None = None
    window: int | None = None
    critic: object = None
    loss: str = "cross-entropy"
    times: float = 1.0
    optimizer: str = "SGD"
    memory: str = "float64"
    rate: float = 0.1
    clip: float | None = None

    own: dict = field(
        default_factory=dict
    )  # rule of the weights, seed, biases of the readout, n_in, n_out, bowl, tokens


@dataclass
class Patient:
    """A network, its training examples and its loss.

    model      from examples (batch, …) to outputs (batch, …)
    x, y       training examples (n, …) and their labels (n,)
    criterion  (output, y) -> loss
    optimizer  (parameters) -> torch.optim.Optimizer, with the step size `rate`
    clip       largest length of the gradient of all parameters, or None
    steps      its budget, in batches of `batch` examples
    """

    letter: str
    plan: Plan
    x: torch.Tensor
    y: torch.Tensor
    judge: object  # model -> score
    steps: int = 60
    batch: int = 50

    def __post_init__(self):
        self.model, self.criterion = build(self.plan), _criterion(self.plan)
        self.rate, self.clip = self.plan.rate, self.plan.clip

    def optimizer(self, parameters):
        return OPTIMIZERS[self.plan.optimizer](parameters, self.rate, MEMORIES[self.plan.memory])

    def __repr__(self):
        return f"Patient {self.letter}"


# The factory.


class ShortAdam(torch.optim.Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1) that keeps its two moments in a format of their own, `memory`, a dtype."""

    def __init__(self, parameters, lr, memory, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        self.memory = memory

    @torch.no_grad()
    def step(self, closure=None):
        """One step; what is computed is float64, what is remembered is rounded."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for w in (w for w in group["params"] if w.grad is not None):
                state, moments = self.state[w], []
                state["step"] = state.get("step", 0) + 1
                for name, beta, new in zip(("exp_avg", "exp_avg_sq"), group["betas"], (w.grad, w.grad**2), strict=True):
                    old = state.get(name, torch.zeros_like(w, dtype=self.memory))
                    state[name] = torch.lerp(new, old.to(new.dtype), beta).to(self.memory)
                    moments.append(state[name].to(new.dtype) / (1 - beta ** state["step"]))
                w -= group["lr"] * moments[0] / (moments[1].sqrt() + group["eps"])
        return loss


def _sgd(parameters, rate, memory):
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9)


def _adam(parameters, rate, memory):
    plain = memory == torch.float64
    return torch.optim.Adam(parameters, lr=rate) if plain else ShortAdam(parameters, rate, memory)


OPTIMIZERS = {"SGD": _sgd, "Adam": _adam}


class Attention(nn.Module):
    """One head of attention beside an identity path, for h (batch, tokens, n) (lesson 20)."""

    def __init__(self, rng, n, qk):
        super().__init__()
        self.queries, self.keys, self.values, self.out = (_linear(rng, n, n) for _ in range(4))
        self.norm = nn.LayerNorm(n, elementwise_affine=False) if qk else nn.Identity()
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, h):
        logits = self.norm(self.queries(h)) @ self.norm(self.keys(h)).mT / math.sqrt(h.shape[-1])
        return h + self.out(self.softmax(logits) @ self.values(h))


class Onlooker(nn.Module):
    """Attention over tokens x (batch, tokens, n_in), of which the mean is read: logits (batch, n_out)."""

    def __init__(self, embed, place, blocks, readout):
        super().__init__()
        self.embed, self.place, self.readout = embed, nn.Parameter(place), readout
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.readout(self.blocks(self.embed(x) + self.place).mean(1))


class Skip(nn.Module):
    """A residual block h + scale · branch(h), for h of any shape (lesson 12)."""

    def __init__(self, branch, scale=1.0):
        super().__init__()
        self.branch, self.scale = branch, scale

    def forward(self, h):
        return h + self.scale * self.branch(h)

    def extra_repr(self):
        return f"scale={self.scale:g}"


class Scaled(nn.Module):
    """(x − shift) / scale."""

    def __init__(self, shift, scale):
        super().__init__()
        self.shift, self.scale = torch.as_tensor(shift), torch.as_tensor(scale)

    def forward(self, x):
        return (x - self.shift) / self.scale


class Reader(nn.Module):
    """A recurrent network that reads the last `window` steps of x (batch, T, n_in); logits (batch, n_out)."""

    def __init__(self, rnn, readout, window):
        super().__init__()
        self.rnn, self.readout, self.window = rnn, readout, window

    def forward(self, x):
        return self.readout(self.rnn(x if self.window is None else x[:, -self.window :])[0][:, -1])


class Bowl(nn.Module):
    """top − ‖Wx + b‖² for x (batch, n): (batch,)."""

    def __init__(self, linear, top):
        super().__init__()
        self.linear, self.top = linear, top

    def forward(self, x):
        return self.top - self.linear(x).square().sum(-1)


def _linear(rng, n_in, n_out, gain=1.0, bias=0.0):
    """A linear layer with weights of deviation gain/√n_in, or random orthogonal ones where the gain is None."""
    layer = nn.Linear(n_in, n_out, dtype=torch.float64)
    drawn = rng.normal(size=(n_out, n_in))
    drawn = np.linalg.qr(drawn)[0] if gain is None else gain / math.sqrt(n_in) * drawn
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(drawn))
        layer.bias.copy_(torch.as_tensor(bias))
    return layer


def _square(plan, rng, n):
    """A square layer whose weights follow the plan: drawn anew by a rule, or the patient's own times a number."""
    if isinstance(plan.weights, str):
        return _linear(rng.spawn(1)[0], n, n, RULES[plan.weights])
    layer = _linear(rng, n, n, plan.own.get("gain", 1.0))
    with torch.no_grad():
        layer.weight *= plan.weights
    return layer


def build(plan):
    """The network of a plan, with weights from its own seed: each layer's are the same whatever else is changed."""
    seeds = np.random.SeedSequence(plan.own["seed"]).spawn(plan.depth + 2)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    last = _linear(rngs[1], plan.width, plan.own["n_out"], bias=plan.own.get("bias", 0.0))
    with torch.no_grad():
        last.weight *= plan.readout
    if "tokens" in plan.own:
        place = torch.tensor(rngs[1].normal(size=(plan.own["tokens"], plan.width)))
        blocks = [Attention(rng, plan.width, plan.qk) for rng in rngs[2:]]
        net = Onlooker(_linear(rngs[0], plan.own["n_in"], plan.width), place, blocks, last)
    else:
        net = Reader(_recurrent(plan, rngs), last, plan.window) if plan.cell else _feedforward(plan, rngs, last)
    if "bowl" in plan.own:
        net = nn.Sequential(net, copy.deepcopy(plan.own["bowl"]).requires_grad_(plan.critic == "trained"))
    plain = np.all(np.asarray(plan.shift) == 0) and np.all(np.asarray(plan.scale) == 1)
    return net if plain else nn.Sequential(Scaled(plan.shift, plan.scale), net)


def _feedforward(plan, rngs, last):
    n, phi, norm = plan.width, PHI[plan.phi], NORMS[plan.norm]

    def between():
        return [*([norm(n, dtype=torch.float64)] if norm else []), phi()]

    parts = [_linear(rngs[0], plan.own["n_in"], n)]
    inner = [_square(plan, rng, n) for rng in rngs[2 : plan.depth]]
    if plan.skip is None:
        for layer in inner:
            parts += [*between(), layer]
        parts += between()
    else:
        parts += [Skip(nn.Sequential(*between(), layer), plan.skip) for layer in inner]
    return nn.Sequential(*parts, last, *([HEADS[plan.head]()] if plan.head else []))


def _recurrent(plan, rngs):
    torch.manual_seed(int(rngs[0].integers(2**31)))
    more = {"nonlinearity": plan.phi} if plan.cell == "RNN" else {}
    n_in, n = plan.own["n_in"], plan.width
    rnn = CELLS[plan.cell](n_in, n, batch_first=True, dtype=torch.float64, **more)
    if plan.cell == "RNN":
        with torch.no_grad():
            rnn.weight_ih_l0.copy_(_linear(rngs[0], n_in, n).weight)
            rnn.weight_hh_l0.copy_(_square(plan, rngs[2], n).weight)
            rnn.bias_ih_l0.zero_()
            rnn.bias_hh_l0.zero_()
    return rnn


def _criterion(plan):
    loss = (FAKES if "bowl" in plan.own else CLASSES)[plan.loss]
    return lambda output, y: plan.times * loss(output, y)


# The wards: each makes an individual with its illness from a generator of random numbers.


def _classes(letter, rng, x, y, train, plan, outputs, **more):
    """A patient that learns the first `train` of its examples and is judged by the others."""
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    own = {"seed": int(rng.integers(2**31)), "n_in": x.shape[-1], "n_out": outputs, **plan.own}

    def judge(model):
        return float((model(x[train:]).argmax(-1) == y[train:]).double().mean())

    return Patient(letter, replace(plan, own=own), x[:train], y[:train], judge, **more)


@functools.cache
def _digits():
    """All images (1797, 64) and labels, in a fixed random order, so that every writer is among the first 1297."""
    parts = trials.digits()
    order = torch.tensor(np.random.default_rng(0).permutation(1797))
    return torch.cat(parts[::2])[order], torch.cat(parts[1::2])[order], 1297


def _unscaled_inputs(letter, rng, n=6):
    z = rng.normal(size=(800, n))
    weights = rng.choice([-1, 1], size=n) * rng.uniform(0.7, 1.3, size=n)
    x = (z + rng.uniform(3, 6, size=n)) * 10 ** rng.permutation(np.linspace(-1, 4.5, n))
    y = (z @ weights > 0).astype(int)
    return _classes(letter, rng, x, y, 500, Plan(width=16, rate=0.05), 2, steps=100)


def _squared_head(letter, rng):
    own = {"bias": -rng.uniform(11, 14, size=10)}
    plan = Plan(width=32, head="sigmoid", loss="squared error", rate=0.2, own=own)
    return _classes(letter, rng, *_digits(), plan, 10, steps=100)


def _unscaled_blocks(letter, rng):
    plan = Plan(depth=22, phi="relu", skip=1.0, rate=0.03, own={"gain": math.sqrt(2)})
    return _classes(letter, rng, *_digits(), plan, 10)


def _well(letter, rng):
    plan = Plan(depth=7, times=float(10 ** rng.uniform(-5, -4)), optimizer="Adam", rate=0.005)
    return _classes(letter, rng, *_digits(), plan, 10)


def _narrow_deep(letter, rng):
    turn, y = rng.uniform(0, 2 * np.pi), rng.integers(2, size=600)
    x = rng.normal(0, 0.5, size=(600, 2)) + np.outer(2 * y - 1, [np.cos(turn), np.sin(turn)])
    plan = Plan(width=4, depth=24, phi="relu", rate=0.05, own={"gain": math.sqrt(2)})
    while True:  # two draws in three or so are ill
        patient = _classes(letter, rng, x, y, 400, plan, 2)
        with torch.no_grad():
            outputs = patient.model(patient.x)
        if (outputs == outputs[0]).all():
            return patient


def _exploding_loop(letter, rng, T=28):
    y = rng.integers(2, size=600)
    x = rng.normal(0, 0.07, size=(600, T, 2))
    x[:, 0, 0] += 2 * y - 1
    plan = Plan(cell="RNN", rate=0.01, own={"gain": 5.0})
    return _classes(letter, rng, x, y, 400, plan, 2)


def _silent_critic(letter, rng, distance=4.0, width=0.5):
    turn = rng.uniform(0, 2 * np.pi)
    middle = distance * np.array([np.cos(turn), np.sin(turn)])
    bowl = Bowl(_linear(rng, 2, 2, bias=-middle / width), 1.0)
    with torch.no_grad():
        bowl.linear.weight.copy_(torch.eye(2) / width)
    own = {"seed": int(rng.integers(2**31)), "n_in": 2, "n_out": 2, "gain": math.sqrt(2), "bowl": bowl}
    plan = Plan(width=16, phi="relu", readout=0.3, loss="saturating", rate=0.003, own=own)
    noise = torch.tensor(rng.normal(size=(600, 2)))

    def judge(model):
        *parts, last = model
        if not isinstance(last, Bowl):
            parts.append(last[0])
        return float((bowl(nn.Sequential(*parts)(noise[400:])) > 0).double().mean())

    return Patient(letter, plan, noise[:400], torch.ones(400), judge)


def _sharpening_attention(letter, rng):
    x, y, train = _digits()
    plan = Plan(depth=2, optimizer="Adam", rate=0.1, own={"tokens": 8})
    return _classes(letter, rng, x.reshape(-1, 8, 8), y, train, plan, 10, steps=100, batch=200)


def _narrow_step(letter, rng):
    plan = Plan(width=int(rng.integers(340, 420)), depth=6, optimizer="Adam", rate=0.03)
    return _classes(letter, rng, *_digits(), plan, 10)


def _flushed_moments(letter, rng):
    plan = Plan(depth=7, times=float(10 ** rng.uniform(-4, -3)), optimizer="Adam", memory="float16", rate=0.005)
    return _classes(letter, rng, *_digits(), plan, 10)


LATER = {
    "H": ("attention logits that grow", _sharpening_attention),
    "I": ("a wide network with a narrow one's step", _narrow_step),
    "K": ("second moments that are flushed to zero", _flushed_moments),
}
WARDS = {
    "unscaled inputs": _unscaled_inputs,
    "squared error behind a sigmoid": _squared_head,
    "exploding loop": _exploding_loop,
    "residual branches without a scale": _unscaled_blocks,
    "too narrow for its depth": _narrow_deep,
    "silent critic": _silent_critic,
    WELL: _well,
}


def illness(letter):
    """What ails the patients of a letter, in a few words; ValueError if there is no such letter."""
    if letter in LATER:
        return LATER[letter][0]
    if letter not in LETTERS or len(letter) != 1:
        raise ValueError(f"There are patients {', '.join(LETTERS + ANNEX)}, but no {letter!r}.")
    order = np.random.default_rng(SHUFFLE).permutation(len(WARDS))
    return list(WARDS)[order[LETTERS.index(letter)]]


def admit(letter, rng=None):
    """The patient of a letter, A to G, H, I or K, or, with a NumPy generator `rng`, another one with its illness."""
    name = illness(letter)
    ward = LATER[letter][1] if letter in LATER else WARDS[name]
    return ward(letter, np.random.default_rng(SHUFFLE) if rng is None else rng)


# Examination.


def train(patient, steps=None):
    """Train the patient's model in place, for its budget or for `steps` steps; returns the losses before each step.

    The batches are the same in every run.
    """
    model, draw = patient.model.train(), torch.Generator().manual_seed(0)
    optimizer, losses = patient.optimizer(model.parameters()), []
    for _ in range(patient.steps if steps is None else steps):
        rows = torch.randint(len(patient.x), (patient.batch,), generator=draw)
        loss = patient.criterion(model(patient.x[rows]), patient.y[rows])
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
            T = len(row.times)
            return {"delta": np.array(row.times), "rms": np.full(T, row.rms), "flat": np.full(T, row.saturated)}
    flat = [row.dead if row.phi == "relu" else row.saturated for row in rows]
    return {"delta": np.array([r.delta for r in rows]), "rms": np.array([r.rms for r in rows]), "flat": np.array(flat)}


def landscape(patient):
    """The patient in the form that lesson 18 asks for: (loss, layers, eta).

    layers  its trained weight matrices, detached;  loss  a function of such a list, over the first 50 examples
    eta     its step size
    """
    x, y = patient.x[:50], patient.y[:50]
    parts = {name: w.detach() for name, w in patient.model.named_parameters() if w.dim() > 1 and w.requires_grad}

    def loss(layers):
        return patient.criterion(functional_call(patient.model, dict(zip(parts, layers, strict=True)), (x,)), y)

    return loss, list(parts.values()), patient.rate


def curvature(loss, layers, rounds=20):
    """The largest |eigenvalue| of the Hessian of loss(layers) in layer 1, about, by power iteration.

    Products with the Hessian cost two backward passes each (Pearlmutter 1994).
    """
    first = layers[0].clone().requires_grad_()
    (g,) = torch.autograd.grad(loss([first, *layers[1:]]), first, create_graph=True)
    v = torch.randn(first.shape, generator=torch.Generator().manual_seed(0), dtype=first.dtype)
    for _ in range(rounds):
        size = v.norm()
        if not size > 0:
            return 0.0
        (v,) = torch.autograd.grad(g, first, v / size, retain_graph=True)
    return float(v.norm())


# Treatment.

CHOICES = {
    "phi": PHI,
    "norm": NORMS,
    "head": HEADS,
    "cell": CELLS,
    "critic": (None, "trained"),
    "loss": CLASSES,
    "optimizer": OPTIMIZERS,
    "memory": MEMORIES,
    "qk": (None, "norm"),
}
SIZES = {"width": (1, 500), "depth": (2, 100), "window": (1, 100)}
POSITIVE = ("rate", "clip", "times")
OF_LAYERS, OF_LOOPS = ("norm", "skip", "head", "depth"), ("cell", "window")  # what one kind of patient has alone
OF_ATTENTION = ("qk", "width", "readout", "loss", "times", "optimizer", "memory", "rate", "clip")


def treat(patient, prescription):
    """The same patient made anew with the settings of a prescription, a dict; what it leaves out stays as it was.

    shift, scale  the network gets (x − shift) / scale: numbers, or arrays that broadcast with the examples
    weights       of the square matrices: drawn anew as "Xavier", "He", "orthogonal", or a number that multiplies them
    readout       a number that multiplies the last matrix
    phi           "tanh", "relu", "leaky relu", "sigmoid";  norm  None, "batch", "layer", in front of each phi
    skip          a number β: inner layers become h + β f(h); None: no identity path
    width, depth  units of a layer, number of weight matrices;  head  a function at the end: None, "sigmoid", "softmax"
    cell, window  of a recurrent network: "RNN", "LSTM", "GRU"; how many of the last steps it reads
    qk            of attention: None, or "norm", a layer norm of the queries and keys without gains
    critic        None: it stays as it is; "trained": it is trained as well
    loss, times   a name in CLASSES (outputs are logits but for the squared error) or FAKES; a factor
    optimizer     "SGD" (with momentum), "Adam";  rate  its step size;  clip  longest gradient, or None
    memory        the format in which Adam keeps its moments: "float64", "float32", "bfloat16", "float16"

    ValueError for an unknown setting, and for a value that does not fit the patient.
    """
    if not isinstance(prescription, dict):
        raise ValueError(f"A prescription is a dict of settings, not {type(prescription).__name__}.")
    known = [f.name for f in fields(Plan) if f.name != "own"]
    for name, value in prescription.items():
        if name not in known:
            raise ValueError(f"There is no setting {name!r}: choose from {', '.join(known)}.")
        if wrong := _misfit(patient.plan, patient.x.shape[1:], name, value):
            raise ValueError(f"{name} {wrong}.")
    plan = replace(patient.plan, **prescription)
    return Patient(patient.letter, plan, patient.x, patient.y, patient.judge, patient.steps, patient.batch)


def _misfit(plan, shape, name, value):
    """What is wrong with a value for a setting of a patient whose examples have this shape, or None."""
    if "tokens" in plan.own and name not in OF_ATTENTION:
        return "is not a setting of this network with attention"
    if name == "qk" and "tokens" not in plan.own:
        return "is a setting of networks with attention only"
    if name in (OF_LAYERS if plan.cell else OF_LOOPS):
        return "is not a setting of a recurrent network" if plan.cell else "is a setting of recurrent networks only"
    choices = FAKES if name == "loss" and "bowl" in plan.own else CHOICES.get(name)
    if name == "phi" and plan.cell:
        choices = ("tanh", "relu")
    if name == "weights" and isinstance(value, str):
        choices = RULES
    if choices is not None:
        known = isinstance(value, str | None) and value in choices
        return None if known else f"is one of {', '.join(map(repr, choices))}, not {value!r}"
    if value is None:
        return None if name in ("clip", "skip", "window") else "is a number, not None"
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that wants a gradient
        return f"is a number, not {value!r}"
    if not np.isfinite(numbers).all():
        return "must be finite"
    if name in ("shift", "scale"):
        if not _fits(numbers.shape, shape):
            return f"has the shape {numbers.shape}, which does not fit examples of shape {tuple(shape)}"
        return "must not be 0" if name == "scale" and (numbers == 0).any() else None
    if numbers.ndim:
        return "is one number, not an array"
    if name in SIZES and not (numbers == round(value) and SIZES[name][0] <= value <= SIZES[name][1]):
        return f"is a whole number from {SIZES[name][0]} to {SIZES[name][1]}, not {value!r}"
    return f"must be above 0, not {value!r}" if name in POSITIVE and not value > 0 else None


def _fits(small, shape):
    """Whether an array broadcasts with examples of a shape and leaves them that shape."""
    try:
        return np.broadcast_shapes(small, (1, *shape)) == (1, *shape)
    except ValueError:
        return False


def changes(patient, prescription):
    """What a prescription changes, as a list of words, in the order of the settings; empty where it changes nothing."""
    words, plan = [], patient.plan
    other = prescription.get("optimizer", plan.optimizer) != plan.optimizer  # its rates are not comparable
    for f in fields(Plan):
        if f.name not in prescription or (f.name == "rate" and other):
            continue
        old, new = getattr(plan, f.name), prescription[f.name]
        if f.name in ("shift", "scale"):
            unlike = np.shape(new) != np.shape(old) or not np.array_equal(new, old)
            words += [f"{f.name}{'' if np.ndim(new) else ' as one'}"] if unlike else []
        elif old != new:
            compared = isinstance(old, int | float) and isinstance(new, int | float)
            words.append(f"{f.name} {('down', 'up')[new > old] if compared else new if isinstance(new, str) else ''}")
    return [word.strip() for word in words]


def decades(patient):
    """log10 of the gradient at the first over that at the last trained layer (or step in time), cut to DECADES."""
    sizes, _, _ = _heard(patient)
    return _decades(sizes[0], sizes[-1])


def _decades(one, other):
    """log10(one / other), cut to DECADES; its lower end where one of them is not above zero."""
    if not (one > 0 and other > 0):
        return float(DECADES[0])
    return float(np.clip(math.log10(one) - math.log10(other), *DECADES))


def _heard(patient):
    """Lengths of the gradient along the trained layers (or steps in time), in each trained layer, and the loss."""
    p = examine(patient)
    trained = [row for row in p.rows() if row.matrix and row.trainable]
    layers = [row.delta for row in trained]
    loops = [row.times for row in trained if row.times]
    first = copy.deepcopy(patient)
    return loops[0] if loops else layers, layers, abs(train(first, 1)[0])


def outcome(prescription, patient):
    """What a prescription does to a patient, measured.

    score     of the model on held-out examples, after training for the patient's budget: 0 to 1
    decades   of the gradient between the first and the last layer before training (see `decades`)
    quietest  the same between the trained layer that hears least and the last
    heard     the same between the last layer's gradient and the loss: how much of the mistake is told at all
    size      number of parameters over what it was
    changed   what differs, as a list of words;  changes  how many, width and depth counting as one
    ValueError as `treat`.
    """
    treated = treat(patient, prescription)
    found = _before_training(treated, patient, prescription)
    return {"score": _score(treated), **found}


def _before_training(treated, patient, prescription):
    """What `outcome` says of a treated patient but for the score, which is most of the work."""
    changed = changes(patient, prescription)
    size = [sum(w.numel() for w in each.model.parameters()) for each in (treated, patient)]
    sizes, layers, loss = _heard(treated)
    shaped = {word.split()[0] for word in changed} & {"width", "depth"}
    return {
        "decades": round(_decades(sizes[0], sizes[-1]), 3),
        "quietest": round(_decades(min(layers), layers[-1]), 3),
        "heard": round(_decades(layers[-1], loss), 3),
        "changed": changed,
        "changes": len(changed) - (len(shaped) == 2),
        "size": round(size[0] / size[1], 3),
    }


def _score(patient):
    """Train a patient in place for its budget, and judge it."""
    train(patient)
    with torch.no_grad():
        return round(patient.judge(patient.model.eval()), 3)


def bounds(letter):
    """What `outcome` must show of the patients of a letter: {name: (low, high)}, None for an open side.

    Who is ill must learn, with a gradient that neither vanishes nor explodes on its way and that reaches every layer,
    keep its size, and have no more changed than the shortest cure changes. Where the loss is what ails, it must be
    heard. Who is well must be left as it is; that it learns then is known.
    """
    name = illness(letter)
    if name == WELL:
        return {"changes": (0, 0)}
    heard = {"heard": (-3, None)} if name == "squared error behind a sigmoid" else {}
    whole = {"score": (0.8, None), "decades": (-3, 2), "quietest": (-3, None), "size": (0.7, 1.5)}
    return {**whole, **heard, "changes": (1, FEWEST.get(name, 1))}


def visits(prescribe, letter, seeds=5):
    """How many of `seeds` patients of a letter are within `bounds` after `prescribe`, a function from Patient to dict.

    None if it returns None.
    """
    right = 0
    for seed in range(seeds):
        patient = admit(letter, np.random.default_rng(seed))
        prescription = prescribe(patient)
        if prescription is None:
            return None
        treated = treat(patient, prescription)
        found = _before_training(treated, patient, prescription)
        # Who fails beforehand need not be trained.
        right += _within(found, letter) and _within({"score": _score(treated)}, letter)
    return right


def _within(found, letter):
    """Whether what has been measured is within the bounds of a letter."""
    return all(
        (low is None or low <= found[name]) and (high is None or found[name] <= high)
        for name, (low, high) in bounds(letter).items()
        if name in found
    )
