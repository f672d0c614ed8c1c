"""Lesson 22's measured claims, tried at ten times their budget.

Not tried: other data; more than two hidden layers; normalised layers; weight decay in training; float32.
"""

from functools import cache

import numpy as np
import torch

from coursekit.proving.evidence import claim
from vanishing.width import SCALINGS, first_step, moved, sweep

torch.set_num_threads(1)
MANY, FEW = range(50), range(5, 8)
RULE = {
    "SGD": {"standard": (-0.5, 0.5, 1), "NTK": (-0.5, -0.5, 0), "muP": (0, 0, 0)},
    "Adam": {"standard": (0, 1, 1), "NTK": (0, 0.5, 0.5), "muP": (0, 0, 0)},
}


@cache
def losses(optimiser, scaling, n, low, high, seeds, steps=20):
    """Medians over seeds, at the end and at the peak (2, rates), for the rates 2^low … 2^high."""
    return np.median(sweep(optimiser, scaling, n, 2.0 ** np.arange(low, high + 1), seeds, steps=steps), -1)


def texts(values):
    return " ".join(f"{min(value, 999):.2f}" for value in values)


@claim(
    "Every measured exponent lies within a sixth of the rule's.",
    budget="5 seeds, 256 to 1024 units",
    tried="50 seeds, 256 to 1024 units; 5 seeds, 512 to 2048 units",
)
def exponents_of_a_step():
    rows = {}
    for name, seeds, low in (("50 seeds", MANY, 256), ("to 2048", range(5), 512)):
        worst = 0.0
        for optimiser, scalings in SCALINGS.items():
            for scaling in scalings:
                narrow, wide = (
                    np.median([moved(*first_step(optimiser, scaling, n, seed=k)) for k in seeds], 0)
                    for n in (low, 4 * low)
                )
                worst = max(worst, abs(np.log(wide / narrow) / np.log(4) - RULE[optimiser][scaling]).max())
        rows[name] = worst
    return max(rows.values()) < 1 / 6, "; ".join(f"{name}: off by {worst:.2f} at most" for name, worst in rows.items())


@claim(
    "With Adam every measured exponent lies within a sixth of the rule's; with SGD within four tenths",
    budget="5 seeds, 256 to 1024 units",
    tried="50 seeds, 256 to 1024 units; 10 other seeds, 512 to 2048 units",
)
def exponents_by_optimiser():
    texts, held = [], True
    for name, seeds, low in (("50 seeds", MANY, 256), ("to 2048", range(50, 60), 512)):
        for optimiser, most in (("Adam", 1 / 6), ("SGD", 0.4)):
            off = 0.0
            for scaling in SCALINGS[optimiser]:
                narrow, wide = (
                    np.median([moved(*first_step(optimiser, scaling, n, seed=k)) for k in seeds], 0)
                    for n in (low, 4 * low)
                )
                off = max(off, abs(np.log(wide / narrow) / np.log(4) - RULE[optimiser][scaling]).max())
            held &= bool(off < most)
            texts.append(f"{name}, {optimiser}: off by {off:.2f} at most")
    return held, "; ".join(texts)


def enough(n, scaling, seeds, low):
    """log2 of the rate at which the loss at the end first falls to one, by interpolation in six rates from 2^low on."""
    end = losses("Adam", scaling, n, low, low + 5, seeds)[0]
    k = int(np.argmax(end < 1))
    return low + k - 1 + (end[k - 1] - 1) / (end[k - 1] - end[k])


@claim(
    "With standard scaling each doubling of the width moves the falling branch one column to the left: the rate that "
    "is *enough* shrinks like $1/n$.",
    budget="5 seeds, 64 to 512 units, 20 steps of Adam",
    tried="50 seeds, 64 to 256 units; 3 other seeds, 512 to 2048 units",
)
def the_branch_moves():
    many = {n: enough(n, "standard", MANY, low) for n, low in ((64, -11), (128, -12), (256, -13))}
    few = {n: enough(n, "standard", FEW, low) for n, low in ((512, -14), (2048, -16))}
    columns = (many[64] - many[256]) / 2, (few[512] - few[2048]) / 2
    text = "; ".join(f"{n} units 2^{e:.1f}" for n, e in (many | few).items())
    return all(0.8 < moved < 1.3 for moved in columns), f"{text}; a doubling {columns[0]:.2f} and {columns[1]:.2f}"


@claim(
    "With standard scaling each doubling of the width moves the falling branch one column to the left, and a little "
    "more.",
    budget="5 seeds, 64 to 512 units, 20 steps of Adam",
    tried="50 seeds, 64 to 256 units; 3 other seeds, 512 to 2048 units",
)
def more_than_a_column():
    many = {n: enough(n, "standard", MANY, low) for n, low in ((64, -11), (128, -12), (256, -13))}
    few = {n: enough(n, "standard", FEW, low) for n, low in ((512, -14), (2048, -16))}
    columns = (many[64] - many[256]) / 2, (few[512] - few[2048]) / 2
    text = "; ".join(f"{n} units 2^{e:.1f}" for n, e in (many | few).items())
    return all(1 < moved < 1.5 for moved in columns), f"{text}; a doubling {columns[0]:.2f} and {columns[1]:.2f}"


@claim(
    "With muP it stays, and from 128 to 512 units no loss up to the rate $2^{-6}$ changes by more than a quarter.",
    budget="5 seeds, 20 steps of Adam, rates 2^-9 to 2^-6",
    tried="50 seeds, 128 and 512 units; 3 other seeds, 512 and 2048 units",
)
def curves_coincide():
    rows = {
        "50 seeds, 128 to 512": [losses("Adam", "muP", n, -9, -6, MANY)[0] for n in (128, 512)],
        "512 to 2048": [losses("Adam", "muP", n, -9, -6, FEW)[0] for n in (512, 2048)],
    }
    change = {name: abs(wide / narrow - 1).max() for name, (narrow, wide) in rows.items()}
    return max(change.values()) < 0.25, "; ".join(f"{name}: {most:.2f}" for name, most in change.items())


@claim(
    "At 512 units the rate tuned at 64 drives the standard network's loss up to about six times where it began; under "
    "muP no peak goes beyond three.",
    budget="5 seeds, 20 steps of Adam, rate 2^-6",
    tried="50 seeds at 512 units; 3 other seeds at 2048 units",
)
def peaks():
    at = {
        (name, n): losses("Adam", name, n, -9, -6, seeds)[1]
        for name in ("standard", "muP")
        for n, seeds in ((512, MANY), (2048, FEW))
    }
    began = at["standard", 512][0]  # at the smallest rate nothing climbs
    times = at["standard", 512][-1] / began
    held = 4.5 < times < 7.5 and max(at["muP", n].max() for n in (512, 2048)) < 3
    text = "; ".join(f"{name} {n}: {texts(peak)}" for (name, n), peak in at.items())
    return held, f"peaks at 2^-9 to 2^-6, {text}; {times:.1f} times at 512"


@claim(
    "After twenty steps most of that is forgiven.",
    budget="5 seeds, 512 units, rate 2^-6",
    tried="50 seeds at 512 units; 3 other seeds at 2048 units; 200 steps, 5 seeds",
)
def forgiven():
    rows = {
        "50 seeds": losses("Adam", "standard", 512, -9, -6, MANY),
        "2048 units": losses("Adam", "standard", 2048, -9, -6, FEW),
        "200 steps": losses("Adam", "standard", 512, -9, -6, range(5), 200),
    }
    held = all(end[-1] < 0.5 and peak[-1] > 10 for end, peak in rows.values())
    return held, "; ".join(f"{name}: {texts(end)}" for name, (end, _) in rows.items())


@claim(
    "At 512 units most of that is forgiven after twenty steps",
    budget="5 seeds, 512 units, rate 2^-6",
    tried="50 seeds; 200 steps, 5 seeds, at the rate 2^-8 that is then the best at 64 units",
)
def forgiven_at_512():
    (short,), (high,) = losses("Adam", "standard", 512, -6, -6, MANY)
    narrow = losses("Adam", "standard", 64, -9, -6, range(5), 200)[0]
    (long,), (peak,) = losses("Adam", "standard", 512, -8, -8, range(5), 200)
    held = short < 0.4 and high > 10 and int(np.argmin(narrow)) == 1 and long < 0.05
    return held, (
        f"50 seeds: {short:.2f} after a peak of {high:.0f}; 200 steps: 64 units {texts(narrow)} at 2^-9 to 2^-6, "
        f"512 units {long:.2f} after {peak:.1f}"
    )


@claim(
    "At 2048 units the same rate ends about twice as high as at 512",
    budget="3 seeds, 20 steps, rate 2^-6",
    tried="5 other seeds at 2048, 50 at 512 units",
)
def there_is_a_limit():
    (wide,), _ = losses("Adam", "standard", 2048, -6, -6, range(8, 13))
    (narrow,), _ = losses("Adam", "standard", 512, -6, -6, MANY)
    return 1.6 < wide / narrow < 2.8, f"2048 units {wide:.2f}, 512 units {narrow:.2f}"


@claim(
    "And the best standard network at 512 ends a little lower than the best under muP",
    budget="5 seeds, 20 steps of Adam",
    tried="50 seeds; 200 steps, 5 seeds",
)
def standard_ends_lower():
    rows, held = [], True
    for name, seeds, steps in (("50 seeds", MANY, 20), ("200 steps", range(5), 200)):
        best = [losses("Adam", scaling, 512, -9, -6, seeds, steps)[0].min() for scaling in ("standard", "muP")]
        held &= bool(best[0] < best[1])
        rows.append(f"{name}: standard {best[0]:.3f}, muP {best[1]:.3f}")
    return held, "; ".join(rows)


@claim(
    "at 64 and at 256 units, in both scalings, the best of these rates is $2^{-2}$.",
    budget="5 seeds, 20 steps of SGD",
    tried="50 seeds at 64 and 256 units; 3 other seeds at 1024 units",
)
def sgd_does_not_mind():
    rows = {
        (n, scaling): losses("SGD", scaling, n, -5, -1, seeds)[0]
        for n, seeds in ((64, MANY), (256, MANY), (1024, FEW))
        for scaling in ("standard", "muP")
    }
    held = all(np.argmin(row) == 3 for row in rows.values())
    return held, "; ".join(f"{n} {scaling}: {texts(row)}" for (n, scaling), row in rows.items())


def stack_change(L, eta, seed, n, phi):
    rng = np.random.default_rng([4, seed])
    W = torch.tensor(rng.normal(size=(L, n, n)) * n**-0.5, requires_grad=True)
    h, target = torch.tensor(rng.normal(size=(2, 1, n)))

    def run(weights, h=h):
        for w in weights:
            h = h + L**-0.5 * phi(h @ w.T)
        return h

    out = run(W)
    (out * target).mean().backward()
    return float((run((W - eta * W.grad.sign()).detach()) - out).detach().square().mean().sqrt())


@claim(
    "At one rate the change grows like $\\sqrt L$, at the other it stays.",
    budget="5 seeds, 4 to 64 blocks of 64 units with tanh",
    tried="50 seeds; 256 blocks, 10 seeds; 256 units, 5 seeds",
)
def depth_too():
    rows, held = [], True
    for name, seeds, L, n in (("50 seeds", 50, 64, 64), ("256 blocks", 10, 256, 64), ("256 units", 5, 64, 256)):
        eta = 0.064 / n
        deep, shallow = (
            np.median(
                [[stack_change(k, e, s, n, torch.tanh) for e in (eta, 2 * eta * k**-0.5)] for s in range(seeds)], 0
            )
            for k in (L, 4)
        )
        power = np.log(deep[0] / shallow[0]) / np.log(L / 4)
        held &= bool(0.4 < power < 0.6 and abs(deep[1] / shallow[1] - 1) < 0.2)
        rows.append(f"{name}: L^{power:.2f}, and times {deep[1] / shallow[1]:.2f}")
    return held, "; ".join(rows)


@claim(
    "and so the entries settle at a root mean square of $\\sqrt{\\eta/(2\\lambda)}$",
    budget="1000 entries, normal gradients, 5000 steps, one pair of rate and decay",
    tried="10,000 entries; 50,000 steps; another rate and decay; gradients with heavy tails",
)
def adamw_settles():
    rows, held = [], True
    for name, entries, eta, decay, steps, heavy in (
        ("10,000 entries", 10_000, 0.01, 0.1, 5000, False),
        ("50,000 steps", 100, 0.01, 0.1, 50_000, False),
        ("other rate, decay", 1000, 0.003, 1.0, 5000, False),
        ("heavy tails", 1000, 0.01, 0.1, 5000, True),
    ):
        rng = np.random.default_rng(5)
        w = torch.tensor(0.01 * rng.normal(size=entries))
        adamw, seen = torch.optim.AdamW([w], lr=eta, weight_decay=decay), []
        for step in range(steps):
            w.grad = torch.tensor(rng.standard_t(3, size=entries) if heavy else rng.normal(size=entries))
            adamw.step()
            if step > 0.6 * steps and step % 100 == 0:
                seen.append(float(w.square().mean()))
        share = np.mean(seen) ** 0.5 / (eta / 2 / decay) ** 0.5
        held &= bool(abs(share - 1) < 0.1)
        rows.append(f"{name}: {share:.2f} of it")
    return held, "; ".join(rows)
