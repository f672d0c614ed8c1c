#!/usr/bin/env bash
# For float8 vectors a @ b is a float32, np.dot(a, b) is a float8, and NaN where the sum exceeds 448.
#
# Guess: @ and np.dot of two vectors are the same product.
# Seen:  4,096 ones: a @ a is 4096.0 in float32; np.dot rounds back to float8_e4m3fn, which has no such number: NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

a = np.ones(4096, ml_dtypes.float8_e4m3fn)
matmul, dot = a @ a, np.dot(a, a)
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__, "| @:", matmul, matmul.dtype, "| dot:", dot, dot.dtype)
if (float(matmul), matmul.dtype.name) != (4096.0, "float32") or float(dot) == float(dot) or dot.dtype != a.dtype:
    raise SystemExit("a @ b and np.dot(a, b) now agree otherwise.")
PY
