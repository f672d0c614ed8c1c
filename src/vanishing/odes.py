"""Vector fields, one-step solvers of y′ = f(y), and the two ways to a gradient through them.

A solver is a network with one layer a step: y_n = y_{n−1} + h_n · (slope), and J_n = ∂y_n/∂y_{n−1}. For explicit Euler
J_n = I + h_n f′(y_{n−1}), a residual block (Haber & Ruthotto 2017; Chen et al. 2018).

    discretise, then differentiate   δ_{n−1} = J_nᵀ δ_n, exact for the numbers that the solver computes
    continuous adjoint               a′ = −f′(y)ᵀ a, solved from the last time back to the first, together with y

`times` are t_0 … t_N in any order and at any distance; a solver makes one step between two of them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

METHODS = ("Euler", "RK4")


@dataclass(frozen=True)
class Pendulum:
    """y = (θ, v), θ′ = v, v′ = −sin θ − friction · v; y is (2,) or (…, 2)."""

    friction: float = 0.0

    def __call__(self, y):
        theta, v = np.moveaxis(y, -1, 0)
        return np.stack([v, -np.sin(theta) - self.friction * v], axis=-1)

    def jacobian(self, y):
        """f′(y), (2, 2)."""
        return np.array([[0.0, 1.0], [-np.cos(y[0]), -self.friction]])

    def secant(self, y, exact):
        """A matrix A (2, 2) with f(y) − f(exact) = A (y − exact), by sin a − sin b = 2 cos((a+b)/2) sin((a−b)/2)."""
        half = 0.5 * (y[0] - exact[0])
        slope = np.cos(0.5 * (y[0] + exact[0])) * np.sinc(half / np.pi)
        return np.array([[0.0, 1.0], [-slope, -self.friction]])


@dataclass(frozen=True)
class RateField:
    """f(y) = W tanh(y) − leak · y, a recurrent network in continuous time: W (n, n), y (…, n)."""

    W: np.ndarray
    leak: float = 0.0

    def __call__(self, y):
        return np.tanh(y) @ self.W.T - self.leak * y

    def jacobian(self, y):
        """f′(y) = W diag tanh′(y) − leak · I, (n, n)."""
        return self.W * (1 - np.tanh(y) ** 2) - self.leak * np.eye(len(y))


def step(f, y, h, method="RK4"):
    """One step of length h from y: explicit Euler, or the classical Runge-Kutta method of order four."""
    if method not in METHODS:
        raise ValueError(f"The method must be one of {', '.join(METHODS)}, not {method!r}.")
    k1 = f(y)
    if method == "Euler":
        return y + h * k1
    k2 = f(y + h / 2 * k1)
    k3 = f(y + h / 2 * k2)
    k4 = f(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solve(f, y, times, method="RK4"):
    """y at each of the `times`, an array (N + 1, …), from y at the first."""
    path = [np.asarray(y, dtype=float)]
    for h in np.diff(times, axis=0):
        path.append(step(f, path[-1], h, method))
    return np.array(path)


def step_jacobians(f, path, times, method="RK4"):
    """J_1 … J_N along a `path` from `solve`, an array (N, n, n); f needs `jacobian`."""
    eye, factors = np.eye(path.shape[-1]), []
    for y, h in zip(path, np.diff(times), strict=False):
        K1 = f.jacobian(y)
        if method == "Euler":
            factors.append(eye + h * K1)
            continue
        y2 = y + h / 2 * f(y)
        y3 = y + h / 2 * f(y2)
        K2 = f.jacobian(y2) @ (eye + h / 2 * K1)
        K3 = f.jacobian(y3) @ (eye + h / 2 * K2)
        K4 = f.jacobian(y + h * f(y3)) @ (eye + h * K3)
        factors.append(eye + h / 6 * (K1 + 2 * K2 + 2 * K3 + K4))
    return np.array(factors)


def continuous_adjoint(f, y, a, times, method="RK4"):
    """y and a at each of the `times`, two arrays (N + 1, n), from their values at the last time.

    Both are solved backwards with the same method and steps as the way forward; nothing of that way is remembered
    (Chen et al. 2018, section 2). a is ∂loss/∂y(t) of the differential equation's solution, up to the solver's error.
    """
    n = len(y)

    def both(state):
        return np.concatenate([f(state[:n]), -f.jacobian(state[:n]).T @ state[n:]])

    path = solve(both, np.concatenate([y, a]), times[::-1], method)[::-1]
    return path[:, :n], path[:, n:]


def swings(rng, B=24, K=10, mean_gap=0.5, noise=0.05):
    """B pendulums with friction 0.2, seen K times at irregular moments: starts (B, 2), gaps (B, K), sights (B, K, 2).

    Angles and velocities start uniform in ±1.5. Gaps are exponential of mean `mean_gap`, but no shorter than 0.1 and
    no longer than 2 of it. Sights carry normal errors of standard deviation `noise`. Eight RK4 steps are made in a gap.
    """
    f, starts = Pendulum(friction=0.2), rng.uniform(-1.5, 1.5, size=(B, 2))
    gaps = mean_gap * np.clip(rng.exponential(size=(B, K)), 0.1, 2.0)
    y, sights = starts, []
    for h in gaps.T:
        y = solve(f, y, np.linspace(np.zeros(B), h, 9)[..., None])[-1]
        sights.append(y)
    return starts, gaps, np.stack(sights, axis=1) + noise * rng.normal(size=(B, K, 2))


class NeuralODEs(nn.Module):
    """Neural ODEs y′ = V tanh(U y + c) of the plane side by side, one for each of the `seeds`; float64.

    U starts with variance 1 per input and c likewise, V small, so that at first hardly anything moves.
    """

    def __init__(self, seeds, width=32):
        super().__init__()
        shapes, drawn = {"U": (2, width), "c": (1, width), "V": (width, 2)}, [np.random.default_rng(s) for s in seeds]
        for name, shape in shapes.items():
            scale = 1 / width if name == "V" else 1.0
            values = np.stack([scale * rng.normal(size=shape) for rng in drawn])
            setattr(self, name, nn.Parameter(torch.tensor(values)))

    def field(self, y):
        """The slopes at y (M, batch, 2), the same shape."""
        return torch.tanh(y @ self.U + self.c) @ self.V

    def forward(self, y, gaps):
        """States (M, batch, K, 2) after each of the `gaps` (M, batch, K), from y (M, batch, 2); one RK4 step a gap."""
        states = []
        for h in gaps.unbind(-1):
            y = step(self.field, y, h[..., None])
            states.append(y)
        return torch.stack(states, dim=-2)
