#!/usr/bin/env bash
# bfloat16 + float16 is float32, but np.concatenate and np.stack of the two raise.
#
# Guess: arrays that can be added can be put side by side: both ask NumPy for a common type.
# Seen:  the sum is float32, concatenate raises DTypePromotionError (np.result_type, too).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

brain, half = np.ones(2, ml_dtypes.bfloat16), np.ones(2, np.float16)


def outcome(function):
    try:
        return function().dtype.name
    except TypeError as error:
        return type(error).__name__


found = {
    "add": outcome(lambda: brain + half),
    "concatenate": outcome(lambda: np.concatenate([brain, half])),
    "stack": outcome(lambda: np.stack([brain, half])),
}
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__, found)
if found != {"add": "float32", "concatenate": "DTypePromotionError", "stack": "DTypePromotionError"}:
    raise SystemExit("bfloat16 and float16 now have a common type, or none.")
PY
