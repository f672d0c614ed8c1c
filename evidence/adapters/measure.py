"""What one set-up does to a gradient, measured in an environment that has its packages: `python measure.py torch`.

The last line on standard output is the set-up's part of the record, as JSON.
"""

import ast
import hashlib
import importlib
import json
import math
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
BUDGET = {
    "seeds": 5,
    "depth": 50,
    "width": 256,
    "samples": 16,
    "steps": 100,
    "units": 64,
    "factor": 0.1,
    "logits": [10, 17, 20, 40],
    "limit": 1.0,
    "small limit": 1e-30,
}
SCALE = 2.0**64  # of what is sent backwards in time, so that float32 holds what is left of it; taken off again
CLIPPED = {
    "large": ([1e20] * 16, BUDGET["limit"]),
    "infinite": ([math.inf, 1.0, 1.0, 1.0], BUDGET["limit"]),
    "small": ([1e-23] * 16, BUDGET["small limit"]),
}
TINY = 1e-3  # the size of what is normalised: its square is near the usual values of epsilon
LATE, EARLY = 300, 30  # batches after which a running mean no longer knows how it began, the second with MOMENTUM
MOMENTUM = 0.3  # given to batch norm, to see whose weight it is


def digest(name):
    """What the numbers of a set-up came from: this code, its adapter's, and what adapters share, without docstrings."""
    own = adapter(name).read_text(encoding="utf-8")
    shared = [path for path in sorted(HERE.glob("shared_*.py")) if f"import {path.stem}" in own]
    texts = [own, *(path.read_text(encoding="utf-8") for path in (HERE / "measure.py", *shared))]
    return hashlib.sha256("\n".join(map(_code, texts)).encode()).hexdigest()[:16]


def adapter(name):
    """The file that speaks a set-up's language; it is not called NAME.py, which the library itself would import."""
    return HERE / f"on_{name}.py"


def _code(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.unparse(tree)


def measure(name):
    """All that a set-up's adapter can do, as the record holds it. An adapter has some of these functions:

    dense(seed, activation, x, c)   gradient of Σ c·h in x, both (samples, width), through 50 default layers
    cells()                         {name: f(seed, x, c)}: gradient of Σ c·h_T in x (batch, T, inputs), c (batch, units)
    products()                      {how: f(a, b)}: the float32 product of two arrays of shape (1,)
    losses()                        {name: (from what, f(z, y))}: loss and its gradient in the logit z, all (1, 1)
    clips()                         {name: f(entries, limit)}: the entries, of shape (n,), after clipping
    norms()                         {name: (kind, f(x))}: x (samples, features) normalised as in training
    running()                       {name: f(batches, momentum=…)}: running (mean, variance) after each (samples, 1)
    gelus()                         {name: f(x)}
    MISSING                         {"cells": "a sentence on why there is none"}
    """
    it = importlib.import_module(adapter(name).stem)
    tools = (_dense, _cells, _products, _losses, _clips, _norms, _running, _gelus)
    found, missing = {}, dict(getattr(it, "MISSING", {}))
    for work in tools:
        tool = work.__name__[1:]
        if hasattr(it, tool):
            try:
                found[tool] = work(it)
            except Exception as error:
                missing[tool] = f"failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return {"source": digest(name), "budget": BUDGET} | found | {"missing": missing}


def _rng(seed):
    return np.random.default_rng([2026, seed])


def _norm(values):
    return float(np.linalg.norm(np.asarray(values).astype(np.float64)))


def _dense(it):
    """Factor per layer: the depth-th root of |gradient in the input| / |gradient in the output|, for each seed."""
    shape, depth = (BUDGET["samples"], BUDGET["width"]), BUDGET["depth"]
    found = {}
    for activation in ("relu", "tanh"):
        found[activation] = []
        for seed in range(BUDGET["seeds"]):
            x, c = _rng(seed).standard_normal((2, *shape)).astype(np.float32)
            left = _norm(it.dense(seed, activation, x, c)) / _norm(c)
            found[activation].append(_short(left ** (1 / depth)))
    return found


def _cells(it):
    """log10 of the Frobenius norm of dh_T/dx_1, for each seed.

    The batch holds one sequence once for each unit, and each copy sends another unit's gradient back, so that the
    gradient in the batch's first step is the Jacobian.
    """
    units, found = BUDGET["units"], {}
    for name, run in it.cells().items():
        found[name] = []
        for seed in range(BUDGET["seeds"]):
            x = _rng(seed).standard_normal((BUDGET["steps"], units)).astype(np.float32)
            x = np.ascontiguousarray(np.broadcast_to(x, (units, *x.shape)))
            jacobian = np.asarray(run(seed, x, np.float32(SCALE) * np.eye(units, dtype=np.float32)))[:, 0]
            found[name].append(round(math.log10(_norm(jacobian) / SCALE), 3) if jacobian.any() else None)
    return found


def _products(it):
    """The step at which 1.0 × 0.1 × 0.1 … has no bit left but perhaps the sign."""
    found = {}
    for name, times in it.products().items():
        value, factor, step = np.ones(1, dtype=np.float32), np.full(1, BUDGET["factor"], dtype=np.float32), 0
        while int(value.view(np.uint32)[0]) & 0x7FFFFFFF:
            value, step = np.array(times(value, factor), dtype=np.float32), step + 1
        found[name] = step
    return found


def _losses(it):
    """Loss and gradient in the logit for target 0 at each logit, and for target 1 at the last one's negative."""
    tried = [(z, 0.0) for z in BUDGET["logits"]] + [(-BUDGET["logits"][-1], 1.0)]
    found = {}
    for name, (kind, run) in it.losses().items():
        rows = []
        for z, y in tried:
            loss, gradient = run(np.full((1, 1), z, dtype=np.float32), np.full((1, 1), y, dtype=np.float32))
            rows.append({"logit": z, "target": y, "loss": _plain(loss), "gradient": _plain(gradient)})
        found[name] = {"from": kind, "values": rows}
    return found


def _clips(it):
    """The first two entries after clipping, and their common length before and after."""
    found = {}
    for name, run in it.clips().items():
        found[name] = {}
        for case, (entries, limit) in CLIPPED.items():
            after = np.asarray(run(np.array(entries, dtype=np.float32), limit))
            found[name][case] = [_plain(entry) for entry in after[:2]]
    return found


def _norms(it):
    """ε of a normalisation, from what it makes of ±s: s / sqrt(s² + ε)."""
    found, s = {}, TINY
    for name, (kind, run) in it.norms().items():
        x = s * np.sign(np.arange(8) % 2 - 0.5)
        x = np.tile(x, (8, 1)) if kind != "batch" else np.tile(x[:, None], (1, 8))
        out = np.abs(np.asarray(run(x.astype(np.float32))).astype(np.float64)).mean()
        found[name] = {"kind": kind, "epsilon": float(f"{s * s * (1 / out**2 - 1):.2g}")}
    return found


def _running(it):
    """Weight of the new batch in the running mean, at the first step and after many, and what the variance divides by.

    `momentum` says whose weight the setting of this name is, that of the "new" batch or that of the "old" mean;
    `variance` is "n" where the running variance is the mean of the squares, the biased one, and "n - 1" where it is the
    unbiased one.
    """
    found, n = {}, 4
    zero = np.zeros((n, 1), dtype=np.float32)
    batch = np.array([[3.0], [5.0], [3.0], [5.0]], dtype=np.float32)  # mean 4; variance 1 by n and 4/3 by n - 1
    for name, run in it.running().items():
        [(first, _)] = run([batch])
        *_, (_, before), (mean, after) = run([zero] * LATE + [batch])
        new = mean / 4
        variance = (after - (1 - new) * before) / new
        counts = {count: abs(variance - n / count) for count in (n, n - 1)}
        if min(counts.values()) > 0.05:
            raise ValueError(f"a running variance of {variance:.3f} is neither")
        by = "n" if counts[n] < counts[n - 1] else "n - 1"
        *_, (set_to, _) = run([zero] * EARLY + [batch], momentum=MOMENTUM)
        means = {"new": MOMENTUM, "old": 1 - MOMENTUM}
        side = min(means, key=lambda side: abs(means[side] - set_to / 4))
        found[name] = {"first": _short(first / 4), "late": float(f"{new:.3g}"), "variance": by, "momentum": side}
    return found


def _gelus(it):
    """GELU at 1.0, seven digits."""
    return {
        name: round(float(np.ravel(np.asarray(run(np.ones(1, dtype=np.float32))))[0]), 7)
        for name, run in it.gelus().items()
    }


def _short(value):
    return float(f"{value:.5g}")


def _plain(value):
    """A number that JSON can hold: inf and nan become words, None stays."""
    if value is None:
        return None
    value = float(value.reshape(-1)[0]) if hasattr(value, "reshape") else float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(
            0, {min(os.sched_getaffinity(0))}
        )  # not every library obeys a variable that says one thread
    print("\n" + json.dumps(measure(sys.argv[1])))
