#!/usr/bin/env bash
# np.testing.assert_array_equal(x, x) fails for a bfloat16 x with a NaN; assert_allclose(x, x) passes.
#
# Guess: both count NaN equal to NaN, as they do for every float of NumPy's.
# Seen:  assert_array_equal says that an array differs from itself, assert_allclose that it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

x = np.array([1.0, np.nan], ml_dtypes.bfloat16)


def passes(claim, values):
    try:
        claim(values, values)
    except AssertionError:
        return False
    return True


claims = (np.testing.assert_array_equal, np.testing.assert_allclose)
found = [[passes(claim, values) for claim in claims] for values in (x.astype(np.float16), x)]
print("numpy", np.__version__, "| ml_dtypes", ml_dtypes.__version__, "| float16", found[0], "| bfloat16", found[1])
if found != [[True, True], [False, True]]:
    raise SystemExit("assert_array_equal now treats the NaN of bfloat16 otherwise.")
PY
