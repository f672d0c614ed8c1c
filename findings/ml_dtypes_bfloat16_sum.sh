#!/usr/bin/env bash
# NumPy's sum of 4,096 ones in bfloat16 (ml_dtypes) is 256, and their mean 0.0625.
#
# Guess: 4096 and 1, as torch gives: NumPy sums float16 pairwise.
# Seen:  each sum is rounded to bfloat16 and nothing is pairwise: at 256 one more is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

ones = np.ones(4096, ml_dtypes.bfloat16)
half = np.ones(4096, np.float16)
print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__, "| sum:", ones.sum(), "mean:", ones.mean(), "| float16:", half.sum(), half.mean())
if not (float(ones.sum()) == 256 and float(ones.mean()) == 0.0625 and float(half.sum()) == 4096):
    raise SystemExit("a bfloat16 sum of NumPy no longer stops at 256.")
PY
