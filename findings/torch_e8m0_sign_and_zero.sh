#!/usr/bin/env bash
# Converting to float8_e8m0fnu turns -1 into 1 and 0 into a positive number, without a warning.
#
# Guess: a format without sign and zero refuses what it cannot hold, or gives NaN.
# Seen:  -1 becomes 1, and 0 becomes 2 to the -127.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

found = torch.tensor([-1.0, 0.0, -6.0]).to(torch.float8_e8m0fnu).float().tolist()
print("torch", torch.__version__, "| -1, 0, -6 become", found)
if not (found[0] == 1.0 and found[1] == 2.0**-127 and found[2] > 0):
    raise SystemExit("float8_e8m0fnu no longer drops signs and zero in silence.")
PY
