#!/usr/bin/env bash
# torch.set_flush_denormal reaches one thread: half of a tensor is flushed, and NumPy is flushed as well.
#
# Guess: the switch holds for every operation of torch, and for nothing else.
# Seen:  with a pool of two threads that has worked before, the calling thread flushes its half, the other does not; and NumPy in the calling thread flushes, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
import torch

torch.set_num_threads(2)
large = torch.full((2**22,), 1e-38)
(large * 0.5).sum()  # the pool starts
before = np.float32(1e-38) * np.float32(0.1)
torch.set_flush_denormal(True)
share = ((large * 0.1) == 0).float().mean().item()
after = np.float32(1e-38) * np.float32(0.1)
torch.set_flush_denormal(False)
print("torch", torch.__version__, "| share of entries flushed:", share, "| NumPy 1e-38 * 0.1 before:", before, "and after:", after)
if not (0.25 < share < 0.75 and before > 0 and after == 0):
    raise SystemExit("set_flush_denormal no longer flushes a part of a large tensor, or no longer reaches NumPy.")
PY
