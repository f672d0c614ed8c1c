#!/usr/bin/env bash
# Binary cross-entropy of a probability gives the right loss and a gradient 200,000 times too small.
#
# Guess: target 1, logit -40: loss 40 and gradient -1 in the logit, or both clamped.
# Seen:  the loss is 40, the gradient -4.2e-6: the backward pass floors p (1 - p) at 1e-12 while p is 4e-18.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

logit = torch.tensor([-40.0], requires_grad=True)
loss = torch.nn.functional.binary_cross_entropy(torch.sigmoid(logit), torch.ones(1))
loss.backward()
exact = torch.tensor([-40.0], requires_grad=True)
torch.nn.functional.binary_cross_entropy_with_logits(exact, torch.ones(1)).backward()
print("torch", torch.__version__, "| loss:", loss.item(), "| gradient:", logit.grad.item(), "| from logits:", exact.grad.item())
if not (abs(loss.item() - 40) < 1e-3 and -1e-4 < logit.grad.item() < 0):
    raise SystemExit("binary_cross_entropy no longer pairs an exact loss with a vanished gradient at logit -40.")
PY
