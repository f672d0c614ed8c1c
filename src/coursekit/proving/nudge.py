"""Random draws moved by one unit in the last place: inputs and weights as another processor might round them."""

import functools
import sys

import numpy as np

FLOATS = ("normal", "standard_normal", "uniform", "random", "lognormal", "exponential", "standard_exponential", "gamma")


def install(number):
    """Move what NumPy's generators and torch's initialisers draw from now on, up or down by a draw of `number`."""
    coins = np.random.Generator(np.random.PCG64([20, number]))

    def moved(drawn):
        array = np.asarray(drawn)
        if array.dtype.kind != "f":
            return drawn
        ways = np.where(coins.integers(0, 2, array.shape), np.inf, -np.inf).astype(array.dtype)
        result = np.nextafter(array, ways)
        return result if isinstance(drawn, np.ndarray) else type(drawn)(result)

    def wrapped(name):
        draw = getattr(np.random.Generator, name)
        return functools.wraps(draw)(lambda self, *given, **more: moved(draw(self, *given, **more)))

    nudged = type("Generator", (np.random.Generator,), {name: wrapped(name) for name in FLOATS})
    plain = np.random.default_rng

    @functools.wraps(plain)
    def default_rng(seed=None):
        return nudged(plain(seed).bit_generator) if not isinstance(seed, np.random.Generator) else seed

    np.random.default_rng = default_rng
    sys.meta_path.insert(0, _Torch(coins))


class _Torch:
    """Waits for torch to be imported, and moves its draws as well."""

    def __init__(self, coins):
        self.coins = coins

    def find_spec(self, name, path=None, target=None):
        if name != "torch":
            return None
        import importlib.util

        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), _nudge_torch(module, self.coins))[0]
        return spec


def _nudge_torch(torch, coins):
    def moved(tensor):
        if not tensor.is_floating_point() or tensor.dtype not in (torch.float32, torch.float64):
            return tensor
        ways = torch.from_numpy(np.where(coins.integers(0, 2, tuple(tensor.shape)), np.inf, -np.inf))
        return torch.nextafter(tensor.detach(), ways.to(tensor.dtype))

    for name in ("randn", "rand", "normal"):
        draw = getattr(torch, name)
        setattr(torch, name, functools.wraps(draw)(_fresh(draw, moved)))
    for name in ("normal_", "uniform_"):
        draw = getattr(torch.Tensor, name)
        setattr(torch.Tensor, name, functools.wraps(draw)(_in_place(draw, moved, torch)))


def _fresh(draw, moved):
    def nudged(*given, **more):
        drawn = draw(*given, **more)
        return moved(drawn).requires_grad_(drawn.requires_grad)

    return nudged


def _in_place(draw, moved, torch):
    def nudged(tensor, *given, **more):
        drawn = draw(tensor, *given, **more)
        with torch.no_grad():
            drawn.copy_(moved(drawn))
        return drawn

    return nudged
