#!/usr/bin/env bash
# Captum: the trapezoid rule of integrated gradients has weights whose sum is 1 - 1/n.
#
# Guess: the weights of a quadrature rule on [0, 1] add up to 1, so a linear model gets its attributions exactly, however few the steps.
# Seen:  with n steps the trapezoid's weights add up to (n - 1)/n: 8 % are missing with 12 steps, for a linear model too; the other rules are exact.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 captum==0.9.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import torch
from captum.attr import IntegratedGradients

model = torch.nn.Linear(3, 1, bias=False)
torch.nn.init.ones_(model.weight)
x, rules, sums = torch.tensor([[1.0, 2.0, 3.0]]), ("riemann_trapezoid", "riemann_middle", "riemann_left", "gausslegendre"), {}
for rule in rules:
    found = [IntegratedGradients(model).attribute(x, n_steps=n, method=rule).sum().item() for n in (4, 12, 100)]
    sums[rule] = [round(total / 6, 4) for total in found]
print("captum", version("captum"), "| share of f(x) - f(0) that is attributed with 4, 12, 100 steps:", sums)
if sums["riemann_trapezoid"] != [0.75, 0.9167, 0.99] or sums["riemann_middle"] != [1.0, 1.0, 1.0]:
    raise SystemExit("The trapezoid's weights have changed.")
PY
