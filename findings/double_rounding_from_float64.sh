#!/usr/bin/env bash
# PyTorch, ml_dtypes: float64 becomes a short format by way of float32, and so is rounded twice; NumPy's float16 is not.
#
# Guess: a conversion rounds once, to the nearest number of the new format, from any wider one.
# Seen:  1 + 2⁻⁸ + 2⁻⁴⁰ lies above the middle of 1 and 1.0078125 and becomes 1 in bfloat16: float32 rounds it onto the
#        tie, and the tie goes to even. Both float8 formats do the same in both libraries, and so does torch's float16.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np
import torch

print("torch", torch.__version__, "| ml_dtypes", ml_dtypes.__version__)
seen = {}
for name, bits in (("bfloat16", 8), ("float8_e4m3fn", 4), ("float8_e5m2", 3), ("float16", 11)):
    x = 1 + 2.0**-bits + 2.0**-40  # above the middle of 1 and its neighbour
    kind = np.float16 if name == "float16" else getattr(ml_dtypes, name)
    own = torch.tensor(x, dtype=torch.float64).to(getattr(torch, name)).item()
    seen[name] = own, float(np.float64(x).astype(kind))
    print(f"{name:14} due {1 + 2.0**(1 - bits)}, torch {own}, NumPy {seen[name][1]}")
if seen.pop("float16") != (1, 1 + 2.0**-10) or set(seen.values()) != {(1, 1)}:
    raise SystemExit("float64 no longer becomes bfloat16 and float8 by way of float32, or NumPy's float16 now does.")
PY
