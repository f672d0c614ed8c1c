"""Euclidean lengths of tensors, right wherever the entries themselves are numbers, and cheap to take many of.

A float32 sum of squares loses entries below 1e-23 altogether, so that `torch.linalg.vector_norm` of a tensor full of
them is zero. Here such sums are taken in float64. Of a tensor that is spread over processes (DTensor, as FSDP2 keeps
its weights) only this process's part is measured: the whole would need all of them to meet.
"""

import math

import torch

# Between these lengths a float32 sum of squares has neither overflowed nor lost a square that mattered.
_SAFE = 1e-12, 1e15
LARGE = 2**14


def length(t):
    """The length of a tensor of any floating type and layout, all entries together.

    A float on the CPU; on another device a scalar tensor, for which nobody has waited: float() of it waits.
    """
    if type(t) is not torch.Tensor or t.requires_grad or t.layout is not torch.strided or t.dtype is not torch.float32:
        t = plain(t)
    if t.is_cpu and t.dtype is torch.float32:
        if t.numel() > LARGE and t.is_contiguous():  # the processor's dot product is faster than torch's norm
            flat = t.view(-1)
            fast = math.sqrt(torch.dot(flat, flat).item())
        else:
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
    """The length of each of the tensors, as a list; on the CPU, of many float32 at once."""
    tensors, easy = list(tensors), True
    for k, t in enumerate(tensors):
        if type(t) is not torch.Tensor or t.requires_grad or t.layout is not torch.strided:
            tensors[k] = t = plain(t)
        easy = easy and t.dtype is torch.float32 and t.is_cpu
    if not tensors or not easy:
        return [length(t) for t in tensors]
    fast = [n.item() for n in torch._foreach_norm(tensors)]
    return [n if _SAFE[0] < n < _SAFE[1] else length(t) for n, t in zip(fast, tensors, strict=True)]


def together(parts):
    """The length of what consists of parts of the given lengths; NaN if there are none."""
    if len(parts) == 1:
        return parts[0]
    return math.hypot(*parts) if parts else math.nan


def known(values):
    """Floats of numbers and scalar tensors, after waiting once for all tensors that are on another device."""
    values = list(values)
    late = [k for k, v in enumerate(values) if isinstance(v, torch.Tensor)]
    if late:
        some = [values[k] for k in late]
        if len({(t.device, t.dtype) for t in some}) > 1 or some[0].is_cpu:
            read = [float(t) for t in some]
        else:
            read = torch.stack([t.reshape(()) for t in some]).tolist()
        for k, v in zip(late, read, strict=True):
            values[k] = v
    return [v if type(v) is float else float(v) for v in values]


def plain(t):
    """The entries as a tensor of real numbers that is part of no graph, and of this process alone."""
    if t.requires_grad:
        t = t.detach()
    if type(t) is not torch.Tensor and hasattr(t, "to_local"):
        t = t.to_local()
    if t.layout is not torch.strided:
        t = t.coalesce().values()
    return torch.view_as_real(t) if t.is_complex() else t
