#!/usr/bin/env bash
# Adam on float16 weights turns a weight with a zero gradient into NaN.
#
# Guess: a gradient of exactly zero leaves the weight where it is.
# Seen:  epsilon 1e-8 is 0 in float16, so the step is 0 / 0; a gradient of 1e-4 gives minus infinity, since its square underflows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

found = []
for gradient in (0.0, 1e-4):
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float16))
    weight.grad = torch.full((1,), gradient, dtype=torch.float16)
    torch.optim.Adam([weight], lr=1e-3).step()
    found.append(weight.item())
print("torch", torch.__version__, "| weight 1.0 after one step with gradient 0:", found[0], "| with gradient 1e-4:", found[1])
if not (found[0] != found[0] and found[1] == float("-inf")):
    raise SystemExit("Adam no longer loses float16 weights to an epsilon that underflows.")
PY
