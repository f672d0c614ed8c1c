#!/usr/bin/env bash
# BackPACK: the variance of gradients over a batch is smaller by the square of the batch's size.
#
# Guess: Variance is the variance of the samples' gradients, and BatchGrad holds each sample's gradient.
# Seen:  both are of gradients divided by the batch size N, as they enter the mean: BatchGrad is 1/N of a sample's gradient, Variance 1/N² of their variance.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 backpack-for-pytorch==1.7.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, Variance

x, y = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.zeros(4, 1)
model, loss = extend(torch.nn.Linear(1, 1, bias=False)), extend(torch.nn.MSELoss())
torch.nn.init.ones_(model.weight)
with backpack(BatchGrad(), Variance()):
    loss(model(x), y).backward()
own = 2 * x.flatten() ** 2  # the gradient of (w x)^2 at w = 1
share = (model.weight.grad_batch.flatten() / own).tolist()
ratio = (model.weight.variance / own.var(unbiased=False)).item()
print("BackPACK", version("backpack-for-pytorch"), "| BatchGrad / own gradient:", share, "| Variance / variance:", ratio)
if share != [0.25] * 4 or abs(ratio - 1 / 16) > 1e-6:
    raise SystemExit("BackPACK scales gradients of samples otherwise now.")
PY
