"""Residual stacks h_l = s h_{l−1} + β W_l φ(h_{l−1}): their gradients, their paths, their training.

The identity path has the factor s (1: residual, He et al. 2016; 0: plain), the branch the factor β. With δ_l the
gradient in h_l, δ_{l−1} = (s I + J_l)ᵀ δ_l, where J_l = β W_l diag φ′(h_{l−1}) is the Jacobian of the branch. The
weights of a branch have variance 2/n for ReLU and 1/n otherwise, so that a branch with β = 1 has gain one (lesson 10).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from vanishing.mlp import ACTIVATIONS, draw
from vanishing.trials import digits


@dataclass(frozen=True)
class Stack:
    """L blocks of width n: weights W (L, n, n), branch factor `scale` β, factor `skip` s of the identity path."""

    W: np.ndarray
    scale: float = 1.0
    skip: float = 1.0
    activation: str = "ReLU"

    @classmethod
    def random(cls, L, n, rng, scale=1.0, skip=1.0, activation="ReLU"):
        """Gaussian weights from the generator `rng`, of variance 2/n for ReLU and 1/n otherwise."""
        gain = np.sqrt(2) if activation == "ReLU" else 1.0
        return cls(draw("gaussian", (L, n, n), rng, gain), scale, skip, activation)

    def forward(self, x):
        """The list h_0 … h_L, each of the shape of x (…, n); h_0 = x."""
        phi, h = ACTIVATIONS[self.activation].phi, [np.asarray(x, dtype=float)]
        for W in self.W:
            h.append(self.skip * h[-1] + self.scale * phi(h[-1]) @ W.T)
        return h

    def branches(self, h):
        """The branch Jacobians J_1 … J_L (L, n, n) for the list h of one input; the identity is not in them."""
        slope = ACTIVATIONS[self.activation].slope
        return np.array([self.scale * W * slope(g) for W, g in zip(self.W, h[:-1], strict=True)])

    def backward(self, h, delta):
        """The list δ_0 … δ_L of gradients in h_0 … h_L for δ_L = `delta`."""
        slope, deltas = ACTIVATIONS[self.activation].slope, [np.asarray(delta, dtype=float)]
        for W, g in zip(self.W[::-1], h[-2::-1], strict=True):
            deltas.append(self.skip * deltas[-1] + self.scale * (deltas[-1] @ W) * slope(g))
        return deltas[::-1]


def gradient_logs(L, rng, scale=1.0, skip=1.0, activation="ReLU", n=64, draws=5):
    """log10 of the length of δ_l over that of δ_L at l = 0 … L, for `draws` random stacks: (draws, L + 1)."""
    rows = []
    for _ in range(draws):
        stack = Stack.random(L, n, rng, scale, skip, activation)
        deltas = stack.backward(stack.forward(rng.normal(size=n)), rng.normal(size=n))
        lengths = np.linalg.norm(deltas, axis=1)
        rows.append(np.log10(lengths / lengths[-1]))
    return np.array(rows)


def paths_by_length(branches, delta):
    """What the paths of each length bring down: (L + 1, n), whose sum over the rows is δ_0 for δ_L = `delta` (n,).

    Row k is the sum over all C(L, k) paths through k of the L branches, whose Jacobians are given, and past the rest
    on the identity (Veit et al. 2016, eq. 6). It takes L² products, not 2^L.
    """
    rows = np.zeros((len(branches) + 1, len(delta)))
    rows[0] = delta
    for J in branches[::-1]:
        rows[1:] += rows[:-1] @ J
    return rows


class Encoder(NamedTuple):
    """Lengths of gradients in the first and the last block, and how far apart the tokens are at the top."""

    mlp: tuple  # in the last matrix of the ReLU network
    queries_keys: tuple  # in W_Q and W_K together
    apart: float  # 1 − the mean cosine between two tokens of a sequence


def encoder_gradients(L, norm, seed, scale=1.0, d=32, tokens=8, batch=4):
    """An `Encoder`: what a stack of L transformer encoder blocks does at initialisation.

    Attention and ReLU MLP, 4 heads, Xavier weights, float64, with `norm` "pre", "post" or "none", on random tokens
    with random labels out of 10 (the set-up of Xiong et al. 2020, section 3). The matrix with which each branch ends
    is multiplied by `scale`; GPT-2 takes 1/√(2L) (Radford et al. 2019, section 2.3).
    """
    if norm not in ("pre", "post", "none"):
        raise ValueError(f"norm must be pre, post or none, not {norm!r}.")
    torch.manual_seed(seed)
    make = nn.TransformerEncoderLayer
    blocks = [make(d, 4, 4 * d, 0.0, batch_first=True, norm_first=norm != "post").double() for _ in range(L)]
    last = nn.LayerNorm(d).double() if norm == "pre" else nn.Identity()
    readout = nn.Linear(d, 10).double()
    for weight in nn.ModuleList([*blocks, readout]).parameters():
        if weight.dim() == 2:
            nn.init.xavier_uniform_(weight)
    h = torch.randn(batch, tokens, d, dtype=torch.float64)
    for block in blocks:
        with torch.no_grad():
            block.linear2.weight *= scale
            block.self_attn.out_proj.weight *= scale
        if norm == "none":
            block.norm1, block.norm2 = nn.Identity(), nn.Identity()
        h = block(h)
    h = last(h)
    nn.functional.cross_entropy(readout(h).flatten(0, 1), torch.randint(10, (batch * tokens,))).backward()
    unit = nn.functional.normalize(h.detach(), dim=-1)
    centre = unit.mean(dim=1, keepdim=True)
    # The mean squared distance of unit vectors from their centre, in whose terms no digits are lost to cancellation.
    apart = (unit - centre).square().sum(-1).mean() * tokens / (tokens - 1)
    ends = blocks[0], blocks[-1]
    mlp = tuple(float(block.linear2.weight.grad.norm()) for block in ends)
    return Encoder(
        mlp, tuple(float(block.self_attn.in_proj_weight.grad[: 2 * d].norm()) for block in ends), float(apart)
    )


class Stacks(nn.Module):
    """Digit classifiers side by side, M of them: embedding 64 → n, L blocks h ← s h + α_l W_l ReLU(h), readout to 10.

    skip, scale  the factor s and the first value of α, one number for each model
    learned      1 where the α_l are trained (ReZero: Bachlechner et al. 2021; SkipInit: De & Smith 2020), 0 where not
    seeds        one for each model; models with the same seed have the same weights at the start

    float64: in float32 the runs of deep stacks that do not learn would end elsewhere on every processor.
    """

    def __init__(self, L, skip, scale, learned, seeds, n=32):
        super().__init__()
        self.skip, self.learned = _column(skip), _column(learned)
        drawn = {seed: np.random.default_rng(seed) for seed in sorted(set(seeds))}
        shapes, parts = {"E": (64, n), "W": (L, n, n), "V": (n, 10)}, {}
        for name, shape in shapes.items():
            std = np.sqrt((2 if name == "W" else 1) / shape[-2])
            parts[name] = {seed: std * rng.normal(size=shape) for seed, rng in drawn.items()}
        for name, values in parts.items():
            stacked = np.stack([values[seed] for seed in seeds], axis=1 if name == "W" else 0)
            setattr(self, name, nn.Parameter(torch.tensor(stacked, dtype=torch.float64)))
        self.alpha = nn.Parameter(_column(scale).repeat(L, 1, 1, 1))

    def forward(self, X, without=None):
        """Logits (M, batch, 10) for images X (batch, 64); block number `without` passes its input on unchanged."""
        alpha = self.alpha * self.learned + (self.alpha * (1 - self.learned)).detach()
        h = X @ self.E  # (M, batch, n)
        for k, W in enumerate(self.W):
            if k != without:
                h = self.skip * h + alpha[k] * (torch.relu(h) @ W)
        return h @ self.V


def _column(values):
    return torch.tensor(values, dtype=torch.float64)[:, None, None]


def training(model, steps=100, lr=2e-3, batch=32, seed=0):
    """Train all models of `model` with Adam on the same batches; yields the losses (M,) of each step, before it."""
    X, y, _, _ = digits()
    rng = np.random.default_rng(seed)
    adam = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for _ in range(steps):
        rows = torch.tensor(rng.choice(len(X), batch, replace=False))
        logits = model(X[rows])
        losses = torch.stack([nn.functional.cross_entropy(out, y[rows]) for out in logits])
        adam.zero_grad()
        losses.sum().backward()
        adam.step()
        yield losses.detach().numpy()


def accuracy(model, without=None):
    """Share of the test images that each model labels rightly: (M,)."""
    _, _, X, y = digits()
    with torch.no_grad():
        return (model(X, without).argmax(-1) == y).double().mean(-1).numpy()
