"""The arithmetics that one machine can imitate: other vector instructions, other thread counts, other last bits.

A value that depends on them is not a result. See `shake`.
"""

import json
import os
import platform
from importlib import metadata

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WIDE = "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
AVX2 = {
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD",
}
BASELINE = {
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Nehalem",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD,-AVX2,-FMA,-AVX",
}
NUDGE = "COURSEKIT_NUDGE"  # a number: random draws are moved by one unit in the last place, by a draw of that number
ARITHMETICS = {
    "AVX2": AVX2,
    "baseline": BASELINE,
    "two threads": dict.fromkeys(THREADS, "2"),
    "last bits 1": {NUDGE: "1"},
    "last bits 2": {NUDGE: "2"},
    "last bits 3": {NUDGE: "3"},
}

# What a recording plays: the farthest from this machine's own, and a draw. `course shake` plays them all.
RECORDED = ("baseline", "last bits 1")


def variables(name):
    """The environment of an arithmetic; that of the machine as it is for None."""
    found = dict(ARITHMETICS[name]) if name else {}
    if name in ("AVX2", "baseline"):
        disabled = [feature for feature in _dispatched() if name == "baseline" or feature in WIDE.split()]
        already = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()  # this process no longer knows of them
        found["NPY_DISABLE_CPU_FEATURES"] = " ".join(dict.fromkeys([*already, *disabled]))
    return found


def _dispatched():
    """The instructions beyond its baseline that this NumPy can use and this processor has."""
    from numpy._core import _multiarray_umath as built

    return [name for name in built.__cpu_dispatch__ if built.__cpu_features__.get(name)]


def provenance():
    """The environment of a recording: the processor's features and the versions of the numerical libraries."""
    from numpy._core import _multiarray_umath as built

    versions = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "torch", "scikit-learn", "matplotlib"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    features = sorted(name for name, there in built.__cpu_features__.items() if there)
    return json.loads(json.dumps({"machine": platform.machine(), "features": features, "versions": versions}))
