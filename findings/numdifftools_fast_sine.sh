#!/usr/bin/env bash
# numdifftools: the slope of a fast oscillation is wrong by a factor of 200, and the error estimate says three digits.
#
# Guess: the step is found by trying many, and the estimate of the error that comes with the derivative is near the true error, or large where none of
#        the steps was small enough.
# Seen:  d/dx sin(300 x) has ten digits and more. For sin(1000 x) wide steps are chosen, whose values agree with each other by
#        accident: -2.99 with an error of 0.003, where 562 is right. A smaller step asked for by hand gives it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numdifftools==0.11.2 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numdifftools as nd
import numpy as np

found = {}
for w in (100, 300, 1000):
    told = nd.Derivative(lambda x, w=w: np.sin(w * x), full_output=True)(1.0)
    found[w] = float(told.estimate), float(told.error_estimate), w * np.cos(w), float(told.final_step)
    estimate, error, right, step = found[w]
    print(f"numdifftools {version('numdifftools')} | sin({w} x) at 1: {estimate:.6g} +- {error:.1g}, step {step:.2g}; right: {right:.6g}")
small = float(nd.Derivative(lambda x: np.sin(1000 * x), step=1e-5)(1.0))
print(f"with step=1e-5: {small:.6g}")
estimate, error, right, _ = found[1000]
if abs(estimate - right) < 100 * error or abs(small - right) > 1:
    raise SystemExit("The estimate or its error has changed.")
PY
