#!/usr/bin/env bash
# Spectral normalisation of a matrix of 1e-20 gives infinities and NaN instead of the matrix of norm 1.
#
# Guess: W / ||W|| is the identity for 1e-20 times the identity.
# Seen:  the power iteration's epsilon of 1e-12 swallows the vector, the estimated norm is 0, and the quotient is not finite.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch

torch.manual_seed(0)
layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 4, bias=False))
with torch.no_grad():
    layer.parametrizations.weight.original.copy_(1e-20 * torch.eye(4))
for _ in range(5):
    weight = layer.weight.detach()
share = weight.isfinite().float().mean().item()
print("torch", torch.__version__, "| share of finite entries:", share, "| first row:", weight[0].tolist())
if share > 0.5:
    raise SystemExit("spectral_norm now normalises matrices of 1e-20.")
PY
