#!/usr/bin/env bash
# Opacus: for a loss that is a sum, the gradient of each sample comes out as many times too large as the batch is.
#
# Guess: grad_sample holds each sample's own gradient; their sum is the gradient of a summed loss.
# Seen:  the batch is assumed to be averaged and every gradient is multiplied by its size; only loss_reduction='sum' at the wrapping says otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 opacus==1.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import torch
from opacus import GradSampleModule

x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
found = {}
for said in ("mean", "sum"):
    model = GradSampleModule(torch.nn.Linear(1, 1, bias=False), loss_reduction=said)
    model(x).sum().backward()
    found[said] = model._module.weight.grad_sample.flatten().tolist()
print("opacus", version("opacus"), "| own gradients are 1, 2, 3, 4; found as wrapped by default and with 'sum':", found)
if found != {"mean": [4.0, 8.0, 12.0, 16.0], "sum": [1.0, 2.0, 3.0, 4.0]}:
    raise SystemExit("Gradients of samples are scaled otherwise now.")
PY
