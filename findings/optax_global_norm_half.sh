#!/usr/bin/env bash
# optax.global_norm adds in the gradients' own type: 512 for 1,000 in bfloat16, infinity for 9,487 in float16.
#
# Guess: a norm is summed in float32, as torch's get_total_norm does.
# Seen:  a thousand leaves of a thousand ones: 512; so clipping to 1 leaves a norm of 2. In float16 300² overflows, and clipping gives 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check optax==0.2.8 jax==0.10.2 torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import jax.numpy as jnp
import optax
import torch

brain = {str(k): jnp.ones(1000, jnp.bfloat16) for k in range(1000)}
half = {"w": jnp.full(1000, 300.0, jnp.float16)}
norms = float(optax.global_norm(brain)), float(optax.global_norm(half))
clipped, _ = optax.clip_by_global_norm(1.0).update(brain, optax.EmptyState())
left = float(optax.global_norm({k: v.astype(jnp.float32) for k, v in clipped.items()}))
silent, _ = optax.clip_by_global_norm(1.0).update(half, optax.EmptyState())
torchs = [torch.ones(1000, dtype=torch.bfloat16)] * 1000, [torch.full((1000,), 300.0, dtype=torch.float16)]
there = [float(torch.nn.utils.get_total_norm(one)) for one in torchs]
print("optax", optax.__version__, "| norms", norms, "| clipped to 1:", left, "and", float(silent["w"][0]))
print("torch", torch.__version__, "| norms", there)
if norms != (512.0, float("inf")) or not left > 1.5 or float(silent["w"][0]) != 0 or there[0] != 1000.0:
    raise SystemExit("optax.global_norm now adds small floats in a wider type.")
PY
