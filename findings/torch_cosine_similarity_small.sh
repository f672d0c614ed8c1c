#!/usr/bin/env bash
# The cosine similarity of a vector with itself is 4e-30 if its entries are 1e-23, and 0 if they are 1e20.
#
# Guess: 1, since the angle does not depend on the length.
# Seen:  the squares under- or overflow in float32, and nothing is scaled before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

found = [torch.cosine_similarity(v, v, dim=0).item() for v in (torch.full((4,), s) for s in (1e-23, 1.0, 1e20))]
print("torch", torch.__version__, "| entries 1e-23, 1, 1e20:", found)
if not (found[0] < 1e-6 and abs(found[1] - 1) < 1e-6 and found[2] == 0):
    raise SystemExit("cosine_similarity no longer depends on the length of its vectors.")
PY
