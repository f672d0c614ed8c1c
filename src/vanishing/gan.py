"""Toy GANs in the plane, many side by side: what a critic tells a generator, and what becomes of it.

A generator turns noise (2,) into a fake x (2,); the data are N((3, 3), 0.3² I), and fakes begin as a small cloud near
the origin. A critic (discriminator) gives x a logit a(x), and D = σ(a) is its probability that x is real. It minimises
the cross-entropy −log D(real) − log(1 − D(fake)); the generator one of two losses (Goodfellow et al. 2014, section 3),

    saturating log(1 − D) = −softplus(a),    non-saturating −log D = softplus(−a),

always computed from logits, in float64. The critic's layers are φ(h W + b), or h + L^(−1/2) φ(h W + b) with residual
blocks, and W may be divided by its largest singular value (Miyato et al. 2018).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import normalize, softplus

TARGET, SPREAD = 3.0, 0.3
PHI = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "ReLU": torch.relu}
KINDS = {"plain": (0, 0), "spectral": (0, 1), "residual": (1, 0), "both": (1, 1)}  # (residual, spectral)
LOSSES = {"saturating": lambda a: -softplus(a), "non-saturating": lambda a: softplus(-a)}
OPTIMISERS = {"SGD": (torch.optim.SGD, 0.02), "Adam": (torch.optim.Adam, 0.003)}  # and the generator's step size


class GANs:
    """M pairs of a generator and a critic, which share arrays and nothing else.

    seeds       one for each pair; pairs with the same seed start from the same weights and see the same noise
    kinds       a name in KINDS for all critics, or one for each
    layers      hidden layers L of the critics, activation a name in PHI; the generators have two, of ReLU units
    generator, critic   lists W_1, b_1, W_2, … of tensors (M, n_in, n_out) and (M, 1, n_out)
    """

    def __init__(self, seeds, kinds="plain", layers=2, activation="tanh", width=12):
        self.seeds, self.layers, self.activation = list(seeds), layers, activation
        self.kinds = [kinds] * len(self.seeds) if isinstance(kinds, str) else list(kinds)
        for name, known in ((activation, PHI), *((kind, KINDS) for kind in self.kinds)):
            if name not in known:
                raise ValueError(f"{name!r} is none of {', '.join(known)}.")
        if len(self.kinds) != len(self.seeds):
            raise ValueError(f"{len(self.seeds)} seeds need as many kinds, not {len(self.kinds)}.")
        rngs = [np.random.default_rng(seed) for seed in self.seeds]
        self.generator = _weights((2, width, width, 2), (2**0.5, 2**0.5, 0.3), rngs)
        self.critic = _weights((2, *[width] * layers, 1), [1.0] * (layers + 1), rngs)
        self.vectors = [torch.ones_like(b) for b in self.critic[1::2]]  # of the power iteration, kept from call to call
        for _ in range(30):
            self.power_round()

    @classmethod
    def join(cls, groups):
        """Copies of all pairs of several GANs of the same layers and activation, one group after the other."""
        groups = list(groups)
        seeds, kinds = ([one for g in groups for one in getattr(g, name)] for name in ("seeds", "kinds"))
        new = cls(seeds, kinds, groups[0].layers, groups[0].activation)
        for part in ("generator", "critic", "vectors"):
            setattr(new, part, _leaves(map(torch.cat, zip(*(getattr(g, part) for g in groups), strict=True))))
        return new

    def generate(self, noise):
        """Fakes (M, batch, 2) from noise of the same shape."""
        *hidden, W, b = self.generator
        for V, c in zip(hidden[::2], hidden[1::2], strict=True):
            noise = torch.relu(noise @ V + c)
        return noise @ W + b

    def path(self, x):
        """The critics' layers h_0 = x, h_1, …, h_L, each (M, batch, n), and the logits (M, batch)."""
        phi, (first, *inner, last), b = PHI[self.activation], self._effective(), self.critic[1::2]
        skip = self._flags(0)
        scale = 1 + skip * (self.layers**-0.5 - 1)
        h = [x, phi(x @ first + b[0])]
        for W, c in zip(inner, b[1:-1], strict=True):
            h.append(skip * h[-1] + scale * phi(h[-1] @ W + c))
        return h, (h[-1] @ last + b[-1])[..., 0]

    def logits(self, x):
        """a(x), (M, batch), for x (M, batch, 2)."""
        return self.path(x)[1]

    def fakes(self, n=200):
        """The same n noises through every generator: (M, n, 2), detached."""
        noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        with torch.no_grad():
            return self.generate(noise.expand(len(self.seeds), n, 2))

    def _flags(self, which):
        return torch.tensor([float(KINDS[kind][which]) for kind in self.kinds])[:, None, None].double()

    def power_round(self):
        """One round of power iteration on every weight matrix of the critics, from where the last one ended."""
        with torch.no_grad():
            pairs = zip(self.vectors, self.critic[::2], strict=True)
            self.vectors = [normalize(v @ W.mT @ W, dim=-1) for v, W in pairs]

    def _effective(self):
        """The critics' weights as they are used: divided by the estimate ‖W v‖ of their norm where the kind says so."""
        weights, spectral = self.critic[::2], self._flags(1)
        if not spectral.any():
            return weights
        pairs = zip(weights, self.vectors, strict=True)
        return [W / (1 + spectral * ((v @ W.mT).norm(dim=-1, keepdim=True) - 1)) for W, v in pairs]


def _weights(widths, gains, rngs):
    """Weights of deviation gain/√n_in and biases 0, for each generator of random numbers one: W_1, b_1, W_2, …"""
    tensors = []
    for n_in, n_out, gain in zip(widths[:-1], widths[1:], gains, strict=True):
        W = np.stack([rng.normal(size=(n_in, n_out)) for rng in rngs])
        tensors += [torch.tensor(gain / n_in**0.5 * W), torch.zeros(len(rngs), 1, n_out, dtype=torch.float64)]
    return _leaves(tensors)


def _leaves(tensors):
    return [t.detach().clone().requires_grad_() for t in tensors]


class _Draws:
    """Standard normal draws, three of (M, batch, 2) a call; what a pair sees depends on its seed alone."""

    def __init__(self, seeds, batch, stream):
        self.unique, self.batch = sorted(set(seeds)), batch
        self.which = torch.tensor([self.unique.index(seed) for seed in seeds])
        self.generators = [torch.Generator().manual_seed(2 * seed + stream) for seed in self.unique]

    def __call__(self):
        draws = [torch.randn(3, self.batch, 2, generator=g, dtype=torch.float64) for g in self.generators]
        return torch.stack(draws)[self.which].unbind(1)


def _step(loss, parameters, optimiser):
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimiser.step()


def _critic_step(gans, adam, real, noise):
    with torch.no_grad():
        fake = gans.generate(noise)
    gans.power_round()
    a = gans.logits(torch.cat([TARGET + SPREAD * real, fake], dim=1))
    n = real.shape[1]
    losses = softplus(-a[:, :n]).mean(1) + softplus(a[:, n:]).mean(1)
    _step(losses.sum(), gans.critic, adam)


def _critic_adam(gans):
    return torch.optim.Adam(gans.critic, lr=0.005, betas=(0.5, 0.999))


def pretrain(gans, steps, batch=16):
    """Train the critics alone, in place, with Adam; the generators stand still. Returns `gans`."""
    adam, draw = _critic_adam(gans), _Draws(gans.seeds, batch, 0)
    for _ in range(steps):
        real, noise, _ = draw()
        _critic_step(gans, adam, real, noise)
    return gans


def play(gans, losses, optimiser="SGD", steps=600, batch=16):
    """Train both in turn, in place: a critic step with Adam, a generator step with `optimiser`; yields steps done.

    losses      a name in LOSSES for all generators, or one for each
    optimiser   a name in OPTIMISERS, which holds its step size
    """
    losses = [losses] * len(gans.seeds) if isinstance(losses, str) else losses
    for name, known in ((optimiser, OPTIMISERS), *((loss, LOSSES) for loss in losses)):
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known)}.")
    make, lr = OPTIMISERS[optimiser]
    adam, own, draw = _critic_adam(gans), make(gans.generator, lr=lr), _Draws(gans.seeds, batch, 1)
    saturating = torch.tensor([loss == "saturating" for loss in losses])[:, None]
    for done in range(1, steps + 1):
        real, noise, more = draw()
        _critic_step(gans, adam, real, noise)
        a = gans.logits(gans.generate(more))
        each = torch.where(saturating, LOSSES["saturating"](a), LOSSES["non-saturating"](a))
        _step(each.mean(1).sum(), gans.generator, own)
        yield done


class Report(NamedTuple):
    """What `listen` measured, on 200 fakes a pair.

    centre     their mean, (M, 2);  distance  of it from the data's, (M,);  spread  their deviation, (M,)
    accuracy   share of the fakes and of 200 data points that the critic puts right, (M,)
    logit, D   the means of a(x) and of σ(a(x)) over the fakes, (M,)
    slope      mean length of ∂a/∂x over the fakes, (M,)
    signal     {loss: mean length of ∂loss/∂x over the fakes, (M,)}
    """

    centre: np.ndarray
    distance: np.ndarray
    spread: np.ndarray
    accuracy: np.ndarray
    logit: np.ndarray
    D: np.ndarray
    slope: np.ndarray
    signal: dict


def logit_gradient(gans, x):
    """Logits a (M, batch) and ∂a/∂x (M, batch, 2) at x (M, batch, 2), as tensors."""
    x = x.detach().requires_grad_()
    a = gans.logits(x)
    (slope,) = torch.autograd.grad(a.sum(), x)
    return a.detach(), slope


def listen(gans):
    """Where the fakes are, what the critics think of them, and what reaches them: a Report."""
    x = gans.fakes()
    a, slope = logit_gradient(gans, x)
    D, length = torch.sigmoid(a), slope.norm(dim=2)
    data = torch.randn(200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        real = gans.logits((TARGET + SPREAD * data).expand(len(gans.seeds), 200, 2))
    right = ((real > 0).double().mean(1) + (a < 0).double().mean(1)) / 2
    centre, signal = x.mean(1), {"saturating": (D * length).mean(1), "non-saturating": ((1 - D) * length).mean(1)}
    numbers = (centre, (centre - TARGET).norm(dim=1), x.std(1).mean(1), right, a.mean(1), D.mean(1), length.mean(1))
    return Report(*(t.numpy() for t in numbers), {name: t.numpy() for name, t in signal.items()})


def outcomes(before, after):
    """What became of each pair between two Reports: "arrived", "stalled" or "elsewhere", an array of words (M,).

    Arrived: the centre of the fakes is within 1 of the data's. Stalled: it is not, and moved under a tenth of the way.
    """
    moved = np.linalg.norm(after.centre - before.centre, axis=1)
    still = moved < 0.1 * before.distance
    return np.where(after.distance < 1, "arrived", np.where(still, "stalled", "elsewhere"))


def layer_signal(gans):
    """Mean length of ∂a/∂h_l over 200 fakes in the critics' layers l = 0 … L, (M, L + 1); layer 0 is x."""
    h, a = gans.path(gans.fakes().requires_grad_())
    deltas = torch.autograd.grad(a.sum(), h)
    return torch.stack([delta.norm(dim=2).mean(1) for delta in deltas], dim=1).numpy()
