"""Lesson 23's measured claims, tried at ten times their budget.

Not tried: hardware's own products of bytes; larger networks and other data; Adam in the training itself; JAX.
"""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.proving.evidence import claim
from vanishing import twins
from vanishing.eight_bits import Recipe, train
from vanishing.trials import digits

torch.set_num_threads(1)
BYTES = {"forward": "e4m3", "backward": "e5m2", "block": "tensor"}
NIBBLES = {"forward": "e2m1", "backward": "e2m1"}
EXACT = Recipe()
SIZES = (
    ("50 seeds", {"seeds": range(50)}),
    ("64 units", {"seeds": range(5, 15), "widths": (64, 64, 64, 10)}),
    ("2000 steps", {"seeds": range(5, 10), "steps": 2000}),
)
SHORT = SIZES[:2]


@cache
def _run(recipe, name):
    return train(recipe, twins.cross_entropy, twins.batch_gradient, **dict(SIZES)[name])


def above(recipe, name):
    """Median over seeds of how far a recipe's loss is above the exact one, in per cent."""
    return 100 * np.median(_run(recipe, name).loss / _run(EXACT, name).loss - 1)


def told(rows):
    """Per cent above the exact loss, as text."""
    return "; ".join(f"{name} {value:.1f} %" for name, value in rows.items())


@claim(
    "With e4m3 for weights and activations and e5m2 for gradients the loss is within a few per cent of the exact one.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps; e5m2 everywhere",
)
def bytes_are_enough():
    rows = {name: above(Recipe(**BYTES), name) for name, _ in SIZES}
    wide = above(Recipe("e5m2", "e5m2", "tensor"), "50 seeds")
    return max(map(abs, rows.values())) < 5, f"{told(rows)}; e5m2 everywhere, 50 seeds {wide:.1f} %"


@claim(
    "Without a scale e4m3 flushes gradients, and that costs a tenth and more.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps; the loss 256 times as large",
)
def no_scale():
    rows = {name: above(Recipe("e4m3", "e4m3"), name) for name, _ in SIZES}
    scaled = above(Recipe("e4m3", "e4m3", loss_scale=256.0), "50 seeds")
    return min(rows.values()) > 10, f"{told(rows)}; the loss scaled, 50 seeds {scaled:.1f} %"


@claim(
    "Four bits lose more, and blocks win part of it back.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps; blocks of 32; gradients rounded at random",
)
def four_bits():
    one = {name: above(Recipe(**NIBBLES, block="tensor"), name) for name, _ in SIZES}
    blocks = {name: above(Recipe(**NIBBLES, block=16), name) for name, _ in SIZES}
    larger = above(Recipe(**NIBBLES, block=32), "50 seeds")
    noisy = above(Recipe(**NIBBLES, block=16, noisy=True), "50 seeds")
    held = all(5 < blocks[name] < one[name] for name in one)
    text = f"a scale for a tensor: {told(one)}; blocks of 16: {told(blocks)}"
    return held, f"{text}; blocks of 32 {larger:.1f} %, gradients at random {noisy:.1f} % (50 seeds)"


@claim(
    "*Weights* in bfloat16 cost more than all products in bytes do, unless coins are tossed.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps",
)
def weights_in_bfloat16():
    products = {name: above(Recipe(**BYTES), name) for name, _ in SIZES}
    nearest = {name: above(Recipe(**BYTES, kept="bfloat16"), name) for name, _ in SIZES}
    coins = {name: above(Recipe(**BYTES, kept="bfloat16", stochastic=True), name) for name, _ in SIZES}
    held = all(nearest[n] > 2 * max(abs(products[n]), abs(coins[n])) for n in nearest)
    return held, f"to nearest: {told(nearest)}; with coins: {told(coins)}; weights in float64: {told(products)}"


@claim(
    "With coins even weights of a byte learn; to nearest they stand nearly still.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps",
)
def weights_of_a_byte():
    texts, held = [], True
    for name, _ in SIZES:
        near, coin = (_run(Recipe(**BYTES, kept="e4m3", stochastic=chance), name).accuracy for chance in (False, True))
        exact = _run(EXACT, name).accuracy
        held &= np.median(exact) - np.median(coin) < 0.02 and np.median(near) < np.median(exact) - 0.15
        texts.append(f"{name}: {np.median(near):.3f} and {np.median(coin):.3f}, exact {np.median(exact):.3f}")
    return held, "accuracy to nearest, with coins: " + "; ".join(texts)


@claim(
    "With coins even weights of a byte learn; to nearest they lose a tenth of the accuracy and more.",
    budget="5 seeds, 32 units, 200 steps",
    tried="50 seeds; 64 units; 2000 steps",
)
def weights_of_a_byte_lose():
    texts, held = [], True
    for name, _ in SIZES:
        exact = np.median(_run(EXACT, name).accuracy)
        near, coin = (
            np.median(_run(Recipe(**BYTES, kept="e4m3", stochastic=chance), name).accuracy) for chance in (False, True)
        )
        held &= exact - coin < 0.02 and exact - near > 0.1
        texts.append(f"{name}: {near:.3f} and {coin:.3f}, exact {exact:.3f}")
    return held, "accuracy to nearest, with coins: " + "; ".join(texts)


@claim(
    "In runs ten times as long, bfloat16 without coins ends at about twice the exact loss.",
    budget="5 seeds, 32 units, 200 steps",
    tried="2000 steps; with coins",
)
def bfloat16_in_the_long_run():
    near, coin = (above(Recipe(**BYTES, kept="bfloat16", stochastic=chance), "2000 steps") for chance in (False, True))
    return 50 < near < 200 and abs(coin) < 10, f"{near:.0f} % above; with coins {coin:.1f} %"


def skipped(seeds, reduction, rate, steps=12, units=64, batch=64):
    """How many of the first steps GradScaler skips, for each seed, and log2 of the scale after them."""
    x, y, _, _ = digits()
    x, found = x.float(), []
    for seed in seeds:
        torch.manual_seed(seed)
        net = torch.nn.Sequential(torch.nn.Linear(64, units), torch.nn.ReLU(), torch.nn.Linear(units, 10))
        sgd, scaler, count = torch.optim.SGD(net.parameters(), lr=rate), torch.amp.GradScaler("cpu"), 0
        for _ in range(steps):
            rows = torch.randint(len(x), (batch,))
            sgd.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(net(x[rows]), y[rows], reduction=reduction)
            before = scaler.get_scale()
            scaler.scale(loss).backward()
            scaler.step(sgd)
            scaler.update()
            count += scaler.get_scale() < before
        found.append(count)
    return np.array(found)


@claim(
    "With the sum the *first* steps are skipped one after the other, until the scale is sixteen or thirty-two times "
    "smaller.",
    budget="5 seeds, 12 steps",
    tried="50 seeds; 120 steps; 256 units; a batch of 640; the mean",
)
def first_steps():
    rows = {
        "50 seeds": skipped(range(50), "sum", 0.1 / 64),
        "120 steps": skipped(range(10), "sum", 0.1 / 64, steps=120),
        "256 units": skipped(range(10), "sum", 0.1 / 64, units=256),
        "a batch of 640": skipped(range(10), "sum", 0.1 / 640, batch=640),
        "the mean": skipped(range(50), "mean", 0.1),
    }
    text = "; ".join(f"{name} {found.min()} to {found.max()}" for name, found in rows.items())
    held = all(rows[name].min() >= 4 and rows[name].max() <= 5 for name in ("50 seeds", "120 steps", "256 units"))
    return held and rows["the mean"].max() == 0, f"steps skipped: {text}"


@claim(
    "For the rest of the training, steps are too short by the ratio of the largest gradients to today's.",
    budget="by hand, 10000 steps of the second moment",
    tried="torch's own Adam with 20000 steps, its gradient falling from 1 to 0.1, 0.01 or 0.001",
)
def torchs_adam():
    texts, held = [], True
    for late in (0.1, 0.01, 0.001):
        size = {}
        for dtype in (torch.bfloat16, torch.float32):
            w = torch.zeros(1, dtype=dtype, requires_grad=True)
            adam = torch.optim.Adam([w], lr=1e-3)
            for k in range(20_000):
                w.grad = torch.full_like(w, 1.0 if k < 2000 else late)
                with torch.no_grad():
                    w.zero_()
                adam.step()
            size[dtype] = abs(w.item())
        less = size[torch.float32] / size[torch.bfloat16]
        held &= 0.4 < less * late < 1.1
        texts.append(f"gradient {late:g}: {less:.3g} times shorter than in float32")
    return held, "; ".join(texts)


FLAG = """
import torch
torch.set_num_threads(2)
if sys.argv[1] == "first":
    torch.set_flush_denormal(True)
tiny = torch.full((10_000_000,), 1e-39)  # the pool works
torch.set_flush_denormal(True)
print((tiny * 1.0 == 0).double().mean().item())
"""


@claim(
    "if it has worked before you set the flag, the main thread flushes and the pool's other thread does not "
    "(*measured*: half of a large tensor is flushed).",
    budget="one process, two threads",
    tried="10 processes; the flag set first",
)
def a_flag_and_a_pool():
    def share(when):
        done = subprocess.run(
            [sys.executable, "-c", "import sys" + FLAG, when], capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    late, first = [share("late") for _ in range(10)], share("first")
    text = f"flushed: {min(late):.3f} to {max(late):.3f} of the tensor; {first:.3f} with the flag set first"
    return all(abs(one - 0.5) < 0.01 for one in late) and first == 1.0, text


NAN = """
import ml_dtypes
import numpy as np
for value in (449.0, 464.0, 465.0, 500.0, 1e6, np.inf):
    print(np.float32(value).astype(ml_dtypes.float8_e4m3fn).astype(float))
"""


@claim(
    "`ml_dtypes`, which gives NumPy and JAX such formats, makes nan of the same 500 (*measured*).",
    budget="version 0.6.0",
    tried="an environment of its own; six numbers above 448; torch beside it",
)
def ml_dtypes_overflows():
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        how = ["-q", "--disable-pip-version-check", "ml_dtypes==0.6.0", "numpy==2.4.6"]
        subprocess.run([python, "-m", "pip", "install", *how], check=True, capture_output=True)
        done = subprocess.run([python, "-c", NAN], capture_output=True, text=True, check=True)
    theirs = done.stdout.split()
    values = torch.tensor([449.0, 464.0, 465.0, 500.0, 1e6, torch.inf])
    ours = values.to(torch.float8_e4m3fn).tolist()
    held = theirs == ["448.0", "448.0", "nan", "nan", "nan", "nan"] and ours == [448.0] * 6
    return held, f"449, 464, 465, 500, 10⁶, ∞: {', '.join(theirs)}; torch {', '.join(map(str, ours))}"
