#!/usr/bin/env bash
# torchdiffeq: for a stiff oscillator odeint_adjoint returns a gradient that is off by orders of magnitude, and no warning.
#
# Guess: with its default tolerances the adjoint's gradient agrees with that of odeint (backpropagation through the steps) to a few digits, or it complains.
# Seen:  solved backwards in time, a state that the flow had forgotten grows again from its rounding errors. For van der Pol's oscillator with mu = 5 the
#        gradient is off by orders of magnitude, in float64, with the default solver, finite and without a word; odeint's own gradient is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 torchdiffeq==0.2.5
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import torch
from torch import nn
from torchdiffeq import odeint, odeint_adjoint

warnings.simplefilter("error")


class VanDerPol(nn.Module):
    """x'' = mu (1 - x^2) x' - x, as a first-order system."""

    def __init__(self, mu):
        super().__init__()
        self.mu = mu

    def forward(self, t, y):
        return torch.stack([y[1], self.mu * (1 - y[0] ** 2) * y[1] - y[0]])


def gradient(solver, mu):
    """dx(10)/d(x(0), v(0))."""
    y0 = torch.tensor([2.0, 0.0], dtype=torch.float64, requires_grad=True)
    end = solver(VanDerPol(mu), y0, torch.tensor([0.0, 10.0], dtype=torch.float64))[-1]
    (g,) = torch.autograd.grad(end[0], y0)
    return g


for mu in (1, 2, 4, 5):
    right, found = gradient(odeint, mu), gradient(odeint_adjoint, mu)
    off = float((found - right).norm() / right.norm())
    print(f"torchdiffeq {version('torchdiffeq')} | mu = {mu}: gradient by odeint {right.norm():.1e}, by odeint_adjoint {found.norm():.1e}, relative error {off:.0e}")
if off < 1e3:
    raise SystemExit("The adjoint is no longer far off on a stiff oscillator, or says so.")
PY
