#!/usr/bin/env bash
# Flax: nnx.OptimizedLSTMCell starts with recurrent matrices half as large as those of nnx.LSTMCell.
#
# Guess: the two cells, documented as the same equations with compatible parameters, start alike: an orthogonal matrix for each gate.
# Seen:  the optimized one draws one orthogonal matrix of shape (n, 4n); each gate's n columns of it have half the size, and after 100 steps four to six decades less of a gradient are left.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 flax==0.12.8
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

UNITS, STEPS = 64, 100
x = jax.random.normal(jax.random.PRNGKey(1), (1, STEPS, UNITS))


def size(matrix):
    """Root mean square of the singular values; 1 for an orthogonal matrix."""
    return float(np.linalg.norm(matrix) / UNITS**0.5)


def left(kind):
    """log10 of the gradient's length in the first input, where it has the length 1e8 at the last state."""
    layer = nnx.RNN(kind(UNITS, UNITS, rngs=nnx.Rngs(0)))
    gradient = nnx.grad(lambda layer, x: 1e8 / UNITS**0.5 * layer(x)[0, -1].sum(), argnums=1)(layer, x)
    return float(jnp.log10(jnp.linalg.norm(gradient[0, 0] * 1e12)) - 20)


plain = size(np.asarray(nnx.LSTMCell(UNITS, UNITS, rngs=nnx.Rngs(0)).hf.kernel[...]))
forget = np.asarray(nnx.OptimizedLSTMCell(UNITS, UNITS, rngs=nnx.Rngs(0)).dense_h.kernel[...])[:, UNITS : 2 * UNITS]
optimized, decades = size(forget), left(nnx.LSTMCell) - left(nnx.OptimizedLSTMCell)
print(f"flax {flax.__version__} | size of the forget gate's recurrent matrix: LSTMCell {plain:.2f}, OptimizedLSTMCell", end=" ")
print(f"{optimized:.2f} | decades between what is left of a gradient after {STEPS} steps: {decades:.1f}")
if not (plain > 0.99 and 0.4 < optimized < 0.6 and decades > 2):
    raise SystemExit("The two LSTM cells of nnx now start alike.")
PY
