#!/usr/bin/env bash
# JAX: inside a callback NumPy itself loses subnormal numbers; before and after it keeps them.
#
# Guess: a function that JAX calls back on the host is ordinary NumPy: 2e-38 * 0.5 is 1e-38, as everywhere else.
# Seen:  the thread that XLA calls from flushes subnormals, and NumPy on it with it: the same line gives 0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jax
import numpy as np


def half(*_):
    seen.append(float(np.float32(2e-38) * np.float32(0.5)))
    return np.float32(0)


seen = []
half()
shape = jax.ShapeDtypeStruct((), np.float32)
jax.jit(lambda x: jax.pure_callback(half, shape, x))(1.0).block_until_ready()
half()
print("jax", jax.__version__, "| numpy", np.__version__, "| before, inside a callback, after:", seen)
if not (seen[0] == seen[2] > 0 and seen[1] == 0):
    raise SystemExit("NumPy inside a callback now keeps subnormals.")
PY
