#!/usr/bin/env bash
# MLX: binary cross-entropy of a probability clips the loss, and its gradient is NaN.
#
# Guess: the logarithm is clipped at -100, as in PyTorch, so that a sure and wrong probability has a finite gradient, perhaps zero.
# Seen:  at logit 20 with target 0 the loss is 100 and the gradient NaN: the clip's zero is multiplied by the infinite slope of log(0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check mlx[cpu]==0.32.4 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import math
from importlib.metadata import version

import mlx.core as mx
import mlx.nn as nn


def loss(logit, with_logits):
    """Cross-entropy with target 0."""
    given = logit if with_logits else mx.sigmoid(logit)
    return nn.losses.binary_cross_entropy(given, mx.zeros(1), with_logits=with_logits, reduction="sum")


logit = mx.array([20.0])
value, gradient = mx.value_and_grad(loss)(logit, False)
exact = mx.grad(loss)(logit, True)
print("mlx", version("mlx"), "| loss:", value.item(), "| gradient:", gradient.item(), "| from logits:", exact.item())
if not (value.item() == 100 and math.isnan(gradient.item()) and exact.item() == 1):
    raise SystemExit("binary_cross_entropy no longer pairs a clipped loss with a gradient of NaN.")
PY
