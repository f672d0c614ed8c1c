#!/usr/bin/env bash
# One NaN in a bfloat16 array: np.sort sorts nothing, and np.median gives a number that is no median.
#
# Guess: as with float32: NaN goes last, and the median of data with a NaN is NaN.
# Seen:  the array comes back as it was, argsort is 0, 1, 2, …, the median of 3, NaN, 1, 2, 5 is 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

data = [3.0, np.nan, 1.0, 2.0, 5.0]
usual, small = np.array(data, np.float32), np.array(data, ml_dtypes.bfloat16)
found = {"sort": np.sort(small).tolist(), "argsort": np.argsort(small).tolist(), "median": float(np.median(small))}
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__)
print("float32 :", np.sort(usual).tolist(), float(np.median(usual)))
print("bfloat16:", found)
if str(found["sort"]) != str(data) or found["argsort"] != [0, 1, 2, 3, 4] or found["median"] != 1.0:
    raise SystemExit("np.sort or np.median now know the NaN of bfloat16.")
PY
