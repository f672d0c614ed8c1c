"""Functions that learners write in the exercises, made of libraries: what later lessons use where theirs is not there.

Shapes, units and edge cases are those of the exercises. Each twin passes the check of its exercise.
"""

import math

import numpy as np
import torch
from scipy.optimize import brentq
from torch.nn import functional as F

__all__ = [
    "adam_steps",
    "batch_gradient",
    "branch_scale",
    "clip_by_global_norm",
    "cross_entropy",
    "he_std",
    "ln_back",
    "pre_ln_block",
    "record",
]


def _tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def cross_entropy(z, labels):
    """Softmax cross-entropy of each example, an array (batch,), for logits z (batch, K) and classes labels (batch,)."""
    return F.cross_entropy(_tensor(z), torch.as_tensor(np.asarray(labels)).long(), reduction="none").numpy()


def batch_gradient(z, labels):
    """Gradient (batch, K) of the mean softmax cross-entropy in the logits z (batch, K)."""
    z, mine = _tensor(z), F.one_hot(torch.as_tensor(np.asarray(labels)).long(), np.shape(z)[1]).bool()
    p = z.softmax(dim=1).masked_fill(mine, 0.0)
    return (torch.where(mine, -p.sum(dim=1, keepdim=True), p) / len(p)).numpy()


def clip_by_global_norm(grads, threshold):
    """The arrays of a list, scaled together to a global norm of threshold (> 0) where theirs is larger."""
    arrays = [np.asarray(array, dtype=float) for array in grads]
    shift = math.frexp(max((np.abs(array).max(initial=0) for array in arrays), default=0.0))[1]
    small = [np.ldexp(array, -shift) for array in arrays]  # below one, so that no norm overflows
    norm = math.hypot(*(entry for array in small for entry in array.flat))
    return arrays if norm <= math.ldexp(threshold, -shift) else [array * (threshold / norm) for array in small]


def he_std(n, leak):
    """Standard deviation of weights that keeps the variance of delta through n leaky ReLU units (He et al. 2015)."""
    return torch.nn.init.calculate_gain("leaky_relu", leak) / math.sqrt(n)


def ln_back(z, gamma, g, eps):
    """Gradients in z (batch, n) and gamma (n,) of a layer norm, for the gradient g (batch, n) in its output."""
    z, gamma = _tensor(z).requires_grad_(), _tensor(gamma).requires_grad_()
    y = F.layer_norm(z, z.shape[-1:], gamma, eps=eps)
    return tuple(grad.numpy() for grad in torch.autograd.grad(y, (z, gamma), _tensor(g)))


def branch_scale(L, g, growth):
    """The beta with which L residual blocks of branch gain g > 0 multiply the variance by growth >= 1."""
    most = math.sqrt(growth / g)
    return brentq(lambda beta: L * math.log1p(beta * beta * g) - math.log(growth), 0.0, most, xtol=1e-300, rtol=1e-15)


def pre_ln_block(h, W, V, eps):
    """Output (batch, n) of a pre-LN block; h (batch, n), W (m, n), V (n, m) (Xiong et al. 2020)."""
    h, W, V = map(_tensor, (h, W, V))
    return (h + F.linear(F.relu(F.linear(F.layer_norm(h, h.shape[-1:], eps=eps), W)), V)).numpy()


def record(model, x):
    """Length of the gradient of the sum of the outputs in the output of each leaf module: {name: float}."""
    heard, ears = [], []
    for name, module in model.named_modules():
        if not any(module.children()):
            ears.append(module.register_forward_hook(lambda m, args, out, name=name: heard.append((name, out))))
    try:
        total = model(x).sum()
    finally:
        for ear in ears:
            ear.remove()
    found = [(name, part) for name, out in heard for part in (out if isinstance(out, tuple) else (out,))]
    found = [(name, part) for name, part in found if torch.is_tensor(part) and part.requires_grad]
    lengths = {}
    for (name, _), grad in zip(
        found, torch.autograd.grad(total, [part for _, part in found], allow_unused=True), strict=True
    ):
        if grad is not None:
            lengths[name] = math.hypot(lengths.get(name, 0.0), torch.linalg.vector_norm(grad.double()).item())
    return lengths


def adam_steps(g, eta, beta1, beta2, eps):
    """The steps (T,) that Adam takes for the gradients g (T,) of one weight (Kingma & Ba 2015)."""
    weight, moves = torch.zeros((), dtype=torch.float64, requires_grad=True), []
    adam = torch.optim.Adam([weight], lr=eta, betas=(beta1, beta2), eps=eps)
    for gradient in g:
        with torch.no_grad():
            weight.zero_()
        weight.grad = _tensor(gradient)
        adam.step()
        moves.append(weight.item())
    return np.array(moves)
