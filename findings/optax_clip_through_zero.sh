#!/usr/bin/env bash
# Differentiating through optax.clip_by_global_norm gives NaN where the gradient is zero, however far from the limit.
#
# Guess: below the limit clipping is the identity, so its derivative there is the identity.
# Seen:  the norm's square root has an infinite slope at 0, and the branch that is not taken makes 0 · ∞; at 1e-3 all is well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check optax==0.2.8 jax==0.10.2 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
import optax

clip = optax.clip_by_global_norm(1.0)


def after(gradient):
    return clip.update(gradient, clip.init(gradient))[0].sum()


found = {size: jax.grad(after)(jnp.full(2, size)).tolist() for size in (1e-3, 0.0)}
print("optax", optax.__version__, "| jax", jax.__version__, "| d sum(clip(g)) / dg at g =", found)
if found[1e-3] != [1.0, 1.0] or found[0.0][0] == found[0.0][0]:
    raise SystemExit("The slope of clip_by_global_norm at zero is now finite.")
PY
