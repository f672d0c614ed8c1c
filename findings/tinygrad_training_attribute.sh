#!/usr/bin/env bash
# tinygrad: `Tensor.training = True`, the way to switch training on for years, is accepted and does nothing.
#
# Guess: after it BatchNorm normalises by the batch; or an error says that the attribute is gone.
# Seen:  a batch of mean 4 comes out with mean 4: the running statistics were used. Only Context(TRAINING=1) switches.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v clang > /dev/null || { echo "needs the program clang"; exit 1; }
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check tinygrad==0.14.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

from tinygrad import Context, Tensor, nn

x = Tensor([[3.0], [5.0], [3.0], [5.0]])
Tensor.training = True
ignored = nn.BatchNorm(1)(x).mean().item()
with Context(TRAINING=1):
    trained = nn.BatchNorm(1)(x).mean().item()
print(f"tinygrad {version('tinygrad')} | mean behind batch norm: {ignored:.3f} after Tensor.training = True,", end=" ")
print(f"{trained:.3f} in Context(TRAINING=1)")
if not (abs(ignored - 4) < 0.01 and abs(trained) < 0.01):
    raise SystemExit("Tensor.training is no longer accepted without an effect.")
PY
