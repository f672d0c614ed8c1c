#!/usr/bin/env bash
# torchao: beside a large gradient, Adam with 8 bits takes steps that are ten times too long, and with 4 bits none.
#
# Guess: a low-bit optimiser rounds its moments, so that a step is off by some per cent; a constant gradient moves each weight by the learning rate, as Adam's does.
# Seen:  a block of 256 weights (128 for 4 bits) shares one scale. A gradient 10,000 times smaller than the block's largest has a second moment that is
#        rounded to 0 at each step: Adam8bit and AdamFp8 then divide by the present gradient alone, and their steps grow to more than ten learning
#        rates; in Adam4bit a second moment is a sixteenth of the largest at least, so those weights stop, already with a gradient 100 times smaller.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 torchao==0.18.0
cd "$folder"
"$folder/env/bin/python" 2>"$folder/said" - <<'PY' || { cat "$folder/said" >&2; exit 1; }
from importlib.metadata import version

import torch
from torchao.optim import Adam4bit, Adam8bit, AdamFp8

LR, seen = 1e-3, {}
for small in (1e-2, 1e-3, 1e-4, 1e-5):
    for kind in (torch.optim.Adam, Adam8bit, AdamFp8, Adam4bit):
        weights = torch.nn.Parameter(torch.zeros(8192))
        gradient = torch.full((8192,), small)
        gradient[::128] = 1.0
        optimiser = kind([weights], lr=LR)
        for _ in range(300):
            before = weights.detach()[1].item()
            weights.grad = gradient.clone()
            optimiser.step()
        seen[kind.__name__, small] = abs(weights.detach()[1].item() - before) / LR
print("torchao", version("torchao"), "| the 300th step of a weight with a constant gradient, in learning rates, by its size beside 1")
for name in dict.fromkeys(name for name, _ in seen):
    print(f"{name:9}", *(f"{small:g}: {step:.2f} " for (kind, small), step in seen.items() if kind == name))
if not (seen["Adam8bit", 1e-4] > 5 and seen["AdamFp8", 1e-3] > 5 and seen["Adam4bit", 1e-2] < 0.1):
    raise SystemExit("The low-bit Adams treat small gradients otherwise now.")
PY
