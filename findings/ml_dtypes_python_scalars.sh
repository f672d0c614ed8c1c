#!/usr/bin/env bash
# A bfloat16 array times 2.0 is float32, and np.where(mask, x, 0.0) is float64; times 2 it stays bfloat16.
#
# Guess: Python's numbers are weak (NEP 50): like float16, bfloat16 keeps its type.
# Seen:  a Python float widens to float32, in np.where to float64; a Python int does not. So memory grows two- or fourfold.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np


def kinds(x):
    results = [x * 2, x * 2.0, x**0.5, np.clip(x, 0.5, 2.0), np.where(x > 0, x, 0.0)]
    return [result.dtype.name for result in results]


half, brain = kinds(np.ones(2, np.float16)), kinds(np.ones(2, ml_dtypes.bfloat16))
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__, "| x * 2, x * 2.0, x ** 0.5, clip, where")
print("float16 :", half)
print("bfloat16:", brain)
if half != ["float16"] * 5 or brain != ["bfloat16", "float32", "float32", "float32", "float64"]:
    raise SystemExit("Python's numbers now meet bfloat16 otherwise.")
PY
