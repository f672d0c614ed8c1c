"""Attribution: maps of what a score owes to each of its inputs, and networks on the digits to try them on.

A score is a function of float64 tensors x (…, n) with one value for each input: of shape (…). A map has the shape
of x, a baseline broadcasts to it. Nothing is changed in place.
"""

import itertools

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.datasets import load_digits
from torch import nn

from vanishing.trials import TRAIN

CUE = 0  # the pixel that is stamped: the upper left corner, black in every image


def saliency(score, x):
    """∂score/∂x (Simonyan et al. 2013, section 3), signed: the gradient that arrives at the input."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(score(x).sum(), x)[0]


def smoothgrad(score, x, sigma, samples=30, seed=0):
    """The mean saliency of `samples` noisy copies x + σξ with ξ standard normal (Smilkov et al. 2017, section 2).

    It estimates the saliency of the smoothed score E score(x + σξ).
    """
    generator, total = torch.Generator().manual_seed(seed), torch.zeros_like(x)
    for _ in range(samples):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        total += saliency(score, x + sigma * noise)
    return total / samples


def integrated_gradients(score, x, baseline, steps=100, at=0.5):
    """(x − b) times the mean saliency on the straight line from b to x (Sundararajan et al. 2017, eq. 1).

    One point in each of `steps` equal pieces, at the fraction `at` of the piece: 0.5 is the midpoint rule, whose
    error falls as 1/steps² or faster for a smooth score; 0 and 1 are its ends, where it falls as 1/steps.
    """
    total = torch.zeros_like(x)
    for k in range(steps):
        total += saliency(score, baseline + (x - baseline) * (k + at) / steps)
    return (x - baseline) * total / steps


def gap(score, x, baseline, maps):
    """By how much `maps` miss completeness: their sum minus score(x) − score(baseline), of shape (…)."""
    with torch.no_grad():
        return maps.sum(dim=-1) - (score(x) - score(torch.zeros_like(x) + baseline))


def occlusion(score, x, baseline):
    """score(x) minus the score with feature k set to the baseline's, for each k (after Zeiler & Fergus 2014)."""
    at, drops = torch.eye(x.shape[-1], dtype=torch.bool), []
    with torch.no_grad():
        whole = score(x)
        for one in at:
            drops.append(whole - score(torch.where(one, baseline, x)))
    return torch.stack(drops, dim=-1)


def all_maps(score, x, baseline, sigma=0.2):
    """The five maps that are compared most, by name; SmoothGrad with noise of standard deviation `sigma`."""
    gradient = saliency(score, x)
    return {
        "gradient": gradient,
        "gradient x input": gradient * (x - baseline),
        "SmoothGrad": smoothgrad(score, x, sigma),
        "integrated": integrated_gradients(score, x, baseline),
        "occlusion": occlusion(score, x, baseline),
    }


def place(maps, k):
    """Where feature k stands in each map by absolute value: 1 is first; equals do not count against it."""
    size = maps.abs()
    return 1 + (size > size[..., k, None]).sum(dim=-1)


def rank_agreement(a, b, where=None):
    """Spearman's correlation of |a| and |b| over the last axis, of shape (…); equals share their mean rank.

    where   boolean (…, n): the features that count; all of them if None
    NaN where a or b is constant.
    """
    a, b = np.abs(np.asarray(a)), np.abs(np.asarray(b))
    where = np.ones(a.shape, bool) if where is None else np.broadcast_to(where, a.shape)
    result = np.full(a.shape[:-1], np.nan)
    for i in np.ndindex(result.shape):
        r, s = (rankdata(v[i][where[i]]) for v in (a, b))
        if np.ptp(r) > 0 and np.ptp(s) > 0:
            result[i] = np.corrcoef(r, s)[0, 1]
    return result


def images():
    """scikit-learn's digits, X (1797, 64) with 0 for black and 1 for full ink, and labels y (1797,).

    The first TRAIN of them are for training.
    """
    X, y = load_digits(return_X_y=True)
    return torch.tensor(X / 16), torch.tensor(y)


def stamped(X, y, strengths):
    """Copies of X (N, 64) with pixel CUE set to each of the strengths in the odd digits: (strengths, N, 64)."""
    copies = X.repeat(len(strengths), 1, 1)
    copies[..., CUE] = torch.tensor(strengths, dtype=X.dtype)[:, None] * (y % 2)
    return copies


class Dense(nn.Module):
    """Fully connected tanh networks side by side, M of them, float64: x (batch, n) or (M, batch, n) → (M, batch, K).

    sizes  n, hidden widths, K
    """

    def __init__(self, M, sizes, seed=0):
        super().__init__()
        generator, self.W, self.b = torch.Generator().manual_seed(seed), nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in itertools.pairwise(sizes):
            W = torch.randn(M, n_in, n_out, generator=generator, dtype=torch.float64) / n_in**0.5
            self.W.append(nn.Parameter(W))
            self.b.append(nn.Parameter(torch.zeros(M, 1, n_out, dtype=torch.float64)))

    def forward(self, x):
        z = x @ self.W[0] + self.b[0]
        for W, b in zip(self.W[1:], self.b[1:], strict=True):
            z = torch.tanh(z) @ W + b
        return z


class Additive(nn.Module):
    """Additive networks side by side (Agarwal et al. 2021), M of them, float64: x as in `Dense` → (M, batch, 1).

    The logit is d + Σ_i g_i(x_i), and each g_i has `units` tanh units that see pixel i alone.
    """

    def __init__(self, M, n=64, units=4, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        w, c, a = torch.randn(3, M, 1, n, units, generator=generator, dtype=torch.float64)
        self.w, self.c, self.a = (nn.Parameter(v) for v in (w, c / 2, a / (n * units) ** 0.5))
        self.d = nn.Parameter(torch.zeros(M, 1, 1, dtype=torch.float64))

    def forward(self, x):
        h = torch.tanh(x[..., None] * self.w + self.c)  # (M, batch, n, units)
        return (h * self.a).sum(dim=(-1, -2))[..., None] + self.d


def training(nets, X, y, steps=400, lr=1e-2, batch=64, seed=0):
    """Train all networks with Adam on the same batches of the training images; yields the losses (M,) of each step.

    X (N, 64), or (M, N, 64) with images of its own for each network; y (N,): classes for K logits, 0 or 1 for one.
    Cross-entropy, logistic for one logit.
    """
    adam, generator = torch.optim.Adam(nets.parameters(), lr=lr), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(TRAIN, (batch,), generator=generator)
        z = nets(X[..., rows, :])  # (M, batch, K)
        if z.shape[-1] == 1:
            losses = nn.functional.softplus(torch.where(y[rows] == 1, -1, 1) * z[..., 0])
        else:
            losses = z.logsumexp(dim=-1) - z[..., torch.arange(batch), y[rows]]
        losses = losses.mean(dim=1)
        adam.zero_grad()
        losses.sum().backward()
        adam.step()
        yield losses.detach().numpy()
