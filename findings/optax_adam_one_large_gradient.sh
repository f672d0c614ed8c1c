#!/usr/bin/env bash
# Optax: after one gradient of 1e25 Adam never moves that parameter again, and says nothing.
#
# Guess: an outlier gives one step of about the learning rate, since Adam divides by its size; later steps recover.
# Seen:  its square is infinite in float32, the running mean of squares stays infinite, and every later step is exactly zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 optax==0.2.8
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jax.numpy as jnp
import optax

optimiser = optax.adam(1e-3)
weights = jnp.array([1.0, 1.0])  # the second one never meets the outlier
state = optimiser.init(weights)
moved = []
for step in range(1000):
    gradient = jnp.array([1e25 if step == 0 else 1.0, 1.0])
    update, state = optimiser.update(gradient, state, weights)
    weights = optax.apply_updates(weights, update)
print("optax", optax.__version__, "| after 1000 steps:", [round(float(w), 3) for w in weights], "| nu", state[0].nu)
if not (float(weights[0]) == 1.0 and float(weights[1]) < 0.2):
    raise SystemExit("Adam recovers from an outlier now.")
PY
