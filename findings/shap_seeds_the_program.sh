#!/usr/bin/env bash
# SHAP: explaining a prediction with rseed= sets the seed of the whole program's NumPy.
#
# Guess: rseed= makes the explanation repeatable and leaves the global generator of NumPy alone.
# Seen:  after each call the global generator stands at the same place: random numbers drawn between two explanations are the same ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6 shap==0.51.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
import shap
import torch

explainer = shap.GradientExplainer(torch.nn.Linear(3, 1), torch.zeros(5, 3))
np.random.seed(1)
drawn = []
for _ in range(3):
    explainer.shap_values(torch.ones(1, 3), nsamples=5, rseed=3)
    drawn.append(round(float(np.random.rand()), 6))
print("shap", shap.__version__, "| one random number after each of three explanations:", drawn)
if len(set(drawn)) != 1:
    raise SystemExit("Explaining no longer sets the global seed.")
PY
