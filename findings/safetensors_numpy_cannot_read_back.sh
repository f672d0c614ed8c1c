#!/usr/bin/env bash
# safetensors: its NumPy half writes bfloat16 and float8 arrays, and cannot read what it wrote.
#
# Guess: what safetensors.numpy.save accepts, safetensors.numpy.load gives back.
# Seen:  saving arrays of ml_dtypes works; loading the same bytes raises KeyError: 'BF16' (and 'F8_E4M3').
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check safetensors==0.8.0 ml_dtypes==0.6.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy as st

said = {}
for kind in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float16):
    stored = st.save({"x": np.ones(3, kind)})
    try:
        said[np.dtype(kind).name] = str(st.load(stored)["x"].dtype)
    except KeyError as error:
        said[np.dtype(kind).name] = f"KeyError: {error}"
print("safetensors", safetensors.__version__, "|", said)
if said["bfloat16"] != "KeyError: 'BF16'" or said["float16"] != "float16":
    raise SystemExit("safetensors.numpy now reads its own bfloat16.")
PY
