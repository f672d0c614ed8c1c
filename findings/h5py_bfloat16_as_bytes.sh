#!/usr/bin/env bash
# h5py: a bfloat16 array is stored without a word, as opaque bytes that come back without their type.
#
# Guess: a type that HDF5 does not know is refused, or comes back as it was.
# Seen:  writing succeeds; the data set has the type V2 (opaque), reading gives bytes, and arithmetic on them fails.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check h5py==3.16.0 ml_dtypes==0.6.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import h5py
import ml_dtypes
import numpy as np

values = np.array([1.0, 2.5], ml_dtypes.bfloat16)
with h5py.File("weights.h5", "w") as file:
    file["x"] = values
with h5py.File("weights.h5") as file:
    back = file["x"][:]
try:
    total = float(back.sum())
except TypeError:
    total = "TypeError"
print("h5py", h5py.__version__, "| written", values.dtype, "| read", back.dtype, back, "| sum", total)
print("read as bfloat16 by hand:", back.view(ml_dtypes.bfloat16))
if back.dtype != np.dtype("V2") or total != "TypeError":
    raise SystemExit("h5py no longer turns bfloat16 into opaque bytes.")
PY
