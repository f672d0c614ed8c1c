#!/usr/bin/env bash
# np.save takes bfloat16 and float8 arrays without a word; what np.load gives back is raw bytes, or an error.
#
# Guess: a file that np.save wrote gives back the array, or np.save refuses.
# Seen:  bfloat16 comes back as void bytes (V2), float8_e4m3fn as V1, and a file of float8_e5m2 cannot be read at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import io

import ml_dtypes
import numpy as np


def back(kind):
    file = io.BytesIO()
    np.save(file, np.array([1.0, 0.5], kind))
    file.seek(0)
    try:
        return np.load(file).dtype.str
    except ValueError as error:
        return f"ValueError: {error}"


found = {kind.__name__: back(kind) for kind in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)}
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__, found)
if found["bfloat16"] != "|V2" or found["float8_e4m3fn"] != "|V1" or "ValueError" not in found["float8_e5m2"]:
    raise SystemExit("A saved small float now comes back otherwise.")
PY
