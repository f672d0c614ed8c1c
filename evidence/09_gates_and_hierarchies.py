"""Lesson 09's measured claims, tried at ten times their budget.

Not tried: ten times the steps of the latch with all settings of the bias (hours), other optimisers than Adam, and other
lengths of the DNA.
"""

import numpy as np
import torch

from coursekit.proving.evidence import claim
from vanishing.sequences import Stack, contact, enhancer, input_gradient_ratio, judged, latch, train

torch.set_num_threads(1)
SIZES = {"hidden": 16, "dtype": torch.float64}


def solved(nets, task, steps, eta=2e-2, batch=256):
    """The accuracies of `nets` after training on `task` for some steps."""
    for _ in train(nets, task, steps, eta=eta, batch=16):
        pass
    return judged(nets, task, batch=batch)


def lstm(seeds, m=2, hidden=16, **start):
    return Stack("lstm", m, hidden, range(seeds), dtype=torch.float64, **start)


def count(accuracies):
    return f"{np.sum(accuracies > 0.95)} of {len(accuracies)}"


@claim(
    "Given 300 steps it solves 5 of 5 (of twenty seeds fifteen, and seventeen in 600 steps).",
    budget="5 seeds, 300 steps, 16 units, gap 60",
    tried="20 seeds; 600 steps; 32 units",
)
def rnn_gets_there():
    many = solved(Stack("rnn", 2, seeds=range(20), **SIZES), latch(60), 300)
    long = solved(Stack("rnn", 2, seeds=range(20), **SIZES), latch(60), 600)
    wide = solved(Stack("rnn", 2, seeds=range(5), **SIZES | {"hidden": 32}), latch(60), 600)
    held = np.sum(long > 0.95) >= 15
    return held, f"{count(many)} seeds in 300 steps, {count(long)} in 600, {count(wide)} with 32 units in 600"


@claim(
    "$W$ grows until its spectral radius is well beyond one",
    budget="5 seeds, 80 and 300 steps, 16 units, gap 60",
    tried="50 seeds; 32 units; those that solve it and those that do not; not tried: more than 300 steps",
)
def radius_grows():
    def radii(hidden, seeds):
        nets, found = Stack("rnn", 2, hidden, range(seeds), dtype=torch.float64), []
        run = train(nets, latch(60), 300, eta=2e-2, batch=16)
        for steps in (0, 80, 220):
            for _ in range(steps):
                next(run)
            found.append(torch.linalg.eigvals(nets.parameters["W"].detach()).abs().amax(-1).numpy())
        right = judged(nets, latch(60)) > 0.95
        return (
            [np.median(r) for r in found],
            found[-1][right].min(),
            np.median(found[-1][~right]) if np.any(~right) else np.nan,
        )

    rows, held, text = {"50 seeds": (16, 50), "32 units": (32, 10)}, True, []
    for name, options in rows.items():
        middle, least, unsolved = radii(*options)
        held &= middle[0] < 0.9 and min(least, middle[2]) > 1.1
        rest = "" if np.isnan(unsolved) else f", {unsolved:.2f} in the middle of the others"
        text.append(
            f"{name}: median radius {middle[0]:.2f} at the start, {middle[1]:.2f} after 80 and {middle[2]:.2f} "
            f"after 300 steps, at least {least:.2f} where the task is solved{rest}"
        )
    return held, "; ".join(text)


@claim(
    "within the first 80 steps the ratio climbs by about ten decades",
    budget="geometric mean of 5 seeds, 16 units, gap 60",
    tried="50 seeds; 32 units",
)
def ratio_at_eighty():
    def climb(hidden, seeds):
        nets = Stack("rnn", 2, hidden, range(seeds), dtype=torch.float64)
        start = np.log10(input_gradient_ratio(nets, 60))
        solved(nets, latch(60), 80)
        return np.log10(input_gradient_ratio(nets, 60)) - start

    many, wide = climb(16, 50), climb(32, 10)
    found = f"decades after 80 steps, mean: {many.mean():.1f} in 50 seeds, {wide.mean():.1f} with 32 units"
    return min(many.mean(), wide.mean()) > 7, found


@claim(
    "once a network solves the task most of its units are saturated, and in more than half of the cases the ratio "
    "ends below where it began.",
    budget="not run in the lesson, which looks at the start and after 80 steps",
    tried="20 seeds, 32 units, the ratio every ten steps, 300 steps. Not tried: other lengths of the gap",
)
def climbs_and_falls():
    def course(hidden, seeds):
        nets = Stack("rnn", 2, hidden, range(seeds), dtype=torch.float64)
        run, rows = train(nets, latch(60), 300, eta=2e-2, batch=16), [np.log10(input_gradient_ratio(nets, 60))]
        for step, _ in enumerate(run, start=1):
            if step % 10 == 0:
                rows.append(np.log10(input_gradient_ratio(nets, 60)))
        right = judged(nets, latch(60)) > 0.95
        x, _ = latch(60)(seeds, 64, torch.Generator().manual_seed(1))
        with torch.no_grad():
            flat = (nets.states(x)[0][-1].abs() > 0.95).double().mean(dim=(1, 2)).numpy()
        best, end = np.max(rows, axis=0) - rows[0], rows[-1] - rows[0]
        return np.median(best), np.median(end[right]), np.mean(end[right] < 0), np.median(flat[right])

    rows = {"20 seeds": course(16, 20), "32 units": course(32, 10)}
    text = "{}: climbs {:.0f} decades, ends {:+.0f} where solved, below its start in {:.0%}, {:.0%} of units saturated"
    held = all(best > 8 and below > 0.5 and flat > 0.5 for best, _, below, flat in rows.values())
    return held, "; ".join(text.format(name, *row) for name, row in rows.items())


@claim(
    "Chrono solves 5 of 5 at once.",
    budget="5 seeds, 80 steps, 16 units, gap 60",
    tried="50 seeds; 32 units; gap 120, 80 and 400 steps; 800 steps (3 seeds)",
)
def chrono():
    rows = {
        "50 seeds": solved(lstm(50, gap=60), latch(60), 80),
        "32 units": solved(lstm(10, hidden=32, gap=60), latch(60), 80),
        "gap 120": solved(lstm(10, gap=120), latch(120), 80),
        "gap 120, 400 steps": solved(lstm(3, gap=120), latch(120), 400),
        "800 steps": solved(lstm(3, gap=60), latch(60), 800),
    }
    shares = [np.mean(row > 0.95) for row in rows.values()]
    return min(shares) >= 0.9, "solved: " + "; ".join(f"{name} {count(row)}" for name, row in rows.items())


@claim(
    "Chrono solves 5 of 5 in the 80 steps; with twice the gap it needs more of them.",
    budget="5 seeds, 80 steps, 16 units, gap 60",
    tried="20 seeds; 32 units; gap 120, 80 steps (10 seeds) and 400 (3 seeds)",
)
def chrono_with_a_longer_gap():
    near = solved(lstm(20, gap=60), latch(60), 80), solved(lstm(5, hidden=32, gap=60), latch(60), 80)
    far, longer = solved(lstm(10, gap=120), latch(120), 80), solved(lstm(3, gap=120), latch(120), 400)
    found = (
        f"{count(near[0])}, with 32 units {count(near[1])}; gap 120: {count(far)} in 80 steps, {count(longer)} in 400"
    )
    held = min(np.mean(row > 0.95) for row in near) >= 0.9 and np.mean(far > 0.95) < 0.7 and np.all(longer > 0.95)
    return held, found


@claim(
    "Shut them as well (input bias $-5$) and 5 of 5 learn.",
    budget="5 seeds, 80 steps, forget bias 5, gap 60",
    tried="20 seeds; 32 units; forget bias 5 with open input gates beside it, 80 steps and 400",
)
def shut_the_input_gates():
    shut = solved(lstm(20, forget=5, write=-5), latch(60), 80)
    wide = solved(lstm(5, hidden=32, forget=5, write=-5), latch(60), 80)
    opened, longer = solved(lstm(20, forget=5), latch(60), 80), solved(lstm(5, forget=5), latch(60), 400)
    found = f"{count(shut)}, with 32 units {count(wide)}; open: {count(opened)} in 80 steps, {count(longer)} in 400"
    return min(np.mean(shut > 0.95), np.mean(wide > 0.95)) >= 0.9 and np.mean(opened > 0.95) < 0.8, found


@claim(
    "six hundred steps bring none of its five seeds anywhere",
    budget="5 seeds, 600 steps, 16 units, gap 60",
    tried="its five and 15 other seeds; 32 units; a step five times as long; 600 steps each. Not tried: longer",
)
def default_lstm():
    rows = {
        "its five": solved(lstm(5), latch(60), 600),
        "15 more": solved(Stack("lstm", 2, seeds=range(5, 20), **SIZES), latch(60), 600),
        "32 units": solved(lstm(3, hidden=32), latch(60), 600),
        "a step five times as long": solved(lstm(3), latch(60), 600, eta=0.1),
    }
    found = "; ".join(f"{name} {count(row)} (best {row.max():.2f})" for name, row in rows.items())
    return max(np.max(row) for row in rows.values()) < 0.6, f"solved in 600 steps: {found}"


@claim(
    "With chrono all five are at 1.00.",
    budget="5 seeds, 80 steps, 16 units, sites 80 apart",
    tried="20 seeds; 32 units; 400 steps for the RNN and the default LSTM (5 seeds)",
)
def contacts():
    many = solved(lstm(20, 4, gap=80), contact(80), 80)
    wide = solved(lstm(5, 4, hidden=32, gap=80), contact(80), 80)
    rnn = solved(Stack("rnn", 4, seeds=range(5), **SIZES), contact(80), 400)
    default = solved(lstm(5, 4), contact(80), 400)
    found = f"chrono {many.min():.2f} to {many.max():.2f}, with 32 units {wide.min():.2f} to {wide.max():.2f}; "
    found += f"in 400 steps the RNN {np.round(rnn, 2).tolist()}, the default LSTM {np.round(default, 2).tolist()}"
    return min(many.min(), wide.min()) >= 0.995, found


@claim(
    "Chrono gets there sooner and in more seeds, if not in all: of twenty it brings thirteen to the rule in 80 steps, "
    "default gates three.",
    budget="5 seeds, 80 steps, 16 units, sites 80 apart",
    tried="20 seeds after 80 steps, beside the default LSTM; 240 steps of chrono (10 seeds)",
)
def chrono_is_sooner():
    chrono, default = solved(lstm(20, 4, gap=80), contact(80), 80), solved(lstm(20, 4), contact(80), 80)
    longer = solved(lstm(10, 4, gap=80), contact(80), 240)
    found = f"chrono {count(chrono)} in 80 steps, {count(longer)} in 240; the default LSTM {count(default)} in 80"
    return np.sum(chrono > 0.95) > 2 * np.sum(default > 0.95) and np.mean(longer > 0.95) >= 0.8, found


@claim(
    "a short path is necessary, not sufficient",
    budget="5 seeds, 40 steps (maximum: 15), four features, 16 units",
    tried="15 other seeds of chrono, 10 of the maximum; 150 steps for the default LSTM (5 seeds)",
)
def short_path():
    def learned(kind, seeds, steps, **start):
        return solved(Stack(kind, 4, 16, seeds, front=4, **start), enhancer, steps, batch=64)

    chrono, most = learned("lstm", range(5, 20), 40, gap=100), learned("max", range(5, 15), 15)
    default = learned("lstm", range(5), 150)
    found = f"learned: chrono {count(chrono)}, maximum {count(most)}; the default LSTM in 150 steps {count(default)}"
    return np.mean(chrono > 0.95) >= 0.8 and np.mean(most > 0.95) >= 0.8 and default.max() < 0.7, found
