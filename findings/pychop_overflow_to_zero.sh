#!/usr/bin/env bash
# pychop rounds 65,536 to 0 in half precision, and so everything up to 131,072; from there on it is infinity.
#
# Guess: what is too large for the format becomes infinite, or the largest number (pychop says it follows IEEE 754).
# Seen:  65,520 gives 65,536, which is no float16; 65,536 to 131,071 give 0; 131,072 gives infinity. NumPy: infinity for all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 pychop==0.6.2
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pychop

values = np.array([65504.0, 65520.0, 65536.0, 1e5, 131071.0, 131072.0])
with np.errstate(over="ignore"):
    there = values.astype(np.float16).tolist()
found = np.asarray(pychop.Chop(exp_bits=5, sig_bits=10)(values.copy())).tolist()
print("pychop", version("pychop"), "| numpy", np.__version__)
print("pychop:", found)
print("numpy: ", there)
if found != [65504.0, 65536.0, 0.0, 0.0, 0.0, float("inf")] or there != [65504.0] + [float("inf")] * 5:
    raise SystemExit("pychop now treats the overflow of half precision otherwise.")
PY
