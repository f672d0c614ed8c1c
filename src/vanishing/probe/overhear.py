"""What a probe overhears between the layers: activation functions, losses, and where backward passes begin and end."""

import functools
import math
import threading

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

F = nn.functional


def _named_functions():
    """The activation functions as torch offers them, each with its one name."""
    names = {n: n for n in ("relu", "relu6", "sigmoid", "tanh", "hardsigmoid", "hardtanh", "softmax", "softplus")}
    names |= {n: n for n in ("leaky_relu", "elu", "selu", "gelu", "silu", "log_softmax")}
    names |= {"relu_": "relu", "sigmoid_": "sigmoid", "tanh_": "tanh"}
    homes = (torch, torch.Tensor, F, torch._C._nn)
    found = {getattr(home, n): name for n, name in names.items() for home in homes if hasattr(home, n)}
    more = {"sigmoid": [torch.special.expit], "softmax": [torch.special.softmax]}
    more["log_softmax"] = [torch.special.log_softmax]
    return found | {function: name for name, some in more.items() for function in some}


ACTIVATIONS = _named_functions()
LOSSES = {
    getattr(F, n): n
    for n in (
        "cross_entropy",
        "nll_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "kl_div",
    )
}
DIFFERENCES = {getattr(torch.Tensor, n) for n in ("sub", "__sub__", "__rsub__", "subtract")} | {torch.sub}
ROUNDED = ("sign", "round", "floor", "ceil", "trunc", "heaviside", "sgn", "fix")
BOUNDED = ("clamp", "clip")
STOPS = {  # functions whose derivative is zero, everywhere or where they clip
    getattr(home, n): n for n in ROUNDED + BOUNDED for home in (torch, torch.Tensor) if hasattr(home, n)
}
WEIGHTED = {
    getattr(F, n): 1
    for n in ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "embedding", "bilinear")
    if hasattr(F, n)
}
FLAT = {  # where the slope is below a hundredth of its largest, told from the output
    "sigmoid": lambda h: (h - 0.5).abs_() > math.sqrt(0.25 - 0.0025),
    "hardsigmoid": lambda h: (h - 0.5).abs_() >= 0.5,
    "tanh": lambda h: h.abs() > math.sqrt(0.99),
    "softmax": lambda h: h.amax(-1) > 0.99,
}
FLAT_BELOW = {  # the same, told from the input
    "sigmoid": lambda z: z.abs() > math.log((0.5 + math.sqrt(0.2475)) / (0.5 - math.sqrt(0.2475))),
    "hardsigmoid": lambda z: z.abs() >= 3,
    "tanh": lambda z: z.abs() > math.atanh(math.sqrt(0.99)),
    "softmax": lambda z: z.softmax(-1).amax(-1) > 0.99,
}


class Overhear(TorchFunctionMode):
    """Hears what the block calls of torch: each call is shown to `owner._overheard`, which returns nothing."""

    def __init__(self, owner):
        super().__init__()
        self.owner = owner

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs) if kwargs else func(*args)
        if func in INTERESTING:
            self.owner._overheard(func, args, kwargs or {}, result)
        return result


INTERESTING = {*ACTIVATIONS, *LOSSES, *DIFFERENCES, *WEIGHTED, *STOPS, F.scaled_dot_product_attention}


def depth():
    """How many torch function modes are on in this thread."""
    return torch._C._len_torch_function_stack()


def take_off(mode):
    """End a mode of this thread, also where others were entered after it and are still on; whether it could be done.

    It cannot while torch is inside the mode, which is off the stack for so long.
    """
    if not any(torch._C._get_function_stack_at(k) is mode for k in range(depth())):
        return False
    above = []
    while (top := torch._C._pop_torch_function_stack()) is not mode:
        above.append(top)
    for other in reversed(above):
        torch._C._push_on_torch_function_stack(other)
    return True


class _Backward:
    """Replaces Tensor.backward while any probe listens: one object for all probes, removed with the last one."""

    def __init__(self):
        self.listeners, self.original, self.standin = [], None, None
        self.inside = threading.local()

    def add(self, listener):
        """Tell a listener of each backward pass: it gets the loss and a function that runs the pass."""
        self.listeners.append(listener)
        if self.standin is None or torch.Tensor.backward is not self.standin:
            self.original = original = torch.Tensor.backward

            def backward(self, *args, **kwargs):
                return BACKWARD.run(self, lambda: original(self, *args, **kwargs))

            backward.__doc__, backward.__wrapped__ = original.__doc__, original
            self.standin = torch.Tensor.backward = backward

    def remove(self, listener):
        """Forget a listener; after the last one, Tensor.backward is the original again."""
        self.listeners.remove(listener)
        if not self.listeners and torch.Tensor.backward is self.standin:
            torch.Tensor.backward, self.standin = self.original, None

    def run(self, loss, inner):
        """Run a backward pass by way of all listeners; one inside another pass is a part of that."""
        if getattr(self.inside, "yes", False):
            return inner()
        self.inside.yes = True
        try:
            for listener in list(self.listeners):
                inner = functools.partial(listener, loss, inner)
            return inner()
        finally:
            self.inside.yes = False


BACKWARD = _Backward()
