"""Networks and loops that are built unlike most, each healthy and with one fault.

STRANGE maps a name to (kinds, make): `make(sick)` gives a model and a function that trains it by one step, and `kinds`
are the finding kinds of which the first finding about the sick one must have one. `listened` trains one of them under
a probe; all of them are in SICK and HEALTHY under the same names.
"""

import functools
import itertools
import warnings

import torch
from healthy import HEALTHY
from networks import SICK, table
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vanishing.probe import probe

STEPS = 30
STRANGE = {}
X, Y = table()


def strange(name, *kinds):
    """Put a function of `sick` into STRANGE."""

    def put(make):
        STRANGE[name] = kinds, make
        SICK[name] = kinds, functools.partial(listened, make, True)
        HEALTHY[name] = functools.partial(listened, make, False)
        return make

    return put


def trained(make, sick, listen, steps=STEPS):
    """Train for some steps; returns the model, the losses, and the probe if there was to be one."""
    model, step = make(sick)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not listen:
            return model, [step(k) for k in range(steps)], None
        with probe(model) as p:
            return model, [step(k) for k in range(steps)], p


def listened(make, sick):
    """The probe of a network that was trained for some steps."""
    return trained(make, sick, True)[2]


def some(k, n=64):
    """A batch."""
    chosen = torch.arange(n * k, n * (k + 1)) % len(X)
    return X[chosen], Y[chosen]


def by(optimizer, loss):
    """A step of one optimiser; `loss(k)` is that of step k."""

    def step(k):
        optimizer.zero_grad()
        value = loss(k)
        value.backward()
        optimizer.step()
        return value.item()

    return step


class Recomputed(nn.Module):
    """A transformer whose blocks are computed again in the backward pass."""

    def __init__(self, reentrant):
        super().__init__()
        self.words, self.head, self.reentrant = nn.Embedding(50, 32), nn.Linear(32, 4), reentrant
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True) for _ in range(3)
        )
        self.words.requires_grad_(not reentrant)

    def forward(self, x):
        h = self.words(x)
        for block in self.blocks:
            h = checkpoint(block, h, use_reentrant=self.reentrant)
        return self.head(h.mean(1))


@strange("a transformer computed again in the backward pass", "unheard")
def recomputed(sick):
    """Sick: the old way of checkpointing over an input without gradient, which leaves the blocks without any."""
    model, words = Recomputed(sick), torch.randint(50, (256, 12))

    def loss(k):
        chosen = torch.arange(64 * k, 64 * (k + 1)) % 256
        return F.cross_entropy(model(words[chosen]), words[chosen, 0] % 4)

    return model, by(torch.optim.AdamW(model.parameters(), lr=1e-3), loss)


class Complex(nn.Module):
    """Three layers of complex numbers, with a ReLU of the modulus, and the modulus as logits."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(a, b, dtype=torch.cfloat) for a, b in ((20, 64), (64, 64), (64, 4)))
        self.shift = nn.Parameter(torch.full((64,), -0.05))

    def forward(self, x):
        z = x.to(torch.cfloat)
        for part in self.parts[:-1]:
            z = part(z)
            size = z.abs() + 1e-6
            z = z * F.relu(size + self.shift) / size
        return self.parts[-1](z).abs()


@strange("a network of complex numbers", "fast")
def complex_numbers(sick):
    """Sick: a rate that is far too large."""
    model = Complex()
    rate = 1.0 if sick else 1e-3

    def loss(k):
        return F.cross_entropy(model(some(k)[0]), some(k)[1])

    return model, by(torch.optim.Adam(model.parameters(), lr=rate), loss)


class Messages(nn.Module):
    """Eight rounds of messages between 60 nodes, added up at their ends; where they are sums, ever more arrives."""

    def __init__(self, mean):
        super().__init__()
        self.enter, self.out, self.mean = nn.Linear(20, 32), nn.Linear(32, 4), mean
        self.rounds = nn.ModuleList(nn.Linear(32, 32) for _ in range(8))

    def forward(self, x, ends):
        h = self.enter(x)
        source, target = ends
        degree = torch.zeros(len(x)).index_add(0, target, torch.ones(len(target))).clamp(min=1)
        for part in self.rounds:
            arrived = torch.zeros_like(h).index_add(0, target, part(h)[source])
            h = h + F.relu(arrived / degree[:, None] / 3) if self.mean else F.relu(arrived)
        return self.out(h)


@strange("messages on a graph, scattered", "exploding")
def messages(sick):
    """Sick: sums over 40 neighbours where the mean is meant."""
    model, ends = Messages(not sick), torch.randint(60, (2, 60 * 40))

    def loss(k):
        return F.cross_entropy(model(X[:60], ends), Y[:60])

    return model, by(torch.optim.SGD(model.parameters(), lr=1e-2 if not sick else 1e-12), loss)


@strange("sparse embeddings with an optimiser of their own", "no optimiser")
def sparse(sick):
    """Sick: that optimiser's step is forgotten."""
    model = nn.ModuleDict({"words": nn.EmbeddingBag(3000, 16, sparse=True), "head": nn.Linear(16, 4)})
    first = torch.optim.SparseAdam(model["words"].parameters(), lr=1e-2)
    second = torch.optim.Adam(model["head"].parameters(), lr=1e-2)
    words = torch.randint(3000, (256, 10))

    def step(k):
        first.zero_grad(), second.zero_grad()
        chosen = torch.arange(64 * k, 64 * (k + 1)) % 256
        value = F.cross_entropy(model["head"](model["words"](words[chosen])), words[chosen, 0] % 4)
        value.backward()
        if not sick:
            first.step()
        second.step()
        return value.item()

    return model, step


@strange("the generator of a GAN, by itself", "unheard")
def generator(sick):
    """Sick: what it makes is detached in its own step, too."""
    model = nn.Sequential(nn.Linear(8, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 20))
    critic = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    mine, its = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (model, critic))

    def step(k):
        its.zero_grad()
        made = model(torch.randn(64, 8))
        (F.relu(1 - critic(some(k)[0])).mean() + F.relu(1 + critic(made.detach())).mean()).backward()
        its.step()
        mine.zero_grad()
        made = model(torch.randn(64, 8))
        value = -critic(made.detach() if sick else made).mean()
        value.backward()
        mine.step()
        return value.item()

    return model, step


class Packed(nn.Module):
    """An LSTM over sequences of different lengths, with its state carried on."""

    def __init__(self):
        super().__init__()
        self.core, self.head = nn.LSTM(6, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, x, lengths, state):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.core(packed, state)
        return self.head(state[0][-1]), tuple(s.detach() for s in state)


@strange("packed sequences, in pieces", "no zero_grad")
def packed(sick):
    """Four pieces of a sequence make one step. Sick: no gradient is ever set to zero."""
    model, x, lengths = Packed(), torch.randn(32, 4, 8, 6), torch.randint(3, 9, (32,))
    wanted = (x[:, 0, 0, :4]).argmax(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def step(k):
        if not sick:
            optimizer.zero_grad()
        state, total = None, 0.0
        for piece in range(4):
            logits, state = model(x[:, piece], lengths, state)
            value = F.cross_entropy(logits, wanted) / 4
            value.backward()
            total += value.item()
        optimizer.step()
        return total

    return model, step


@strange("a moving average and a stochastic average of the weights", "no optimiser")
def averaged(sick):
    """Sick: the optimiser is given the average's weights and not the model's."""
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4))
    moving = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.Adam((moving if sick else model).parameters(), lr=1e-3)
    loss = by(optimizer, lambda k: F.cross_entropy(model(some(k)[0]), some(k)[1]))

    def step(k):
        value = loss(k)
        moving.update_parameters(model)
        if k % 5 == 4:
            average.update_parameters(model)
            torch.optim.swa_utils.update_bn([X[:64], X[64:128]], average)
        return value

    return model, step


@strange("a rate for each layer, the lowest of them thawed late", "fast")
def thawed(sick):
    """Sick: the head's rate is a hundred thousand times too large."""
    sizes = (20, 64, 64, 64, 4)
    parts = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    model = nn.Sequential(*(m for part in parts[:-1] for m in (part, nn.ReLU())), parts[-1])
    for part in parts[:-1]:
        nn.init.kaiming_normal_(part.weight)
    parts[0].requires_grad_(False)
    groups = [{"params": part.parameters(), "lr": 3e-3 * 0.7 ** (3 - k)} for k, part in enumerate(parts)]
    if sick:
        groups[-1]["lr"] = 300.0
    inner = by(torch.optim.AdamW(groups), lambda k: F.cross_entropy(model(some(k)[0]), some(k)[1]))

    def step(k):
        if k == 10:
            parts[0].requires_grad_(True)
        return inner(k)

    return model, step


@strange("a loss scaler beside bfloat16", "clipped")
def scaler(sick):
    """Sick: gradients are clipped while they are still scaled."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer, scale = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")

    def step(k):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = F.cross_entropy(model(some(k)[0]), some(k)[1])
        scale.scale(value).backward()
        if not sick:
            scale.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scale.step(optimizer)
        scale.update()
        return value.item()

    return model, step


@strange("an optimiser for each weight, inside the backward pass", "fast")
def in_backward(sick):
    """Each gradient is used and freed as soon as it is there. Sick: a rate that is far too large."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    own = {p: torch.optim.Adam([p], lr=1.0 if sick else 1e-3) for p in model.parameters()}

    def use(p):
        own[p].step()
        own[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(use)

    def step(k):
        value = F.cross_entropy(model(some(k)[0]), some(k)[1])
        value.backward()
        return value.item()

    return model, step


class Product(torch.autograd.Function):
    """x Wᵀ with a backward pass of its own; with `sick`, it has forgotten the weights."""

    @staticmethod
    def forward(ctx, x, weight, sick):
        ctx.save_for_backward(x, weight)
        ctx.sick = sick
        return x @ weight.T

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight, None if ctx.sick else grad.T @ x, None


class Own(nn.Module):
    """A layer around `Product`."""

    def __init__(self, a, b, sick):
        super().__init__()
        self.weight, self.sick = nn.Parameter(torch.randn(b, a) / a**0.5), sick

    def forward(self, x):
        return Product.apply(x, self.weight, self.sick)


@strange("a layer with a backward pass of its own", "unheard")
def own_backward(sick):
    """Sick: that pass gives nothing to the weights."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), Own(64, 64, sick), nn.ReLU(), nn.Linear(64, 4))

    def loss(k):
        return F.cross_entropy(model(some(k)[0]), some(k)[1])

    return model, by(torch.optim.Adam(model.parameters(), lr=1e-3), loss)


class Latents(nn.Module):
    """Eight learned vectors that read a sequence by cross-attention, where it is not padding."""

    def __init__(self):
        super().__init__()
        self.latents, self.enter = nn.Parameter(torch.randn(8, 32) * 0.02), nn.Linear(6, 32)
        self.read, self.think = (nn.MultiheadAttention(32, 4, batch_first=True) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 4)

    def forward(self, x, padding):
        h, given = self.latents.expand(len(x), -1, -1), self.enter(x)
        h = h + self.read(h, given, given, key_padding_mask=padding)[0]
        h = h + self.think(self.norm(h), self.norm(h), self.norm(h), need_weights=False)[0]
        return self.head(h.mean(1))


@strange("learned vectors that read by cross-attention", "not finite")
def latents(sick):
    """Sick: one sample is nothing but padding."""
    model, x = Latents(), torch.randn(64, 10, 6)
    padding = torch.arange(10) >= torch.randint(3, 11, (64, 1))
    if sick:
        padding[5] = True
    wanted = x[:, 0, :4].argmax(1)

    def loss(k):
        return F.cross_entropy(model(x, padding), wanted)

    return model, by(torch.optim.AdamW(model.parameters(), lr=1e-3), loss)
