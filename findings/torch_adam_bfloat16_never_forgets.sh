#!/usr/bin/env bash
# PyTorch: with weights in bfloat16, Adam's second moment rises to a half of what is due and never falls again.
#
# Guess: bfloat16 has the range of float32, so Adam's moments are a little coarse there and otherwise right.
# Seen:  0.999·v rounds back to v wherever v lies, and 0.001·g² is absorbed from v = g²/2 on. After 2000 gradients of 1 and
#        4000 of 0.01, v is 0.5 where float32 has 0.016, so steps stay too short; nothing is infinite or NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

print("torch", torch.__version__)
seen = {}
for dtype in (torch.float32, torch.bfloat16):
    w = torch.ones(1, dtype=dtype, requires_grad=True)
    adam = torch.optim.Adam([w], lr=0.0)
    for k in range(6000):
        w.grad = torch.full_like(w, 1.0 if k < 2000 else 0.01)
        adam.step()
        if k in (1999, 5999):
            seen[dtype, k] = adam.state[w]["exp_avg_sq"].item()
    print(f"{str(dtype)[6:]:9} v after 2000 steps {seen[dtype, 1999]:.3f}, after 6000 {seen[dtype, 5999]:.3f}")
if not (seen[torch.bfloat16, 1999] == seen[torch.bfloat16, 5999] == 0.5 and seen[torch.float32, 5999] < 0.02):
    raise SystemExit("Adam's second moment in bfloat16 no longer stands still at a half.")
PY
