"""Lesson 17: antisymmetric fields and adaptive steps, with more seeds and other sizes."""

import numpy as np
from scipy.integrate import solve_ivp

from coursekit.proving.evidence import claim
from vanishing.adjoints import backward_recurrence
from vanishing.odes import RateField, solve, step_jacobians


def left(seed, n=10, T=200):
    """What is left of a message's length after T time units back through an antisymmetric field."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n)) / np.sqrt(n)
    y0, top = rng.normal(size=(2, n))
    f, t = RateField((W - W.T) / 2**0.5), np.linspace(0, T, 10 * T + 1)
    a = backward_recurrence(step_jacobians(f, solve(f, y0, t), t), top)
    return np.linalg.norm(a[0]) / np.linalg.norm(top)


@claim(
    "such a field does not let a message die, but neither does it hold it at its size for ever",
    budget="5 seeds, width 10, 200 time units",
    tried="25 seeds; width 30; 1000 time units. Not tried: inputs, trained weights",
)
def antisymmetric():
    more = np.array([left(seed) for seed in range(25)])
    wide, long = left(0, n=30), left(0, T=1000)
    found = (
        f"25 seeds: {more.min():.1f} to {more.max():.0f}-fold; width 30: {wide:.0f}-fold; 1000 back: {long:.0f}-fold"
    )
    return min(more.min(), wide, long) > 0.5 and more.max() > 10, found


@claim(
    "where it is smaller than the tolerance as well, what comes back is noise",
    budget="5 seeds, tolerances 1e-4 to 1e-8, RK45",
    tried="20 seeds; width 30; the methods DOP853 and Radau",
)
def adaptive():
    def off(seed, tol, n=10, method="RK45"):
        rng = np.random.default_rng(seed)
        f = RateField(rng.normal(size=(n, n)) / np.sqrt(n), leak=2.0)
        y0, c = rng.normal(size=(2, n))

        def vary(t, s):
            return np.r_[f(s[:n]), (f.jacobian(s[:n]) @ s[n:].reshape(n, n)).ravel()]

        def back(t, s):
            return np.r_[f(s[:n]), -f.jacobian(s[:n]).T @ s[n:]]

        start = np.r_[y0, np.eye(n).ravel()]
        true = solve_ivp(vary, (0, 10), start, rtol=1e-11, atol=1e-13, method="DOP853").y[n:, -1].reshape(n, n).T @ c
        tight = {"rtol": tol, "atol": tol, "method": method}
        end = solve_ivp(lambda t, y: f(y), (0, 10), y0, **tight).y[:, -1]
        found = solve_ivp(back, (10, 0), np.r_[end, c], **tight).y[n:, -1]
        return np.linalg.norm(found - true) / np.linalg.norm(true)

    more = [np.median([off(seed, tol) for seed in range(20)]) for tol in (1e-4, 1e-8)]
    wide = np.median([off(seed, 1e-4, n=30) for seed in range(3)])
    others = [np.median([off(seed, 1e-4, method=method) for seed in range(3)]) for method in ("DOP853", "Radau")]
    found = (
        f"median relative error of 20 seeds {more[0]:.1g} at 1e-4, {more[1]:.1g} at 1e-8; width 30: {wide:.1g}; "
        f"DOP853 {others[0]:.1g}, Radau {others[1]:.1g} at 1e-4"
    )
    return min(more[0], wide, *others) > 0.3 > more[1], found
