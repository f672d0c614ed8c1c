#!/usr/bin/env bash
# x.max() and x.max(0) are the same number with different gradients where entries tie.
#
# Guess: both pass the gradient to the same place.
# Seen:  max() shares it among the equal entries, max(0) gives all of it to the first; median() shares, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import torch


def slope(function):
    x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    function(x).backward()
    return x.grad.tolist()


whole, along = slope(lambda x: x.max()), slope(lambda x: x.max(0).values)
print("torch", torch.__version__, "| d max():", whole, "| d max(0):", along)
if (whole, along) != ([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]):
    raise SystemExit("max() and max(dim) now treat ties alike.")
PY
