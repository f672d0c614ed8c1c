#!/usr/bin/env bash
# 500 as float8_e4m3fn is 448 in torch and NaN in ml_dtypes, and so is infinity.
#
# Guess: two libraries round the same number to the same eight bits.
# Seen:  torch saturates, infinity included; ml_dtypes (and with it JAX) gives NaN.
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

values = [448.0, 500.0, float("inf")]
there = torch.tensor(values).to(torch.float8_e4m3fn).float().tolist()
here = np.array(values, np.float32).astype(ml_dtypes.float8_e4m3fn).astype(np.float32).tolist()
print("torch", torch.__version__, there, "| ml_dtypes", ml_dtypes.__version__, here)
if there != [448.0, 448.0, 448.0] or here[0] != 448.0 or here[1] == here[1] or here[2] == here[2]:
    raise SystemExit("torch and ml_dtypes now treat overflow of float8_e4m3fn otherwise.")
PY
