"""Sick networks, a few lines each, and the cause that a doctor should name first.

Each entry of SICK is name -> (kinds, function): the function trains the network under a probe and returns the probe;
`kinds` are the finding kinds of which the first finding must have one. Sources: faults that people report in public
(addresses in SOURCES), the illnesses of the course, and the symptoms and faults that AUTOTRAINER (Zhang et al., ICSE
2021) and DeepDiagnosis (Wardat et al., ICSE 2022) describe: vanishing and exploding gradient, dying ReLU, oscillating
loss, slow convergence; saturated activation, unchanged weights, exploding tensor, a loss or accuracy that does not
change, and wrong activation, loss, initialisation, rate, or data behind them.
"""

import itertools
import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from vanishing.clinic import admit, examine
from vanishing.probe import probe

SOURCES = {
    "softmax before cross-entropy": "https://github.com/bowang-lab/Transformer-GCN-QA/pull/32",
    "sigmoid before BCE with logits": "https://github.com/avBuffer/UNet3plus_pth/issues/23",
    "no zero_grad, Adam": "https://github.com/pytorch/pytorch/issues/47175",
    "a Python list of layers": "https://github.com/pytorch/pytorch/issues/715",
    "detach between layers": "https://github.com/facebookresearch/fairseq/issues/408",
    "rate too large, dead ReLUs": "https://github.com/keras-team/keras/issues/7057",
    "float16 underflow": "https://github.com/pytorch/pytorch/issues/40497",
    "inputs from 0 to 255, SGD": "https://github.com/Liam0205/liam0205.github.io/issues/262",
}
STEPS = 40


def table(n=256, d=20, classes=4, seed=0):
    """Inputs (n, d), and labels that a linear map of them decides."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=draw)
    return x, (x @ torch.randn(d, classes, generator=draw)).argmax(1)


def mlp(*end, sizes=(20, 64, 64, 4), phi=nn.ReLU):
    """Linear layers with an activation between them, as torch makes them."""
    parts = []
    for a, b in itertools.pairwise(sizes):
        parts += [nn.Linear(a, b), phi()]
    return nn.Sequential(*parts[:-1], *end)


def train(
    model, loss=F.cross_entropy, x=None, y=None, lr=1e-3, make=torch.optim.Adam, steps=STEPS, parameters=None,
    zero=True, clip=None, batch=64, listen=None, **options,
):  # fmt: skip
    """Train a model for some steps under a probe, in batches; returns the probe."""
    own_x, own_y = table()
    x, y = own_x if x is None else x, own_y if y is None else y
    optimizer = make(parameters or model.parameters(), lr=lr, **options)
    with probe(listen or model) as p, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(steps):
            some = torch.arange(batch * k, batch * (k + 1)) % len(x)
            if zero:
                optimizer.zero_grad()
            loss(model(x[some]), y[some]).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    return p


class Net(nn.Module):
    """A network with a forward pass of one's own: `call(net, x)` over named parts."""

    def __init__(self, call, **parts):
        super().__init__()
        self.call = call
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.call(self, x)


SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
SICK = {}


def sick(name, *kinds):
    """Put a function into SICK."""
    return lambda function: SICK.setdefault(name, (kinds, function))


def simple(name, kinds, **options):
    """An entry that is a call of `train`; values that are functions of no argument are made anew."""
    make = options.pop("model", mlp)
    SICK[name] = (kinds if isinstance(kinds, tuple) else (kinds,), lambda: train(make(), **options))


def one_hot(z, y):
    return F.one_hot(y, 4).float()


def regression(scale=1.0, n=256):
    """Inputs and targets (n,) that are linear in them, times `scale`."""
    x, _ = table(n)
    return x, scale * (x @ torch.linspace(-1, 1, 20))


def filled(model, **values):
    """A model with its weights and biases set: weight=, bias= as a number or a function of the tensor."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = values.get(name.rpartition(".")[2])
            if value is not None:
                value(p) if callable(value) else p.fill_(value)
    return model


# What the loss is given

simple("softmax before cross-entropy", "activation twice", model=lambda: mlp(nn.Softmax(-1)))
simple(
    "functional softmax before cross-entropy", "activation twice", loss=lambda z, y: F.cross_entropy(z.softmax(1), y)
)
simple("sigmoid before cross-entropy", "activation twice", model=lambda: mlp(nn.Sigmoid()))
simple(
    "sigmoid before BCE with logits", "activation twice", model=lambda: mlp(nn.Sigmoid()),
    loss=lambda z, y: F.binary_cross_entropy_with_logits(z, one_hot(z, y)),
)  # fmt: skip
simple("relu before cross-entropy", "activation twice", model=lambda: mlp(nn.ReLU()))
simple("nll_loss of probabilities", "no logarithm", model=lambda: mlp(nn.Softmax(-1)), loss=F.nll_loss)
simple("nll_loss of logits", "no logarithm", loss=F.nll_loss)
simple(
    "kl_div of probabilities", "no logarithm", model=lambda: mlp(nn.Softmax(-1)),
    loss=lambda z, y: F.kl_div(z, one_hot(z, y), reduction="batchmean"),
)  # fmt: skip
simple("softmax over one unit", "one unit", model=lambda: mlp(nn.Softmax(-1), sizes=(20, 64, 1)),
       loss=lambda z, y: F.binary_cross_entropy(z[:, 0], (y > 1).float()))  # fmt: skip
simple("cross-entropy over one class", "one unit", model=lambda: mlp(sizes=(20, 64, 1)),
       loss=lambda z, y: F.cross_entropy(z, 0 * y))  # fmt: skip
simple("(N, 1) against (N,), mse_loss", "broadcast", model=lambda: mlp(sizes=(20, 64, 1)), loss=F.mse_loss,
       x=regression()[0], y=regression()[1])  # fmt: skip
simple("(N, 1) against (N,), by hand", "broadcast", model=lambda: mlp(sizes=(20, 64, 1)),
       loss=lambda z, y: ((z - y) ** 2).mean(), x=regression()[0], y=regression()[1])  # fmt: skip
simple("(N, 1) against (N,), l1_loss", "broadcast", model=lambda: mlp(sizes=(20, 64, 1)), loss=F.l1_loss,
       x=regression()[0], y=regression()[1])  # fmt: skip
simple("sigmoid output, targets beyond one", "target range", model=lambda: mlp(nn.Sigmoid(), sizes=(20, 64, 1)),
       loss=lambda z, y: F.mse_loss(z[:, 0], y), x=regression()[0], y=regression()[1])  # fmt: skip
simple("tanh output, targets beyond one", "target range", model=lambda: mlp(nn.Tanh(), sizes=(20, 64, 1)),
       loss=lambda z, y: F.mse_loss(z[:, 0], y), x=regression()[0], y=regression()[1])  # fmt: skip
simple("relu output, negative targets", "target range", model=lambda: mlp(nn.ReLU(), sizes=(20, 64, 1)),
       loss=lambda z, y: F.mse_loss(z[:, 0], y), x=regression()[0], y=regression()[1])  # fmt: skip
simple("BCE with labels -1 and 1", "target range", model=lambda: mlp(sizes=(20, 64, 1)),
       loss=lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], 2.0 * (y > 1) - 1))  # fmt: skip
simple("targets in the thousands", "unscaled targets", model=lambda: mlp(sizes=(20, 64, 1)),
       loss=lambda z, y: F.mse_loss(z[:, 0], y), x=regression()[0], y=regression(5e3)[1])  # fmt: skip
simple("squared error behind a saturated sigmoid", ("silent loss",),
       model=lambda: filled(mlp(nn.Sigmoid(), sizes=(20, 4)), bias=15.0),
       loss=lambda z, y: F.mse_loss(z, one_hot(z, y)), make=SGD, lr=0.1)  # fmt: skip


@sick("log of a softmax that underflows", "not finite")
def log_softmax_by_hand():
    model = filled(mlp(), weight=lambda p: p.mul_(60))
    return train(model, loss=lambda z, y: F.nll_loss(z.softmax(1).log(), y), make=SGD, lr=1e-3)


@sick("root of zero", "not finite")
def root_of_zero():
    x, y = regression()
    model = filled(mlp(sizes=(20, 64, 1)), weight=0.0, bias=0.0)
    return train(model, loss=lambda z, y: F.mse_loss(z[:, 0], 0 * y).sqrt(), x=x, y=y, steps=10)


simple("a loss times NaN", "not finite", loss=lambda z, y: F.cross_entropy(z, y) * math.nan, steps=10)

# What is in the optimiser, and what is zeroed

simple("no zero_grad, Adam", "no zero_grad", zero=False)
simple("no zero_grad, SGD", "no zero_grad", zero=False, make=SGD, lr=0.05)


@sick("only the head is in the optimiser", "no optimiser")
def only_the_head():
    model = mlp()
    return train(model, parameters=model[-1].parameters())


@sick("a layer added after the optimiser was made", "no optimiser")
def added_later():
    model = mlp()
    parameters = list(model.parameters())
    model[0] = nn.Linear(20, 64)
    return train(model, parameters=parameters)


@sick("the optimiser has another copy of the network", "no optimiser")
def another_copy():
    return train(mlp(), parameters=list(mlp().parameters()))


def hidden_list(as_dict=False):
    layers = [nn.Linear(20, 64), nn.Linear(64, 64)]
    store = {"a": layers[0], "b": layers[1]} if as_dict else layers

    def call(net, x):
        for layer in store.values() if as_dict else store:
            x = torch.relu(layer(x))
        return net.head(x)

    return Net(call, head=nn.Linear(64, 4))


simple("a Python list of layers", "outside", model=hidden_list)
simple("a Python dict of layers", "outside", model=lambda: hidden_list(True))
simple("a layer made anew in forward", "outside", model=lambda: Net(
    lambda net, x: net.head(torch.relu(nn.Linear(20, 64)(x))),
    first=nn.Linear(20, 64), head=nn.Linear(64, 4)))  # fmt: skip
simple("detach between layers", "unheard", model=lambda: Net(
    lambda net, x: net.b(torch.relu(net.a(x)).detach()), a=nn.Linear(20, 64), b=nn.Linear(64, 4)))  # fmt: skip


@sick("no_grad around the first layers", "unheard")
def under_no_grad():
    def call(net, x):
        with torch.no_grad():
            h = torch.relu(net.a(x))
        return net.b(h)

    return train(Net(call, a=nn.Linear(20, 64), b=nn.Linear(64, 4)))


simple("back to numpy between layers", "unheard", model=lambda: Net(
    lambda net, x: net.b(torch.relu(torch.tensor(net.a(x).detach().numpy()))), a=nn.Linear(20, 64), b=nn.Linear(64, 4),
))  # fmt: skip


@sick("eval() left on", "eval mode")
def eval_left_on():
    return train(mlp(phi=lambda: nn.Sequential(nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))).eval())


@sick("eval() left on, dropout only", "eval mode")
def eval_dropout():
    return train(mlp(phi=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.5))).eval())


# What it is fed

simple("all inputs zero", "constant input", x=torch.zeros(256, 20))
simple("all inputs equal", "constant input", x=torch.ones(256, 20) * 0.7)
simple("inputs from 0 to 255, SGD", "unscaled input", x=128 + 74 * table()[0].clamp(-1.7, 1.7), make=SGD, lr=0.05)
simple("inputs from 0 to 255, tanh", "unscaled input", x=128 + 74 * table()[0].clamp(-1.7, 1.7),
       model=lambda: mlp(phi=nn.Tanh))  # fmt: skip
simple("one column in the millions", "unscaled input", x=torch.cat([table()[0][:, 1:], 1e6 * table()[0][:, :1]], 1),
       make=SGD, lr=0.01)  # fmt: skip
simple("NaN in the data", "not finite", x=torch.where(torch.rand(256, 20) < 0.001, math.nan, table()[0]), steps=10)

# The step

simple("rate too large, dead ReLUs", "fast", lr=0.5, steps=100)  # at 0.3 a last bit decides
simple("Adam with rate 1", "fast", lr=1.0)
simple("SGD with rate 30", ("fast", "exploding"), make=SGD, lr=30.0)
simple("SGD with momentum and rate 2", "fast", make=SGD, lr=3.0, momentum=0.9, steps=100)
simple("Adam with rate 1e-6", "slow", lr=1e-6)
simple("SGD with rate 1e-4", "slow", make=SGD, lr=1e-4)
simple("rate zero", "no rate", lr=0.0)
simple("clipped to 1e-6, SGD", "clipped", make=SGD, lr=0.1, clip=1e-6)
simple(
    "summed loss, SGD 0.1", "summed loss", loss=lambda z, y: F.cross_entropy(z, y, reduction="sum"), make=SGD, lr=0.3
)
simple("L2 decay of 1 in Adam", "decay", weight_decay=1.0, steps=200, lr=3e-3)
simple("L2 decay of 1 in SGD", "decay", make=SGD, lr=0.05, weight_decay=1.0, steps=100)
simple("AdamW with decay 100", "decay", make=ADAMW, weight_decay=100.0, steps=100)


@sick("float16 underflow", "underflow")
def float16_underflow():
    model = mlp().half()
    x, y = table()
    return train(model, x=x.half(), y=y, loss=lambda z, y: 1e-7 * F.cross_entropy(z.float(), y), make=SGD, lr=0.1)


@sick("float16 overflow", "not finite")
def float16_overflow():
    model = filled(mlp().half(), weight=lambda p: p.mul_(300))
    return train(model, x=table()[0].half(), make=SGD, lr=1e-3, steps=10)


@sick("bfloat16 weights and steps below their rounding", "lost in rounding")
def bfloat16_rounding():
    return train(mlp().bfloat16(), x=table()[0].bfloat16(), make=SGD, lr=1e-3)


# How it starts

simple("all weights zero", "zero weights", model=lambda: filled(mlp(), weight=0.0, bias=0.0))
simple("all weights equal", "equal weights", model=lambda: filled(mlp(), weight=0.05, bias=0.0))
simple("all weights one", ("equal weights",), model=lambda: filled(mlp(), weight=1.0, bias=0.0))
simple("weights too large, tanh", ("exploding",), model=lambda: filled(
    mlp(sizes=(20, *[64] * 14, 4), phi=nn.Tanh), weight=lambda p: nn.init.normal_(p, std=0.6)))  # fmt: skip
simple("weights too small", "vanishing", model=lambda: filled(
    mlp(sizes=(20, *[64] * 14, 4)), weight=lambda p: nn.init.normal_(p, std=0.03)))  # fmt: skip
simple("20 ReLU layers as torch makes them", "vanishing", model=lambda: mlp(sizes=(20, *[64] * 19, 4)))
simple("biases that switch all units off", ("vanishing", "dead"), model=lambda: filled(mlp(), bias=-50.0))

# What it is made of

simple("12 sigmoid layers", "vanishing", model=lambda: mlp(sizes=(20, *[64] * 11, 4), phi=nn.Sigmoid))
simple("12 sigmoid layers, SGD", "vanishing", model=lambda: mlp(sizes=(20, *[64] * 11, 4), phi=nn.Sigmoid), make=SGD)
simple("40 narrow ReLU layers", "vanishing", model=lambda: filled(
    mlp(sizes=(20, *[5] * 39, 4)), weight=lambda p: nn.init.kaiming_normal_(p, nonlinearity="relu")))  # fmt: skip


class Residual(nn.Module):
    """Blocks h + W relu(h) with He's weights."""

    def __init__(self, depth, scale=1.0):
        super().__init__()
        self.stem, self.head, self.scale = nn.Linear(20, 64), nn.Linear(64, 4), scale
        self.blocks = nn.ModuleList(nn.Linear(64, 64) for _ in range(depth))
        for block in self.blocks:
            nn.init.kaiming_normal_(block.weight, nonlinearity="relu")

    def forward(self, x):
        h = self.stem(x)
        for block in self.blocks:
            h = h + self.scale * block(torch.relu(h))
        return self.head(h)


simple("30 residual branches without a scale", "exploding", model=lambda: Residual(30), make=SGD, lr=1e-6)


class Last(nn.Module):
    """The last state of a recurrent layer, and a readout of it."""

    def __init__(self, kind=nn.RNN, gain=None, **options):
        super().__init__()
        self.rnn, self.head = kind(8, 64, batch_first=True, **options), nn.Linear(64, 4)
        if gain is not None:
            nn.init.normal_(self.rnn.weight_hh_l0, std=gain / 8)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


LONG = torch.randn(256, 100, 8, generator=torch.Generator().manual_seed(1))
simple("RNN over 100 steps", "vanishing in time", model=Last, x=LONG, steps=10)
simple("LSTM over 100 steps", "vanishing in time", model=lambda: Last(nn.LSTM), x=LONG, steps=10)
simple("RNN with weights six times too large", "exploding in time", model=lambda: Last(gain=6.0), x=LONG, steps=10,
       lr=1e-6)  # fmt: skip

# Faults held out: written before there was any rule for most of them, and the rules after


def looped(model, body, optimizer, steps=STEPS):
    """Run `body(k, model, optimizer)` under a probe."""
    with probe(model) as p:
        for k in range(steps):
            body(k, model, optimizer)
    return p


def batch(k, n=64):
    some = torch.arange(n * k, n * (k + 1)) % 256
    x, y = table()
    return x[some], y[some]


def by_hand(name, *kinds, make=ADAM, lr=1e-3, model=mlp, steps=STEPS, **options):
    """An entry whose body is the function under this decorator."""

    def put(body):
        def listen():
            network = model()
            return looped(network, body, make(network.parameters(), lr=lr, **options), steps)

        SICK[name] = kinds, listen
        return body

    return put


@by_hand("zero_grad between backward and step", "no gradient")
def zeroed_too_late(k, model, optimizer):
    x, y = batch(k)
    F.cross_entropy(model(x), y).backward()
    optimizer.zero_grad()
    optimizer.step()


@by_hand("gradients zeroed in place between backward and step", "no gradient", make=SGD, lr=0.1)
def zeroed_in_place(k, model, optimizer):
    x, y = batch(k)
    F.cross_entropy(model(x), y).backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()


@by_hand("step before backward", "no gradient")
def step_first(k, model, optimizer):
    x, y = batch(k)
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()


@by_hand("backward on a new tensor of the loss's value", "unheard")
def loss_made_anew(k, model, optimizer):
    x, y = batch(k)
    optimizer.zero_grad()
    torch.tensor(F.cross_entropy(model(x), y).item(), requires_grad=True).backward()
    optimizer.step()


@by_hand("a loss of what argmax gives", "unheard")
def loss_of_argmax(k, model, optimizer):
    x, y = batch(k)
    optimizer.zero_grad()
    F.mse_loss(model(x).argmax(1).float().requires_grad_(), y.float()).backward()
    optimizer.step()


@by_hand("loss scaled and never unscaled", "scaled loss", make=SGD, lr=0.1)
def never_unscaled(k, model, optimizer):
    x, y = batch(k)
    optimizer.zero_grad()
    (2.0**16 * F.cross_entropy(model(x), y)).backward()
    optimizer.step()


@sick("a rate that falls tenfold at each step", "no rate")
def falling_rate():
    model = mlp()
    optimizer = SGD(model.parameters(), lr=0.1)
    plan = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1)

    def body(k, model, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        plan.step()

    return looped(model, body, optimizer)


@sick("all but the head frozen at random", "frozen")
def frozen_at_random():
    model = mlp()
    for p in model[:-1].parameters():
        p.requires_grad_(False)
    return train(model)


def through(function):
    return lambda: Net(lambda net, x: net.b(function(net.a(x))), a=nn.Linear(20, 64), b=nn.Linear(64, 4))


simple("sign as activation function", "no derivative", model=through(torch.sign))
simple("round between layers", "no derivative", model=through(torch.round))
simple("logits clamped to nothing", "no derivative", loss=lambda z, y: F.cross_entropy(z.clamp(-1e-6, 1e-6), y))
simple(
    "dropout of 0.99", "dropout", model=lambda: mlp(phi=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.99))), steps=80
)
simple("dropout of 1", "dropout", model=lambda: mlp(phi=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(1.0))))
simple("log_softmax over the batch", "wrong dimension", loss=lambda z, y: F.nll_loss(z.log_softmax(0), y))
simple("the logarithm of a softmax over the batch", "wrong dimension", model=lambda: mlp(nn.Softmax(0)),
       loss=lambda z, y: F.nll_loss(z.log(), y))  # fmt: skip
simple("layer norm over one unit", "one unit", model=lambda: mlp(nn.LayerNorm(1), sizes=(20, 64, 1)),
       loss=lambda z, y: F.mse_loss(z[:, 0], y), x=regression()[0], y=regression()[1])  # fmt: skip
simple("minus the loss", "wrong sign", loss=lambda z, y: -F.cross_entropy(z, y), steps=80)
simple("the loss times 10⁻⁸, SGD", "scaled loss", loss=lambda z, y: 1e-8 * F.cross_entropy(z, y), make=SGD, lr=0.1)
simple("Adam with an eps of 100", "slow", eps=100.0)
simple("sigmoid of a sigmoid", "activation twice", model=lambda: mlp(nn.Sigmoid(), nn.Sigmoid()),
       loss=lambda z, y: F.binary_cross_entropy(z, one_hot(z, y)))  # fmt: skip
simple("inputs of a millionth", "unscaled input", x=1e-6 * table()[0], steps=80)
simple("infinity in the data", "not finite", x=torch.where(torch.rand(256, 20) < 0.001, math.inf, table()[0]), steps=10)
simple("a column of the data divided by its spread of zero", "not finite", steps=10,
       x=(table()[0] * torch.tensor([0.0] + 19 * [1.0])).div(torch.tensor([0.0] + 19 * [1.0])))  # fmt: skip
simple("a logarithm of a relu", "not finite", model=lambda: mlp(nn.ReLU()), steps=10,
       loss=lambda z, y: F.nll_loss(z.log(), y))  # fmt: skip
simple(
    "a mask that hides everything",
    "not finite",
    steps=10,
    model=lambda: Net(
        lambda net, x: net.b((net.a(x) - math.inf * torch.ones(64)).softmax(-1)),
        a=nn.Linear(20, 64),
        b=nn.Linear(64, 4),
    ),
)
simple("all targets ignored", "not finite", loss=lambda z, y: F.cross_entropy(z, 0 * y - 100), steps=10)
simple("class weights of zero", "not finite", loss=lambda z, y: F.cross_entropy(z, y, weight=torch.zeros(4)), steps=10)
simple("softmax between the layers", "vanishing", steps=80,
       model=lambda: mlp(sizes=(20, *[64] * 4, 4), phi=lambda: nn.Softmax(-1)))  # fmt: skip
simple("a clip of each entry to 10⁻⁷", "clipped", make=SGD, lr=0.1, clip=1e-7)


@sick("gradients under inference_mode", "unheard")
def under_inference_mode():
    def call(net, x):
        with torch.inference_mode():
            h = torch.relu(net.a(x))
        return net.b(h.clone())

    return train(Net(call, a=nn.Linear(20, 64), b=nn.Linear(64, 4)))


# The course's own patients of the lessons on today's networks


def patient(letter, steps=60):
    """A patient of the clinic, trained under a probe."""
    return lambda: examine(admit(letter), steps)


SICK["patient H: attention logits that grow"] = ("sharp attention",), patient("H")
SICK["patient I: a wide network with a narrow one's step"] = ("fast",), patient("I")
SICK["patient K: second moments that are flushed"] = ("flushed moments",), patient("K")


@sick("weights and Adam's moments in float16", "flushed moments")
def all_in_float16():
    def body(k, model, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        F.cross_entropy(model(x.half()).float(), y).backward()
        optimizer.step()

    model = mlp(sizes=(20, 64, 64, 64, 4)).half()
    return looped(model, body, ADAM(model.parameters(), lr=1e-3))


@sick("a rate too large for fused attention", "sharp attention")
def fused_attention():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(256, 8, 16, generator=draw)
    y = (x[torch.arange(256), x[:, :, 0].argmax(1)] @ torch.randn(16, 4, generator=draw)).argmax(1)

    def call(net, x):
        h = net.a(x)
        for q, k, v in ((net.q, net.k, net.v), (net.r, net.l, net.w)):
            h = h + F.scaled_dot_product_attention(q(h), k(h), v(h))
        return net.b(h.mean(1))

    parts = {name: nn.Linear(32, 32) for name in "qkvrlw"}
    return train(Net(call, a=nn.Linear(16, 32), b=nn.Linear(32, 4), **parts), x=x, y=y, lr=0.1, steps=100)
