"""Euclidean lengths of tensors, right wherever the entries themselves are numbers, and cheap to take many of.

A float32 sum of squares loses entries below 1e-23 altogether, so that `torch.linalg.vector_norm` of a tensor full of
them is zero. Here such sums are taken in float64.
"""

import math

import torch

# Between these lengths a float32 sum of squares has neither overflowed nor lost a square that mattered.
_SAFE = 1e-12, 1e15


def length(t):
    """The length of a tensor of any floating type and layout, all entries together.

    A float on the CPU; on another device a scalar tensor, for which nobody has waited: float() of it waits.
    """
    t = _plain(t)
    if t.is_cpu and t.dtype is torch.float32:
        fast = torch.linalg.vector_norm(t).item()
        if _SAFE[0] < fast < _SAFE[1]:
            return fast
    if t.device.type == "mps":
        return scaled_length(t)
    exact = torch.linalg.vector_norm(t, dtype=torch.float64)
    return exact.item() if t.is_cpu else exact


def scaled_length(t):
    """The length as a scalar tensor, without float64, which some devices do not know."""
    scale = t.abs().max().float().clamp(min=1e-37)
    return scale * torch.linalg.vector_norm(t.float() / scale)


def lengths(tensors):
    """The length of each of the tensors, as a list."""
    tensors = [_plain(t) for t in tensors]
    if not tensors or not all(t.is_cpu and t.dtype is torch.float32 for t in tensors):
        return [length(t) for t in tensors]
    fast = torch.stack(torch._foreach_norm(tensors)).tolist()
    return [n if _SAFE[0] < n < _SAFE[1] else length(t) for n, t in zip(fast, tensors, strict=True)]


def together(parts):
    """The length of what consists of parts of the given lengths; NaN if there are none."""
    return math.hypot(*map(float, parts)) if parts else math.nan


def _plain(t):
    """The entries as a tensor of real numbers that is part of no graph."""
    if t.requires_grad:
        t = t.detach()
    if t.layout is not torch.strided:
        t = t.coalesce().values()
    return torch.view_as_real(t) if t.is_complex() else t
