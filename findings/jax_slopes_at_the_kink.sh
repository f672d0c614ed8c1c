#!/usr/bin/env bash
# At 0 JAX says: d|x| = 1, d relu = 0, d max(x, 0) = 0.5, d clip(x, 0, 1) = 0.5, d leaky_relu = 1.
#
# Guess: |x| = relu(x) + relu(−x), so its slope at 0 is 0 (torch: 0); one kink, one convention.
# Seen:  five answers; the gradient of an L1 penalty pushes weights that are exactly zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 numpy==2.4.6 torch==2.13.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
import torch

kinks = {
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "maximum": lambda x: jnp.maximum(x, 0.0),
    "clip": lambda x: jnp.clip(x, 0.0, 1.0),
    "leaky_relu": jax.nn.leaky_relu,
}
found = {name: float(jax.grad(function)(0.0)) for name, function in kinks.items()}
zero = torch.zeros(1, requires_grad=True)
zero.abs().sum().backward()
print("jax", jax.__version__, found, "| torch", torch.__version__, "abs", float(zero.grad))
if found != {"abs": 1.0, "relu": 0.0, "maximum": 0.5, "clip": 0.5, "leaky_relu": 1.0} or float(zero.grad) != 0:
    raise SystemExit("Slopes at a kink now follow another convention.")
PY
