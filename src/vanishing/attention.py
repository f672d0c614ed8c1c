"""Transformers assembled from a learner's parts: what reaches queries and keys, and how attention sharpens in training.

M models stand side by side, one for each seed; they share nothing but the time that they take. All is float64. The
parts are functions: `ln_back`, the gradient through a layer norm; `cross_entropy` and `batch_gradient`, the loss and
its gradient in the logits; `clip_by_global_norm`. Autograd does the rest.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

EPS = 1e-5  # of every layer norm
LETTERS = "\n ,.abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Recipe:
    """What is done to a transformer, each thing alone or with others.

    norm     where it stands: "post" LN(a h + f(h)), "pre" h + f(LN(h)), "sandwich" h + LN(f(LN(h))), or "none"
    skip     the factor a of the identity path, larger than one in DeepNorm
    scale    factor of the matrices with which the branches end, at the start
    values   factor of W_V and of the ReLU network's first matrix, at the start: DeepNorm quiets them as well
    qk_norm  queries and keys are brought to mean zero and variance one
    cap      c: the logits s become c·tanh(s / c); 0 leaves them as they are
    z_loss   factor of the mean square of log Σ exp over the readout's logits, added to the loss
    clip     the largest global norm of a model's gradient; 0 for any
    rate     the step size of Adam
    warmup   steps in which the rate grows from nothing
    """

    norm: str = "pre"
    skip: float = 1.0
    scale: float = 1.0
    values: float = 1.0
    qk_norm: bool = False
    cap: float = 0.0
    z_loss: float = 0.0
    clip: float = 0.0
    rate: float = 1e-3
    warmup: int = 0

    def __post_init__(self):
        if self.norm not in ("post", "pre", "sandwich", "none"):
            raise ValueError(f"norm must be post, pre, sandwich or none, not {self.norm!r}.")

    @classmethod
    def deepnorm(cls, blocks, **more):
        """DeepNorm's factors for so many encoder blocks (Wang et al. 2022, table 2 of the arXiv version)."""
        quiet = (8 * blocks) ** -0.25
        return cls("post", skip=(2 * blocks) ** 0.25, scale=quiet, values=quiet, **more)


def layer_norm(ln_back):
    """The layer norm of the last axis as a function of tensors; its gradient is what `ln_back` says."""

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h):
            ctx.save_for_backward(h)
            centred = h - h.mean(-1, keepdim=True)
            return centred / (centred.square().mean(-1, keepdim=True) + EPS).sqrt()

        @staticmethod
        def backward(ctx, gradient):
            (h,) = ctx.saved_tensors
            n = h.shape[-1]
            rows, above = h.detach().reshape(-1, n).numpy(), gradient.reshape(-1, n).numpy()
            with torch.enable_grad():  # a part may ask autograd itself
                below, _ = ln_back(rows, np.ones(n), above, EPS)
            return torch.as_tensor(np.asarray(below, dtype=float)).reshape(h.shape)

    return Norm.apply


def mean_loss(cross_entropy, batch_gradient):
    """The mean cross-entropy of each model (M,) for logits (M, rows, K) and labels (rows,) as a function of tensors."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits, labels):
            models, rows, width = logits.shape
            flat, named = logits.detach().reshape(-1, width).numpy(), np.tile(labels.numpy(), models)
            with torch.enable_grad():
                losses, below = cross_entropy(flat, named), batch_gradient(flat, named)
            # All rows of all models are one batch to the learner's gradient, which divides by their number.
            ctx.gradient = models * torch.as_tensor(np.asarray(below, dtype=float)).reshape(logits.shape)
            return torch.as_tensor(np.asarray(losses, dtype=float)).reshape(models, rows).mean(1)

        @staticmethod
        def backward(ctx, gradient):
            return gradient[:, None, None] * ctx.gradient, None

    return Loss.apply


class Sharpness(NamedTuple):
    """How sharp the attention of one block is, for each model (M,)."""

    entropy: torch.Tensor  # of the mean query, over its largest value, log(number of tokens that it may see)
    logit: torch.Tensor  # root mean square over what is seen
    weights: torch.Tensor  # (tokens, tokens): the first model's first head on the first sequence


class Transformers(nn.Module):
    """M transformers of N blocks: attention with `heads` heads, then a ReLU network four times as wide.

    Xavier's normal weights, no biases, no learned gains. With `symbols`, tokens are embedded and told their places.
    """

    def __init__(self, recipe, ln_back, seeds, blocks, d=32, heads=4, tokens=8, classes=10, symbols=0, wide=4):
        super().__init__()
        self.recipe, self.heads, self.norm = recipe, heads, layer_norm(ln_back)
        quiet = {"WO": recipe.scale, "W2": recipe.scale, "WV": recipe.values, "W1": recipe.values}
        shapes = dict.fromkeys(("WQ", "WK", "WV", "WO"), (d, d)) | {"W1": (d, wide * d), "W2": (wide * d, d)}
        drawn = [np.random.default_rng([20, seed]) for seed in seeds]
        self.readout = _weights(drawn, (d, classes))
        self.blocks = nn.ModuleList(
            nn.ParameterDict({name: _weights(drawn, shape, quiet.get(name, 1.0)) for name, shape in shapes.items()})
            for _ in range(blocks)
        )
        if symbols:
            self.embedding = _weights(drawn, (symbols, d), std=1.0)
            self.place = _weights(drawn, (tokens, d), std=1.0)

    def forward(self, h, causal=False):
        """Logits (M, batch, tokens, classes), what the blocks pass on [(M, batch, tokens, d)], and their Sharpness.

        h: vectors (M, batch, tokens, d), or symbols (batch, tokens).
        """
        if h.dtype == torch.long:
            h = self.embedding[:, h] + self.place[:, None, : h.shape[1]]
        way, norm, skip = self.recipe.norm, self.norm, self.recipe.skip
        passed, sharp = [h], []
        for block in self.blocks:
            for branch in (self.attend, self.think):
                out, seen = branch(block, norm(h) if way in ("pre", "sandwich") else h, causal)
                sharp += [seen] if seen else []
                h = skip * h + (norm(out) if way == "sandwich" else out)
                h = norm(h) if way == "post" else h
            passed.append(h)
        h = norm(h) if way in ("pre", "sandwich") else h
        return h @ self.readout[:, None], passed, sharp

    def attend(self, block, h, causal):
        """The attention branch (M, batch, tokens, d), and its Sharpness."""
        weights, values = self.look(block, h, causal)
        out = (weights.exp() @ values).transpose(2, 3).flatten(3)
        with torch.no_grad():
            many = torch.arange(1, h.shape[2] + 1).double() if causal else torch.full((h.shape[2],), h.shape[2] * 1.0)
            entropy = torch.special.entr(weights.exp()).sum(-1)
            share = entropy[..., many > 1].sum(-1) / many[many > 1].log().sum()
        return out @ block["WO"][:, None], Sharpness(
            share.flatten(1).mean(1), self.size, weights[0, 0, 0].detach().exp()
        )

    def look(self, block, h, causal=False):
        """Logarithms of the attention weights (M, batch, heads, tokens, tokens), and values (…, tokens, d / heads)."""
        q, k, v = (
            (h @ block[name][:, None]).unflatten(-1, (self.heads, -1)).transpose(2, 3) for name in ("WQ", "WK", "WV")
        )
        if self.recipe.qk_norm:
            q, k = self.norm(q), self.norm(k)
        logits = q @ k.mT / q.shape[-1] ** 0.5
        if self.recipe.cap:
            logits = self.recipe.cap * torch.tanh(logits / self.recipe.cap)
        future = torch.ones(logits.shape[-2:], dtype=torch.bool).triu(1) & causal
        with torch.no_grad():
            self.size = logits[..., ~future].square().flatten(1).mean(1).sqrt()
        return torch.log_softmax(logits.masked_fill(future, -torch.inf), -1), v

    @staticmethod
    def think(block, h, causal):
        """The ReLU network's branch (M, batch, tokens, d), which has no attention to be sharp."""
        return torch.relu(h @ block["W1"][:, None]) @ block["W2"][:, None], None


def _weights(drawn, shape, factor=1.0, std=None):
    """Parameters (M, *shape), normal with Xavier's deviation unless one is given, from one generator a model."""
    std = (2 / sum(shape)) ** 0.5 if std is None else std
    return nn.Parameter(torch.tensor(np.stack([factor * std * rng.normal(size=shape) for rng in drawn])))


def apart(h):
    """How far apart the tokens of a sequence are, one minus the mean cosine of two of them, for each model (M,).

    h: (M, batch, tokens, d). It is the mean square distance of unit vectors from their centre, in whose terms no digits
    are lost to cancellation.
    """
    unit = nn.functional.normalize(torch.as_tensor(h), dim=-1)
    spread = (unit - unit.mean(-2, keepdim=True)).square().sum(-1).flatten(1).mean(1)
    return (spread * unit.shape[-2] / (unit.shape[-2] - 1)).detach().numpy()


class Heard(NamedTuple):
    """What blocks hear before the first step: arrays (M, blocks) of gradients' lengths, and of the tokens' distance."""

    queries_keys: np.ndarray  # in W_Q and W_K together
    mlp: np.ndarray  # in the ReLU network's last matrix
    apart: np.ndarray  # of the tokens above the block


def heard(recipe, ln_back, cross_entropy, batch_gradient, seeds, blocks, batch=4, tokens=8, d=32, heads=4):
    """A `Heard` of random tokens with random labels out of ten (the set-up of Xiong et al. 2020, section 3)."""
    model = Transformers(recipe, ln_back, seeds, blocks, d, heads, tokens)
    drawn = [np.random.default_rng([21, seed]) for seed in seeds]
    h = torch.tensor(np.stack([rng.normal(size=(batch, tokens, d)) for rng in drawn]))
    labels = torch.tensor(np.random.default_rng(22).integers(10, size=batch * tokens))
    logits, passed, _ = model(h)
    mean_loss(cross_entropy, batch_gradient)(logits.flatten(1, 2), labels).sum().backward()

    def length(*names):
        squares = [sum(block[name].grad.square().flatten(1).sum(1) for name in names) for block in model.blocks]
        return torch.stack(squares, 1).sqrt().numpy()

    return Heard(length("WQ", "WK"), length("W2"), np.stack([apart(h) for h in passed[1:]], 1))


def attention_alone(layers, seed, identity=0.0, tokens=8, d=32):
    """How far apart tokens are after 0 … L layers of one head each, with `identity` times the tokens added: (L + 1,).

    W_Q, W_K and W_V are normal with variance 1/d. Each layer's outputs are brought to a root mean square of one
    altogether, which keeps their directions and their differences relative to their size.
    """
    rng = np.random.default_rng([23, seed])
    h, found = rng.normal(size=(tokens, d)), []
    for _ in range(layers + 1):
        found.append(float(apart(h[None, None])[0]))
        Q, K, V = (h @ rng.normal(size=(d, d)) / d**0.5 for _ in range(3))
        logits = Q @ K.T / d**0.5
        weights = np.exp(logits - logits.max(1, keepdims=True))
        h = identity * h + weights / weights.sum(1, keepdims=True) @ V
        h /= np.sqrt(np.mean(h**2))
    return np.array(found)


def prose():
    """The course's own words, 11,700 characters of its glossary, as numbers below len(LETTERS): a tensor."""
    text = files("vanishing").joinpath("prose.txt").read_text(encoding="utf-8")
    return torch.tensor([LETTERS.index(letter) for letter in text])


class Step(NamedTuple):
    """One step of training, for each model (M,): the loss before it, and the attention of its sharpest block."""

    loss: np.ndarray
    entropy: np.ndarray  # 1: all tokens are looked at alike; 0: one alone
    logit: np.ndarray  # root mean square
    weights: np.ndarray  # (tokens, tokens): attention of the first head of the first model's first block


def training(recipe, parts, seeds=range(5), steps=40, blocks=2, d=32, tokens=16, batch=8, **options):
    """Train M transformers to tell the next character of the course's prose; yields a `Step` each time.

    parts: ln_back, cross_entropy, batch_gradient, clip_by_global_norm, by name.
    """
    model = Transformers(
        recipe, parts["ln_back"], seeds, blocks, d, tokens=tokens, classes=len(LETTERS), symbols=len(LETTERS), **options
    )
    loss = mean_loss(parts["cross_entropy"], parts["batch_gradient"])
    adam = torch.optim.Adam(model.parameters(), lr=recipe.rate, betas=(0.9, 0.99))
    text, rng = prose(), np.random.default_rng(24)
    for step in range(steps):
        starts = torch.tensor(rng.integers(len(text) - tokens, size=batch))
        windows = text[starts[:, None] + torch.arange(tokens + 1)]
        logits, _, sharp = model(windows[:, :-1], causal=True)
        logits = logits.flatten(1, 2)
        losses = loss(logits, windows[:, 1:].flatten())
        extra = recipe.z_loss * torch.logsumexp(logits, -1).square().mean(1) if recipe.z_loss else 0.0
        adam.zero_grad()
        (losses + extra).sum().backward()
        if recipe.clip:
            _clip(model, recipe.clip, parts["clip_by_global_norm"])
        for group in adam.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / (recipe.warmup + 1))
        adam.step()
        yield Step(
            losses.detach().numpy(),
            torch.stack([one.entropy for one in sharp]).amin(0).numpy(),
            torch.stack([one.logit for one in sharp]).amax(0).numpy(),
            sharp[0].weights.numpy(),
        )


def _clip(model, threshold, clip_by_global_norm):
    gradients = [parameter.grad for parameter in model.parameters()]
    for m in range(len(gradients[0])):
        for whole, part in zip(
            gradients, clip_by_global_norm([g[m].numpy() for g in gradients], threshold), strict=True
        ):
            whole[m] = torch.as_tensor(np.asarray(part, dtype=float))
