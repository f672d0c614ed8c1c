#!/usr/bin/env bash
# Clipping a gradient whose norm overflows sets it to zero, and raises nothing.
#
# Guess: sixteen entries of 1e20, clipped to length 1, become 0.25 each; or an error is raised.
# Seen:  the float32 sum of squares is infinite, 1 / inf is 0, and every entry becomes exactly 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

weight = torch.nn.Parameter(torch.zeros(16))
weight.grad = torch.full((16,), 1e20)
norm = torch.nn.utils.clip_grad_norm_([weight], 1.0)
print("torch", torch.__version__, "| norm returned:", norm.item(), "| length after clipping to 1:", weight.grad.norm().item())
if not (norm.isinf() and (weight.grad == 0).all()):
    raise SystemExit("clip_grad_norm_ no longer turns a finite gradient with an overflowing norm into zeros.")
PY
