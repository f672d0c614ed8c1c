#!/usr/bin/env bash
# Equinox: BatchNorm as it comes normalises a training batch by running averages, not by the batch.
#
# Guess: in training, batch normalisation makes each batch's mean 0 and variance 1, as in every other library.
# Seen:  the mode by default is an exponential moving average (a warning says so): a second batch of other scale comes out with mean 9.8 and deviation 7.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 equinox==0.13.8
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
from importlib.metadata import version

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    layer, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(input_size=1, axis_name="batch")
run = jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
first, state = run(jnp.array([[0.0], [2.0]]), state)
second, state = run(jnp.array([[5.0], [25.0]]), state)
print("equinox", version("equinox"), "| first batch", first.ravel(), "| second", second.ravel())
if not (abs(float(first.mean())) < 1e-3 and float(second.mean()) > 5):
    raise SystemExit("BatchNorm as it comes now normalises by the batch.")
PY
