#!/usr/bin/env bash
# gfloat rounds −1, 0 and 1e-50 to OCP's E8M0 format as −1, 0 and 1e-50; the format has none of them.
#
# Guess: a scale format of 255 powers of two from 2⁻¹²⁷ on, without sign and zero: NaN, an error, or the least power.
# Seen:  all three pass through rounding as they are, and encode_float then turns each into NaN, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check numpy==2.4.6 gfloat==0.5.2
cd "$folder"
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import gfloat
from gfloat.formats import format_info_ocp_e8m0 as e8m0

found = {value: gfloat.round_float(e8m0, value) for value in (3.0, 0.0, -1.0, 1e-50)}
held = {gfloat.decode_float(e8m0, code).fval for code in range(255)}
kept = [gfloat.decode_float(e8m0, gfloat.encode_float(e8m0, rounded)).fval for rounded in found.values()]
print("gfloat", version("gfloat"), found, "| encoded and decoded:", kept, "| the format holds", min(held), "to", max(held))
if [rounded in held for rounded in found.values()] != [True, False, False, False] or str(kept) != "[2.0, nan, nan, nan]":
    raise SystemExit("gfloat now rounds to E8M0 otherwise.")
PY
