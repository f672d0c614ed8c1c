#!/usr/bin/env bash
# diffrax: ConstantStepSize takes steps of different sizes where dt0 does not divide the interval.
#
# Guess: steps of dt0 = 0.3 from 0 to 1 end at 0.3, 0.6, 0.9 and, shortened, 1.0.
# Seen:  they end at 0.3, 0.5, 0.75 and 1.0: after the first, what remains is shared out anew, so Euler gives 0.315 for 0.3087.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 diffrax==0.7.2 equinox==0.13.8
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import diffrax
import jax.numpy as jnp

solution = diffrax.diffeqsolve(
    diffrax.ODETerm(lambda t, y, _: -y),
    diffrax.Euler(),
    t0=0.0,
    t1=1.0,
    dt0=0.3,
    y0=jnp.array(1.0),
    stepsize_controller=diffrax.ConstantStepSize(),
    saveat=diffrax.SaveAt(steps=True),
    max_steps=16,
)
n = int(solution.stats["num_steps"])
times = [round(float(t), 4) for t in solution.ts[:n]]
last = round(float(solution.ys[n - 1]), 4)
print("diffrax", diffrax.__version__, "| steps end at", times, "| y(1) =", last, "| with steps of 0.3: 0.3087")
if times == [0.3, 0.6, 0.9, 1.0]:
    raise SystemExit("Constant steps are constant now.")
PY
