"""Healthy networks and training loops, small rebuilds at their own initialisation: there is nothing to find."""

import copy
import itertools
import math

import torch
from networks import ADAMW, SGD, STEPS, Net, one_hot, regression, simple, table, train  # noqa: F401
from torch import nn
from torch.nn import functional as F

from vanishing.probe import probe

HEALTHY = {}
X, Y = table()
IMAGES = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(2))
WORDS = torch.randint(1, 50, (128, 12), generator=torch.Generator().manual_seed(3))


def well(name):
    """Put a function that returns a probe into HEALTHY."""
    return lambda function: HEALTHY.setdefault(name, function)


def plain(name, network, **options):
    """An entry that is a call of `train`."""
    HEALTHY[name] = lambda: train(network(), **options)


def he(model):
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias) if m.bias is not None else None
    return model


def mlp(*end, sizes=(20, 64, 64, 4), phi=nn.ReLU, norm=None):
    parts = []
    for a, b in itertools.pairwise(sizes):
        parts += [nn.Linear(a, b), *([norm(b)] if norm else []), phi()]
    return nn.Sequential(*parts[: -2 if norm else -1], *end)


# Multilayer perceptrons and their loops

plain("MLP, Adam", mlp)
plain("MLP, SGD", mlp, make=SGD, lr=0.1)
plain("MLP, momentum", mlp, make=SGD, lr=0.05, momentum=0.9)
plain("MLP, Nesterov", mlp, make=SGD, lr=0.05, momentum=0.9, nesterov=True)
plain("MLP, RMSprop", mlp, make=torch.optim.RMSprop, lr=1e-3)
plain("MLP, Adagrad", mlp, make=torch.optim.Adagrad, lr=1e-2)
plain("MLP, NAdam", mlp, make=torch.optim.NAdam, lr=1e-3)
plain("MLP, AdamW with decay", mlp, make=ADAMW, lr=1e-3, weight_decay=0.1)
plain("MLP, AdamW with decay 10 and rate 0.01", mlp, make=ADAMW, lr=0.01, weight_decay=10.0)
plain("MLP, clipped to 1", mlp, clip=1.0)
plain("MLP, 400 steps", mlp, steps=400, lr=3e-3)
for phi in (nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.LeakyReLU, nn.Softplus, nn.Sigmoid, nn.Hardtanh, nn.Mish):
    plain(f"MLP, {phi.__name__}", lambda phi=phi: mlp(phi=phi))
plain("MLP, batch norm", lambda: mlp(norm=nn.BatchNorm1d))
plain("MLP, layer norm", lambda: mlp(norm=nn.LayerNorm))
plain("MLP, dropout", lambda: mlp(phi=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.5))))
plain("20 ReLU layers, He", lambda: he(mlp(sizes=(20, *[64] * 19, 4))), lr=3e-4)
plain("wide MLP", lambda: mlp(sizes=(20, 512, 512, 4)))
plain("logistic regression", lambda: nn.Linear(20, 4), lr=1e-2)
plain("linear regression, SGD", lambda: nn.Linear(20, 1), x=X, y=regression()[1], make=SGD, lr=0.05,
      loss=lambda z, y: F.mse_loss(z[:, 0], y))  # fmt: skip
plain("regression, by hand", lambda: mlp(sizes=(20, 64, 1)), x=X, y=regression()[1],
      loss=lambda z, y: ((z.squeeze(1) - y) ** 2).mean())  # fmt: skip
plain("regression, Huber", lambda: mlp(sizes=(20, 64, 1)), x=X, y=regression()[1],
      loss=lambda z, y: F.huber_loss(z[:, 0], y))  # fmt: skip
plain("log_softmax and nll_loss", lambda: mlp(nn.LogSoftmax(-1)), loss=F.nll_loss)
plain("BCE with logits", mlp, loss=lambda z, y: F.binary_cross_entropy_with_logits(z, one_hot(z, y)))
plain("sigmoid and BCE", lambda: mlp(nn.Sigmoid()), loss=lambda z, y: F.binary_cross_entropy(z, one_hot(z, y)))
plain("hinge loss", lambda: mlp(sizes=(20, 64, 1)),
      loss=lambda z, y: torch.relu(1 - z[:, 0] * (2.0 * (y > 1) - 1)).mean())  # fmt: skip
plain("squared error behind a sigmoid", lambda: mlp(nn.Sigmoid()), loss=lambda z, y: F.mse_loss(z, one_hot(z, y)))
plain("label smoothing", mlp, loss=lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1))
plain("a head that starts at zero", lambda: zero(mlp(), -1))
plain("several names for one weight", lambda: tied_autoencoder(), x=X, y=X, loss=lambda z, y: F.mse_loss(z, y))


def zero(model, k):
    nn.init.zeros_(model[k].weight), nn.init.zeros_(model[k].bias)
    return model


def tied_autoencoder():
    w = nn.Linear(20, 10)
    return Net(lambda net, x: F.linear(torch.tanh(net.w(x)), net.w.weight.t()), w=w)


def looped(model, body, steps=STEPS, optimizer=None, listen=None):
    """Run `body(k, optimizer)` under a probe."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-3)
    with probe(listen or model) as p:
        for k in range(steps):
            body(k, optimizer)
    return p


def batch(k, x=X, y=Y, n=64):
    some = torch.arange(n * k, n * (k + 1)) % len(x)
    return x[some], y[some]


@well("warm-up from zero, then cosine")
def warm_up():
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    plan = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: k / 10 if k < 10 else 0.5 * (1 + math.cos(math.pi * (k - 10) / 50))
    )

    def body(k, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        plan.step()

    return looped(model, body, 60, optimizer)


@well("the first steps of a long warm-up")
def long_warm_up():
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: k / 10000)

    def body(k, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        plan.step()

    return looped(model, body, STEPS, optimizer)


@well("gradients of four batches together")
def accumulated():
    model = mlp()

    def body(k, optimizer):
        x, y = batch(k)
        (F.cross_entropy(model(x), y) / 4).backward()
        if k % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()

    return looped(model, body, 80)


@well("zero_grad after the step, gradients kept as zeros")
def zero_after():
    model = mlp()

    def body(k, optimizer):
        x, y = batch(k)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return looped(model, body)


@well("a closure, as Lightning gives one")
def closure():
    model = mlp()

    def body(k, optimizer):
        def evaluate():
            x, y = batch(k)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.step(evaluate)

    return looped(model, body)


@well("LBFGS")
def lbfgs():
    model = mlp()

    def body(k, optimizer):
        def evaluate():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X), Y)
            loss.backward()
            return loss

        optimizer.step(evaluate)

    return looped(model, body, 8, torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4))


@well("bfloat16 autocast")
def autocast():
    model = mlp()

    def body(k, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return looped(model, body)


@well("loss scaling and clipping")
def scaled():
    model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=2.0**10)

    def body(k, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    return looped(model, body)


@well("evaluation between the epochs")
def evaluated():
    model = mlp(phi=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.2)))

    def body(k, optimizer):
        model.train()
        x, y = batch(k)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            model(x)

    return looped(model, body)


@well("gradient penalty")
def penalty():
    critic = mlp(sizes=(20, 64, 64, 1))

    def body(k, optimizer):
        x, y = batch(k)
        x = x.clone().requires_grad_()
        optimizer.zero_grad()
        out = critic(x)[:, 0]
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        (
            F.binary_cross_entropy_with_logits(out, (y > 1).float()) + 0.1 * (slope.norm(dim=1) - 1).square().mean()
        ).backward()
        optimizer.step()

    return looped(critic, body)


@well("mean teacher")
def teacher():
    model = mlp()
    other = copy.deepcopy(model).requires_grad_(False)

    def body(k, optimizer):
        x, y = batch(k)
        optimizer.zero_grad()
        out = model(x)
        (F.cross_entropy(out, y) + 0.1 * F.mse_loss(out, other(x))).backward()
        optimizer.step()
        for a, b in zip(other.parameters(), model.parameters(), strict=True):
            a.data.lerp_(b.data, 0.01)

    return looped(model, body)


@well("distillation from a frozen network")
def distilled():
    model, other = mlp(), mlp().requires_grad_(False)

    def body(k, optimizer):
        x, _ = batch(k)
        optimizer.zero_grad()
        F.kl_div(F.log_softmax(model(x), 1), F.softmax(other(x), 1), reduction="batchmean").backward()
        optimizer.step()

    return looped(model, body)


@well("fine-tuning a head on a trained network")
def fine_tuned():
    model = train(mlp(), steps=60).model
    for p in model[:-1].parameters():
        p.requires_grad_(False)
    return train(model, parameters=model[-1].parameters())


# Heads and players


@well("two heads in turn")
def heads_in_turn():
    model = nn.ModuleDict({"trunk": nn.Linear(20, 64), "a": nn.Linear(64, 4), "b": nn.Linear(64, 2)})

    def body(k, optimizer):
        x, y = batch(k)
        h = torch.relu(model["trunk"](x))
        optimizer.zero_grad()
        loss = F.cross_entropy(model["a"](h), y) if k % 2 else F.cross_entropy(model["b"](h), y // 2)
        loss.backward()
        optimizer.step()

    return looped(model, body)


@well("a faint auxiliary head")
def auxiliary():
    model = Net(
        lambda net, x: (net.main(h := torch.relu(net.trunk(x))), net.aux(h)),
        trunk=nn.Linear(20, 64), main=nn.Linear(64, 4), aux=nn.Linear(64, 2),
    )  # fmt: skip
    return train(model, loss=lambda z, y: F.cross_entropy(z[0], y) + 0.003 * F.cross_entropy(z[1], y // 2))


@well("actor and critic with a small coefficient")
def actor_critic(returns=1.0, coefficient=1e-6):
    model = Net(
        lambda net, x: (net.actor(h := torch.tanh(net.trunk(x))), net.critic(h)),
        trunk=nn.Linear(20, 64), actor=nn.Linear(64, 4), critic=nn.Linear(64, 1),
    )  # fmt: skip

    def loss(z, y):
        chosen = F.log_softmax(z[0], 1).gather(1, y[:, None])[:, 0]
        return -chosen.mean() + coefficient * (z[1][:, 0] - returns * (y > 1).float()).square().mean()

    return train(model, loss=loss)


HEALTHY["actor and critic with large returns"] = lambda: actor_critic(1e3, 0.5)


@well("a GAN in one module")
def gan():
    model = nn.ModuleDict(
        {"g": mlp(nn.Tanh(), sizes=(8, 64, 20)), "d": mlp(sizes=(20, 64, 1), phi=lambda: nn.LeakyReLU(0.2))}
    )
    first, second = (torch.optim.Adam(model[k].parameters(), lr=2e-4, betas=(0.5, 0.9)) for k in "gd")

    def body(k, _):
        x, _ = batch(k)
        fake = model["g"](torch.randn(64, 8))
        second.zero_grad()
        real_score, fake_score = model["d"](torch.tanh(x)), model["d"](fake.detach())
        (F.softplus(-real_score).mean() + F.softplus(fake_score).mean()).backward()
        second.step()
        first.zero_grad()
        F.softplus(-model["d"](fake)).mean().backward()
        first.step()

    return looped(model, body, optimizer=first)


@well("a siamese network with a triplet loss")
def siamese():
    model = mlp(sizes=(20, 64, 16))

    def body(k, optimizer):
        x, _ = batch(k)
        optimizer.zero_grad()
        F.triplet_margin_loss(model(x), model(x + 0.1 * torch.randn(64, 20)), model(x.flip(0))).backward()
        optimizer.step()

    return looped(model, body)


@well("a variational autoencoder")
def vae():
    model = Net(
        lambda net, x: (net.up(m + torch.randn_like(m) * (0.5 * (s := net.s(h))).exp()), m, s)
        if (h := torch.relu(net.down(x))) is not None and (m := net.m(h)) is not None else None,
        down=nn.Linear(20, 64), m=nn.Linear(64, 4), s=nn.Linear(64, 4), up=mlp(sizes=(4, 64, 20)),
    )  # fmt: skip
    return train(
        model, x=X, y=X, loss=lambda z, y: F.mse_loss(z[0], y) - 0.005 * (1 + z[2] - z[1] ** 2 - z[2].exp()).mean()
    )


@well("DQN with a target network")
def dqn():
    model = mlp()
    target = copy.deepcopy(model)

    def body(k, optimizer):
        x, y = batch(k)
        with torch.no_grad():
            aim = 0.1 * y + 0.9 * target(x.flip(0)).max(1).values
        optimizer.zero_grad()
        F.smooth_l1_loss(model(x).gather(1, y[:, None])[:, 0], aim).backward()
        optimizer.step()

    return looped(model, body)


@well("a mixture of experts")
def experts():
    def call(net, x):
        gate = net.gate(x).softmax(-1)
        return sum(gate[:, k, None] * e(x) for k, e in enumerate(net.experts))

    model = Net(call, gate=nn.Linear(20, 4), experts=nn.ModuleList(mlp(sizes=(20, 32, 4)) for _ in range(4)))
    return train(model)


# Branches that start at zero, or small


class LoRA(nn.Module):
    """A frozen layer and two narrow ones beside it, of which one starts at zero (Hu et al. 2022)."""

    def __init__(self, a, b, rank=4):
        super().__init__()
        self.base = nn.Linear(a, b).requires_grad_(False)
        self.A, self.B = nn.Linear(a, rank, bias=False), nn.Linear(rank, b, bias=False)
        nn.init.zeros_(self.B.weight)

    def forward(self, x):
        return self.base(x) + 2 * self.B(self.A(x))


@well("LoRA")
def lora():
    model = nn.Sequential(LoRA(20, 64), nn.GELU(), LoRA(64, 64), nn.GELU(), nn.Linear(64, 4))
    return train(model, parameters=[p for p in model.parameters() if p.requires_grad])


class Branch(nn.Module):
    """x + scale · branch(x), with a scale that is learned, for each channel or for all."""

    def __init__(self, branch, scale):
        super().__init__()
        self.branch, self.scale = branch, nn.Parameter(scale)

    def forward(self, x):
        return x + self.scale * self.branch(x)


def branches(scale, depth=6):
    block = lambda: nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))  # noqa: E731
    return nn.Sequential(nn.Linear(20, 64), *(Branch(block(), scale.clone()) for _ in range(depth)), nn.Linear(64, 4))


plain("layer scale of 1e-6", lambda: branches(torch.full((64,), 1e-6)), make=ADAMW)
plain("ReZero", lambda: branches(torch.zeros(1)))
plain("residual branches as they are", lambda: branches(torch.ones(1)))


def conv(a, b, **options):
    return nn.Conv2d(a, b, 3, padding=1, **options)


class Basic(nn.Module):
    """ResNet's basic block, with the last norm started at zero if asked (Goyal et al. 2017)."""

    def __init__(self, n, zero=False):
        super().__init__()
        self.a, self.b, self.na, self.nb = (
            conv(n, n, bias=False),
            conv(n, n, bias=False),
            nn.BatchNorm2d(n),
            nn.BatchNorm2d(n),
        )
        if zero:
            nn.init.zeros_(self.nb.weight)

    def forward(self, x):
        return F.relu(x + self.nb(self.b(F.relu(self.na(self.a(x))))))


def resnet(zero=False, n=16):
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 4)]
    return nn.Sequential(
        conv(3, n, bias=False), nn.BatchNorm2d(n), nn.ReLU(), *(Basic(n, zero) for _ in range(4)), *pool
    )


PICTURES = {"x": IMAGES, "y": Y[:64], "batch": 32, "steps": 12}
plain("ResNet", resnet, **PICTURES)
plain("ResNet, SGD 0.1", resnet, make=SGD, lr=0.1, momentum=0.9, **PICTURES)
plain("ResNet, zero_init_residual", lambda: resnet(True), **PICTURES)
plain("convolutions, pooling", lambda: nn.Sequential(conv(3, 16), nn.ReLU(), nn.MaxPool2d(2), conv(16, 32), nn.ReLU(),
      nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 4)), **PICTURES)  # fmt: skip


class CNBlock(nn.Module):
    """ConvNeXt's block: depthwise, norm, two pointwise layers and a scale of 1e-6 with two dimensions to broadcast."""

    def __init__(self, n):
        super().__init__()
        self.deep, self.norm = nn.Conv2d(n, n, 7, padding=3, groups=n), nn.LayerNorm(n)
        self.up, self.down = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)
        self.layer_scale = nn.Parameter(torch.ones(n, 1, 1) * 1e-6)
        for m in (self.deep, self.up, self.down):
            nn.init.trunc_normal_(m.weight, std=0.02), nn.init.zeros_(m.bias)

    def forward(self, x):
        h = self.norm(self.deep(x).permute(0, 2, 3, 1))
        return x + self.layer_scale * self.down(F.gelu(self.up(h))).permute(0, 3, 1, 2)


plain("ConvNeXt", lambda: nn.Sequential(nn.Conv2d(3, 16, 4, 4), CNBlock(16), CNBlock(16), nn.AdaptiveAvgPool2d(1),
      nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 4)), make=ADAMW, **PICTURES)  # fmt: skip


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, n):
        super().__init__()
        self.a, self.b = nn.Linear(n, n // 4), nn.Linear(n // 4, n)

    def forward(self, x):
        return x * torch.sigmoid(self.b(F.relu(self.a(x.mean((2, 3))))))[:, :, None, None]


plain("squeeze and excitation", lambda: nn.Sequential(conv(3, 16), nn.BatchNorm2d(16), nn.SiLU(), Squeeze(16),
      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)), **PICTURES)  # fmt: skip


@well("a U-net")
def unet():
    def call(net, x):
        a = F.relu(net.down(x))
        b = F.relu(net.deep(F.max_pool2d(a, 2)))
        return net.out(torch.cat([a, F.interpolate(net.mid(b), scale_factor=2.0)], 1))

    model = Net(call, down=conv(3, 8), deep=conv(8, 16), mid=conv(16, 8), out=nn.Conv2d(16, 2, 1))
    return train(model, **{**PICTURES, "y": (IMAGES[:, 0] > 0).long()})


# Words and attention


class Attention(nn.Module):
    """Multi-head attention with query, key and value as layers of their own, as BERT has it."""

    def __init__(self, d, heads=4):
        super().__init__()
        self.query, self.key, self.value, self.out, self.heads = *(nn.Linear(d, d) for _ in range(4)), heads

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        h = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1) @ v
        return self.out(h.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, d, post):
        super().__init__()
        self.attention, self.up, self.down, self.post = Attention(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d), post
        self.a, self.b = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        if self.post:
            x = self.a(x + self.attention(x))
            return self.b(x + self.down(F.gelu(self.up(x))))
        x = x + self.attention(self.a(x))
        return x + self.down(F.gelu(self.up(self.b(x))))


class Words(nn.Module):
    """A transformer over words as BERT or GPT-2 starts: a class for each sequence, or a word for each place."""

    def __init__(self, post=True, every=False, tied=False, d=32, vocabulary=50, std=0.02):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, d), nn.Embedding(12, d)
        self.norm, self.blocks = nn.LayerNorm(d), nn.Sequential(*(Block(d, post) for _ in range(3)))
        self.head, self.every = nn.Linear(d, vocabulary if every else 4, bias=not tied), every
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)) and std:
                nn.init.normal_(m.weight, std=std)
                if getattr(m, "bias", None) is not None:
                    nn.init.zeros_(m.bias)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, x):
        h = self.words(x) + self.places(torch.arange(x.shape[1]))
        h = self.blocks(self.norm(h))
        return self.head(h if self.every else h[:, 0])


TEXT = {"x": WORDS, "y": (WORDS[:, 1] % 4), "batch": 32, "steps": 15}
LANGUAGE = {**TEXT, "y": WORDS.roll(-1, 1), "loss": lambda z, y: F.cross_entropy(z.flatten(0, 1), y.flatten())}
plain("BERT, one class a sequence", Words, make=ADAMW, lr=1e-4, **TEXT)
plain("GPT, pre-LN, tied weights", lambda: Words(post=False, every=True, tied=True), make=ADAMW, clip=1.0, **LANGUAGE)
plain("transformer, torch's own start", lambda: Words(std=None, every=True), **LANGUAGE)
plain("torch's transformer encoder", lambda: nn.Sequential(nn.Embedding(50, 32), nn.TransformerEncoder(
      nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2, enable_nested_tensor=False), nn.Linear(32, 50)),
      **LANGUAGE)  # fmt: skip


class Bag(nn.Module):
    def __init__(self, vocabulary=20000, sparse=False, kind=nn.Embedding):
        super().__init__()
        self.words, self.head = kind(vocabulary, 16, sparse=sparse), nn.Linear(16, 4)

    def forward(self, x):
        h = self.words(x)
        return self.head(h.mean(1) if h.dim() == 3 else h)


plain("a large embedding", Bag, **TEXT)
plain("a large embedding bag", lambda: Bag(kind=nn.EmbeddingBag), **TEXT)
plain("a sparse embedding, SGD", lambda: Bag(sparse=True), make=SGD, lr=0.5, **TEXT)


class Sequence(nn.Module):
    def __init__(self, kind, all_steps=True, **options):
        super().__init__()
        self.rnn, self.head, self.all_steps = kind(8, 32, batch_first=True, **options), nn.Linear(32, 4), all_steps

    def forward(self, x):
        h = self.rnn(x)[0]
        return self.head(h.mean(1) if self.all_steps else h[:, -1])


SHORT_SEQUENCES = {"x": torch.randn(128, 12, 8), "y": Y[:128], "batch": 32, "steps": 15}
for kind in (nn.RNN, nn.LSTM, nn.GRU):
    plain(f"{kind.__name__}, all states", lambda kind=kind: Sequence(kind), **SHORT_SEQUENCES)
plain("LSTM, two layers both ways", lambda: Net(lambda net, x: net.head(net.rnn(x)[0].mean(1)),
      rnn=nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True),
      head=nn.Linear(32, 4)), **SHORT_SEQUENCES)  # fmt: skip
plain("one head for several scales", lambda: Net(
      lambda net, x: sum(map(net.head, itertools.accumulate(net.parts, lambda h, f: torch.relu(f(h)), initial=x))),
      parts=nn.ModuleList(nn.Linear(20, 20) for _ in range(6)), head=nn.Linear(20, 4)))  # fmt: skip
plain("weights shared over six layers", lambda: Net(lambda net, x: net.out(_times(net.cell, torch.tanh(net.inp(x)), 6)),
      inp=nn.Linear(20, 64), cell=nn.Linear(64, 64), out=nn.Linear(64, 4)))  # fmt: skip


def _times(cell, h, n):
    for _ in range(n):
        h = h + 0.3 * torch.tanh(cell(h))
    return h


class Graph(nn.Module):
    """Two graph convolutions: weights without a bias, and a bias of the layer's own (Kipf & Welling 2017)."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 32, bias=False), nn.Linear(32, 4, bias=False)
        self.bias = nn.Parameter(torch.zeros(32))
        self.register_buffer("edges", (torch.eye(256) + torch.roll(torch.eye(256), 1, 0)) / 2)

    def forward(self, x):
        return self.edges @ self.b(torch.relu(self.edges @ self.a(x) + self.bias))


plain("a graph network", Graph, batch=256)


@well("inputs scaled, deep and with batch norm")
def deep_norm():
    return train(mlp(sizes=(20, *[64] * 10, 4), norm=nn.BatchNorm1d), x=(X - X.mean(0)) / X.std(0))


@well("weight norm and spectral norm")
def norms():
    wrap, spectral = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
    return train(
        nn.Sequential(wrap(nn.Linear(20, 64)), nn.ReLU(), spectral(nn.Linear(64, 64)), nn.ReLU(), nn.Linear(64, 4))
    )


# Strange and well


@well("signs with a straight-through estimator")
def straight_through():
    def call(net, x):
        h = net.a(x)
        return net.b(h.clamp(-1, 1) + (torch.sign(h) - h.clamp(-1, 1)).detach())

    return train(Net(call, a=nn.Linear(20, 64), b=nn.Linear(64, 4)))


class Quantised(nn.Module):
    """Fifteen values for a weight, and its gradient as if there were all."""

    def forward(self, w):
        step = w.detach().abs().max() / 7
        return w + ((w / step).round() * step - w).detach()


@well("fake quantisation of weights")
def fake_quantised():
    model = mlp()
    for layer in model[::2]:
        nn.utils.parametrize.register_parametrization(layer, "weight", Quantised())
    return train(model)


@well("attention over the instances of a bag")
def bag_of_instances():
    def call(net, x):
        h = torch.tanh(net.a(x)).unflatten(0, (-1, 8))
        return torch.stack([net.out((net.w(bag).softmax(0) * bag).sum(0)) for bag in h])

    y = torch.arange(16) % 2
    return train(
        Net(call, a=nn.Linear(20, 64), w=nn.Linear(64, 1), out=nn.Linear(64, 2)),
        x=X[:128],
        y=Y[:128],
        batch=128,
        loss=lambda z, _: F.cross_entropy(z, y),
    )


@well("pictures and words, contrasted")
def contrasted():
    m = Net(
        lambda net, x: (F.normalize(net.a(x), dim=1) @ F.normalize(net.b(x.flip(1)), dim=1).t()) * net.t.exp(),
        a=mlp(sizes=(20, 64, 16)),
        b=mlp(sizes=(20, 64, 16)),
        t=nn.Parameter(torch.tensor(2.6)),
    )
    y = torch.arange(64)
    return train(m, loss=lambda z, _: (F.cross_entropy(z, y) + F.cross_entropy(z.t(), y)) / 2)


@well("SIREN")
def siren():
    m = Net(
        lambda net, x: net.c(torch.sin(30 * net.b(torch.sin(30 * net.a(x))))),
        a=nn.Linear(2, 64),
        b=nn.Linear(64, 64),
        c=nn.Linear(64, 1),
    )
    with torch.no_grad():
        m.a.weight.uniform_(-1 / 2, 1 / 2), m.b.weight.uniform_(-math.sqrt(6 / 64) / 30, math.sqrt(6 / 64) / 30)
    x = torch.rand(256, 2) * 2 - 1
    return train(m, x=x, y=torch.sin(4 * x[:, 0]) * x[:, 1], lr=1e-4, loss=lambda z, y: F.mse_loss(z[:, 0], y))


@well("a neural ODE, Runge-Kutta")
def neural_ode():
    def call(net, x):
        h = net.inp(x)
        for _ in range(5):
            k1 = net.f(h)
            k2 = net.f(h + k1 / 10)
            k3 = net.f(h + k2 / 10)
            k4 = net.f(h + k3 / 5)
            h = h + (k1 + 2 * k2 + 2 * k3 + k4) / 30
        return net.out(h)

    return train(Net(call, inp=nn.Linear(20, 32), f=mlp(sizes=(32, 64, 32), phi=nn.Tanh), out=nn.Linear(32, 4)))


@well("a hypernetwork")
def hypernetwork():
    def call(net, x):
        w = net.h(net.code).view(4, 20)
        return F.linear(x, w)

    return train(Net(call, h=mlp(sizes=(8, 64, 80)), code=nn.Parameter(torch.randn(8))))


@well("a deep equilibrium, one step with gradient")
def equilibrium():
    def call(net, x):
        u = net.u(x)
        with torch.no_grad():
            h = torch.zeros(len(x), 64)
            for _ in range(10):
                h = torch.tanh(net.w(h) + u)
        return net.o(torch.tanh(net.w(h) + u))

    return train(Net(call, u=nn.Linear(20, 64), w=nn.Linear(64, 64), o=nn.Linear(64, 4)))


@well("a normalising flow")
def normalising_flow():
    class C(nn.Module):
        def __init__(s, flip):
            super().__init__()
            s.net = mlp(sizes=(10, 64, 20))
            s.flip = flip
            nn.init.zeros_(s.net[-1].weight), nn.init.zeros_(s.net[-1].bias)

        def forward(s, x):
            a, b = x.chunk(2, 1)
            if s.flip:
                a, b = b, a
            t, log = s.net(a).chunk(2, 1)
            log = torch.tanh(log)
            b = b * log.exp() + t
            return torch.cat([b, a] if s.flip else [a, b], 1), log.sum(1)

    m = Net(lambda net, x: _flow(net, x), steps=nn.ModuleList(C(bool(k % 2)) for k in range(4)))
    return train(m, x=0.1 * X, y=X, loss=lambda z, y: (z[0].square().sum(1) / 2 - z[1]).mean(), lr=1e-3)


def _flow(net, x):
    total = 0
    for s in net.steps:
        x, log = s(x)
        total = total + log
    return x, total


@well("score matching, second derivatives")
def score_matching():
    m = mlp(sizes=(20, 64, 1), phi=nn.Softplus)

    def body(k, o):
        x, _ = batch(k)
        n = torch.randn_like(x)
        y = (x + 0.3 * n).requires_grad_()
        o.zero_grad()
        (g,) = torch.autograd.grad(m(y).sum(), y, create_graph=True)
        (0.3 * g - n).square().sum(1).mean().backward()
        o.step()

    return looped(m, body)


@well("a network for a differential equation")
def physics():
    m = mlp(sizes=(1, 32, 32, 1), phi=nn.Tanh)
    t = torch.linspace(0, 2, 64)[:, None].requires_grad_()

    def body(k, o):
        o.zero_grad()
        u = m(t)
        (d,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        ((d + u).square().mean() + (m(torch.zeros(1, 1)) - 1).square().sum()).backward()
        o.step()

    return looped(m, body)


@well("MAML, one inner step")
def maml():
    m = mlp(sizes=(20, 32, 4))

    def body(k, o):
        x, y = batch(k)
        o.zero_grad()
        w = dict(m.named_parameters())
        g = torch.autograd.grad(F.cross_entropy(m(x), y), list(w.values()), create_graph=True)
        fast = {n: p - 0.05 * q for (n, p), q in zip(w.items(), g, strict=True)}
        F.cross_entropy(torch.func.functional_call(m, fast, (X[:64],)), Y[:64]).backward()
        o.step()

    return looped(m, body)


@well("REINFORCE")
def reinforce():
    m = mlp(sizes=(20, 64, 4), phi=nn.Tanh)

    def body(k, o):
        x, y = batch(k)
        o.zero_grad()
        d = torch.distributions.Categorical(logits=m(x))
        a = d.sample()
        r = (a == y).float()
        (-(d.log_prob(a) * (r - r.mean())).mean() - 0.01 * d.entropy().mean()).backward()
        o.step()

    return looped(m, body)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -g


@well("gradient reversal")
def reversed_gradient():
    m = Net(
        lambda net, x: (net.c(h := torch.relu(net.t(x))), net.d(Reverse.apply(h))),
        t=nn.Linear(20, 64),
        c=nn.Linear(64, 4),
        d=nn.Linear(64, 2),
    )
    dom = torch.arange(64) % 2
    return train(m, loss=lambda z, y: F.cross_entropy(z[0], y) + 0.1 * F.cross_entropy(z[1], dom))


@well("sharpness-aware minimisation")
def sam():
    m = mlp()

    def body(k, o):
        x, y = batch(k)
        o.zero_grad()
        F.cross_entropy(m(x), y).backward()
        with torch.no_grad():
            n = torch.stack([p.grad.norm() for p in m.parameters()]).norm()
            e = [p.grad * (0.05 / n) for p in m.parameters()]
            for p, d in zip(m.parameters(), e, strict=True):
                p.add_(d)
        o.zero_grad()
        F.cross_entropy(m(x), y).backward()
        with torch.no_grad():
            for p, d in zip(m.parameters(), e, strict=True):
                p.sub_(d)
        o.step()

    return looped(m, body)


@well("VQ-VAE")
def vector_quantised():
    def call(net, x):
        z = net.e(x)
        d = torch.cdist(z, net.codes.weight)
        q = net.codes(d.argmin(1))
        return net.d(z + (q - z).detach()), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())

    return train(
        Net(call, e=mlp(sizes=(20, 64, 8)), codes=nn.Embedding(16, 8), d=mlp(sizes=(8, 64, 20))),
        x=X,
        y=X,
        loss=lambda z, y: F.mse_loss(z[0], y) + z[1],
    )


@well("highway layers with closed gates")
def highway():
    class Hw(nn.Module):
        def __init__(s):
            super().__init__()
            s.h, s.t = nn.Linear(64, 64), nn.Linear(64, 64)
            nn.init.constant_(s.t.bias, -3.0)

        def forward(s, x):
            t = torch.sigmoid(s.t(x))
            return t * torch.relu(s.h(x)) + (1 - t) * x

    return train(nn.Sequential(nn.Linear(20, 64), *(Hw() for _ in range(8)), nn.Linear(64, 4)))


@well("mixture density")
def mixture_density():
    def loss(z, y):
        w, mu, s = z.chunk(3, 1)
        return -torch.logsumexp(
            F.log_softmax(w, 1) + torch.distributions.Normal(mu, s.exp()).log_prob(y[:, None]), 1
        ).mean()

    return train(mlp(sizes=(20, 64, 9)), x=regression()[0], y=regression()[1], loss=loss)


@well("a hard Gumbel-softmax")
def gumbel_softmax():
    return train(
        Net(
            lambda net, x: net.d(F.gumbel_softmax(net.e(x).unflatten(1, (8, 8)), hard=True).flatten(1)),
            e=mlp(sizes=(20, 64, 64)),
            d=mlp(sizes=(64, 64, 4)),
        )
    )


@well("an adversary that climbs the loss")
def adversary():
    m = mlp()

    def body(k, o):
        x, y = batch(k)
        d = torch.zeros_like(x, requires_grad=True)
        F.cross_entropy(m(x + d), y).backward()
        x = x + 0.1 * d.grad.sign()
        o.zero_grad()
        F.cross_entropy(m(x), y).backward()
        o.step()

    return looped(m, body)


@well("summed loss under Adam")
def summed_loss():
    return train(mlp(), loss=lambda z, y: F.cross_entropy(z, y, reduction="sum"))


@well("small inputs and batch norm")
def small_inputs():
    return train(mlp(norm=nn.BatchNorm1d), x=1e-2 * X)


@well("steps by hand")
def by_hand():
    m = mlp()

    def body(k, _):
        x, y = batch(k)
        m.zero_grad()
        F.cross_entropy(m(x), y).backward()
        with torch.no_grad():
            for p in m.parameters():
                p -= 0.1 * p.grad

    return looped(m, body)


@well("cosine down to zero, learned late")
def cosine_to_zero():
    m = mlp()
    o = torch.optim.SGD(m.parameters(), lr=0.3)
    s = torch.optim.lr_scheduler.CosineAnnealingLR(o, 60)

    def body(k, o):
        x, y = batch(k)
        o.zero_grad()
        F.cross_entropy(m(x), y).backward()
        o.step()
        s.step()

    return looped(m, body, 60, o)


@well("an echo state network")
def echo_state():
    m = Sequence(nn.RNN, all_steps=False)
    for q in m.rnn.parameters():
        q.requires_grad_(False)
    return train(m, **SHORT_SEQUENCES)


@well("BYOL")
def byol():
    m = Net(lambda net, x: net.p(net.f(x)), f=mlp(sizes=(20, 64, 32), norm=nn.BatchNorm1d), p=mlp(sizes=(32, 64, 32)))
    t = copy.deepcopy(m.f).requires_grad_(False)

    def body(k, o):
        x, _ = batch(k)
        a, c = x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x)
        o.zero_grad()
        (2 - 2 * F.cosine_similarity(m(a), t(c)).mean()).backward()
        o.step()
        for q, r in zip(t.parameters(), m.f.parameters(), strict=True):
            q.data.lerp_(r.data, 0.01)

    return looped(m, body)


class Gained(nn.Module):
    """A layer with a gain of its own, which may start at zero (Brock et al. 2021)."""

    def __init__(self, a, b, gain):
        super().__init__()
        self.weight, self.gain = nn.Parameter(torch.randn(b, a) / a**0.5), nn.Parameter(torch.full((b, 1), gain))

    def forward(self, x):
        return F.linear(x, self.gain * self.weight)


class Gate(nn.Module):
    """A branch of four layers with squeeze and excitation within, and a last gain of zero."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.d = Gained(64, 64, 1.0), Gained(64, 64, 1.0), Gained(64, 64, 0.0)
        self.c, self.e = nn.Linear(64, 16), nn.Linear(16, 64)

    def forward(self, x):
        h = F.gelu(self.b(F.gelu(self.a(x))))
        return x + self.d(h * torch.sigmoid(self.e(F.relu(self.c(h)))))


plain(
    "gains that start at zero", lambda: nn.Sequential(nn.Linear(20, 64), *(Gate() for _ in range(4)), nn.Linear(64, 4))
)


@well("scales for keys and values")
def scales():
    base = mlp().requires_grad_(False)
    scale = nn.ParameterDict({"a": nn.Parameter(torch.ones(64, 1)), "b": nn.Parameter(torch.ones(64, 1))})

    def call(net, x):
        h = torch.relu(net.base[0](x)) * net.scale["a"].flatten()
        return net.base[4](torch.relu(net.base[2](h)) * net.scale["b"].flatten())

    model = Net(call, base=base, scale=scale)
    return train(model, parameters=list(scale.parameters()), lr=3e-3)


plain("a normalised network with one picture of one colour in a batch", lambda: nn.Sequential(
      conv(3, 16, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *(part for _ in range(12) for part in (
      Branch(nn.Sequential(conv(16, 16, bias=False), nn.BatchNorm2d(16)), torch.ones(1)), nn.ReLU())),
      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)), **{**PICTURES, "batch": 4})  # fmt: skip


@well("attention that learns to look at one place")
def sharp():
    """Which of eight tokens has the largest first entry, and what does its second say?"""
    x = 3 * torch.randn(2000, 8, 4)
    y = (x[torch.arange(2000), x[:, :, 0].argmax(1), 1] > 0).long()

    def call(net, x):
        weights = (net.q * net.k(x)).sum(-1, keepdim=True).mT.softmax(-1)
        return net.b((weights @ net.v(x))[:, 0])

    model = Net(call, k=nn.Linear(4, 16), v=nn.Linear(4, 16), b=nn.Linear(16, 2))
    model.q = nn.Parameter(torch.randn(16))
    return train(model, x=x, y=y, lr=1e-2, steps=150)
