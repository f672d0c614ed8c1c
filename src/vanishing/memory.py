"""Diagonal linear recurrences, h_t = a_t h_{t−1} + b_t for each unit by itself: scanned, compared, trained.

A factor that stays the same is written λ = exp(−e^ν + iθ) (Orvieto et al. 2023, arXiv:2303.06349, section 3.3): |λ| < 1
whatever ν is, the memory horizon −1 / ln|λ| is e^−ν steps, and a step turns the state by the angle θ. Time comes first:
a, b (T, …). States start at h_0 = 0.
"""

from typing import NamedTuple

import numpy as np
import torch

OPTIMISERS = ("SGD", "Adam")


def compose(first, then):
    """The map h → a h + b that does `first` and `then`, as a pair (a, b); both are such pairs of arrays.

    Composing is associative, which is all that a scan asks for (Kogge and Stone 1973).
    """
    (a1, b1), (a2, b2) = first, then
    return a1 * a2, a2 * b1 + b2


def scan(a, b):
    """All states h_1 … h_T, the shape of b (T, …), for factors a of that shape, or of one that broadcasts to it.

    ⌈log2 T⌉ rounds, each over whole arrays (Hillis and Steele 1986): after r rounds the map at t has done the last 2^r
    steps up to t. Nothing is divided, so factors may be zero. The result is complex if a or b is.
    """
    b = np.array(b, dtype=np.result_type(a, b, float))
    a, step = np.array(np.broadcast_to(a, b.shape), dtype=b.dtype), 1
    while step < len(b):
        a[step:], b[step:] = compose((a[:-step], b[:-step]), (a[step:], b[step:]))
        step *= 2
    return b


def mismatch(rate, target, angle=0.0, normalised=True):
    """Mean squared distance of two units' states on the same white noise of variance one, for tensors or numbers.

    rate, target   −ln|λ| and −ln|λ*|, both above zero: one over the horizons
    angle          θ − θ*
    normalised     inputs are multiplied by √(1 − |λ|²), which gives each state the variance one

    The distance E|γh − γ*h*|² after infinitely many steps, with E h h̄* = 1 / (1 − λλ̄*); without rounding 1 − |λ|².
    """
    rate, target, angle = (torch.as_tensor(v, dtype=torch.float64) for v in (rate, target, angle))
    own, other = -torch.expm1(-2 * rate), -torch.expm1(-2 * target)
    both = rate + target
    # 1 − r e^{iφ} = (1 − r) + 2 r sin²(φ/2) − i r sin φ, which keeps its digits near r = 1
    real = -torch.expm1(-both) + 2 * torch.exp(-both) * torch.sin(angle / 2) ** 2
    imaginary = torch.exp(-both) * torch.sin(angle)
    shared = real / (real**2 + imaginary**2)
    if normalised:
        return 2 - 2 * torch.sqrt(own * other) * shared
    return 1 / own + 1 / other - 2 * shared


def fits(horizons, rates, parameter="nu", normalised=True, optimiser="SGD", steps=300, start=0.5):
    """Which step sizes find a teacher's horizon: an array of bools (len(horizons), len(rates)).

    A unit with a real λ starts at `start` times the horizon of a teacher and goes down `mismatch`, from which it is to
    get to less than a hundredth within `steps` steps. `parameter` is what moves: "nu", or "lambda" itself. The
    optimiser is plain gradient descent, "SGD", or "Adam" with its usual constants.
    """
    if parameter not in ("nu", "lambda") or optimiser not in OPTIMISERS:
        raise ValueError(f"Not a parameter and an optimiser: {parameter!r}, {optimiser!r}.")
    target = 1 / torch.tensor(np.asarray(horizons, dtype=float))[:, None].repeat(1, len(rates))
    moved = torch.log(target / start) if parameter == "nu" else torch.exp(-target / start)
    moved.requires_grad_()
    eta = torch.tensor(np.asarray(rates, dtype=float))
    mean, square = torch.zeros_like(target), torch.zeros_like(target)

    def loss():
        return mismatch(torch.exp(moved) if parameter == "nu" else -torch.log(moved), target, normalised=normalised)

    first = loss().detach()
    for k in range(1, steps + 1):
        (g,) = torch.autograd.grad(loss().sum(), moved)
        if optimiser == "Adam":
            mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
            g = mean / (1 - 0.9**k) / ((square / (1 - 0.999**k)).sqrt() + 1e-30)
        with torch.no_grad():
            moved -= eta * g
    return (loss().detach() < 0.01 * first).numpy()  # nan is not less


class Diagonal:
    """Networks side by side, each a diagonal recurrence of `hidden` units, with a readout of two logits at the end.

    h_t = λ h_{t−1} + σ(z_t) ⊙ x_t Uᵀ with λ = exp(−e^ν) for each unit and z_t = x_t Gᵀ + c, a gate that sees the input
    and never the state; logits h_T Vᵀ + a. What `vanishing.sequences.train` and `judged` ask for.

    m          inputs a step;  seeds: one network for each
    horizon    e^−ν at the start, in steps
    write      the gates' bias c at the start; None for a network without gates
    gain       weights G of the gate are uniform in ±gain at the start
    """

    def __init__(self, m, hidden, seeds, horizon, write=None, gain=1.0, dtype=torch.float64):
        drawn = [self._draw(m, hidden, np.random.default_rng(seed), horizon, write, gain) for seed in seeds]
        self.parameters = {
            name: torch.tensor(np.stack([one[name] for one in drawn]), dtype=dtype).requires_grad_()
            for name in drawn[0]
        }

    @staticmethod
    def _draw(m, n, rng, horizon, write, gain):
        def uniform(*shape):
            return rng.uniform(-1, 1, shape)

        one = {"V": uniform(2, n) / np.sqrt(n), "a": np.zeros((1, 2)), "U": uniform(n, m)}
        one["nu"] = np.full(n, -np.log(float(horizon)))
        if write is not None:
            one |= {"G": gain * uniform(n, m), "c": np.full((1, n), float(write))}
        return one

    def written(self, x):
        """What each step adds to the state, (T, nets, batch, hidden), for x (T, nets, batch, m)."""
        p = self.parameters
        x = x.to(p["U"].dtype)
        added = x @ p["U"].mT
        return torch.sigmoid(x @ p["G"].mT + p["c"]) * added if "G" in p else added

    def logits(self, x):
        """(nets, batch, 2) for x (T, nets, batch, m). As λ stays the same, h_T is a sum with weights λ^{T−t}."""
        p = self.parameters
        back = torch.arange(len(x) - 1, -1, -1, dtype=p["nu"].dtype)  # T − t
        powers = torch.exp(-back[:, None, None] * torch.exp(p["nu"]))  # (T, nets, hidden)
        return torch.einsum("tmn,tmbn->mbn", powers, self.written(x)) @ p["V"].mT + p["a"]


def kernel(horizons, back):
    """What is left `back` steps later of a unit's input, √(1 − λ²) λ^back with λ = exp(−1 / horizon), a tensor.

    horizons (n,) and back (T,) give (T, n).
    """
    rate = 1 / torch.as_tensor(np.asarray(horizons, dtype=float))
    back = torch.as_tensor(np.asarray(back, dtype=float))
    return torch.exp(-back[:, None] * rate) * torch.sqrt(-torch.expm1(-2 * rate))


def letter_states(bases, horizons):
    """States after all letters, (batch, horizons, 4), a unit for each horizon and letter; bases (batch, T), 0 … 3."""
    powers = kernel(horizons, np.arange(bases.shape[1])[::-1])
    return torch.stack([(bases == letter).double() @ powers for letter in range(4)], dim=-1)


def readout(h, y, ridge=1e-3):
    """Weights w, the shape of one state, and c: guess y = 1 where h·w > c, for states h (batch, …) and y (batch,).

    Least squares on standardised states; `ridge` is the penalty for each squared weight, as a share of the batch.
    """
    flat = h.flatten(1)
    spread, mean = torch.std_mean(flat, dim=0)
    X = (flat - mean) / spread
    A = X.mT @ X + ridge * len(X) * torch.eye(X.shape[1], dtype=X.dtype)
    w = torch.linalg.solve(A, X.mT @ (2 * y.to(X.dtype) - 1)) / spread
    return w.reshape(h.shape[1:]), w @ mean


class Flat(NamedTuple):
    """A bank of units that read letter by letter: the share of right guesses, and the weights (horizons, 4) for it."""

    accuracy: float
    weights: np.ndarray


def read_flat(banks, seed, task, train=96, test=48):
    """A `Flat` for each bank of horizons: `letter_states`, a linear readout fitted on `train` sequences, `test` others.

    task   task(1, batch, generator) -> bases (batch, T), y (1, batch), such as `vanishing.sequences.enhancer`
    """
    generator = torch.Generator().manual_seed(seed)
    (bases, y), (others, truth) = (task(1, size, generator) for size in (train, test))
    every, sizes = np.concatenate([np.ravel(bank) for bank in banks]), [np.size(bank) for bank in banks]
    found = []
    for h, new in zip(*(torch.split(letter_states(b, every), sizes, dim=1) for b in (bases, others)), strict=True):
        w, c = readout(h, y[0])
        right = ((new * w).sum((1, 2)) > c) == (truth[0] == 1)
        found.append(Flat(right.double().mean().item(), w.numpy()))
    return found
