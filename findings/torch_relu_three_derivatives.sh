#!/usr/bin/env bash
# relu(x), maximum(x, 0) and clamp(x, min=0) are one function with three derivatives at 0.
#
# Guess: each gives 0 at 0, as relu does.
# Seen:  0, one half and 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch


def slope(function):
    x = torch.zeros(1, requires_grad=True)
    function(x).backward()
    return x.grad.item()


found = [slope(torch.relu), slope(lambda x: torch.maximum(x, torch.zeros(1))), slope(lambda x: x.clamp(min=0))]
print("torch", torch.__version__, "| relu, maximum, clamp at 0:", found)
if found != [0.0, 0.5, 1.0]:
    raise SystemExit("relu, maximum and clamp no longer differ at 0.")
PY
