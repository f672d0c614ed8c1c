"""Lesson 18: flat blocks, Newton's step and the edge of stability, for longer, in more networks and in larger ones.

Not tried: stochastic batches, other losses, networks with biases.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits

from coursekit.proving.evidence import claim
from vanishing.landscapes import (
    block_curvature,
    edge_of_stability,
    hessian,
    layer_gradients,
    network,
    network_loss,
    newton_step,
)

torch.set_num_threads(1)
DIGITS = load_digits()


def run(eta, steps=600, seeds=5, hidden=12, beta=0.0, images=100):
    """Sharpness over its limit, (records, seeds), and the losses."""
    X, Y = DIGITS.data[:images] / 16, np.eye(10)[DIGITS.target[:images]]
    with np.errstate(all="ignore"):
        _, top, loss = edge_of_stability(X, Y, eta, steps, 20, seeds=seeds, hidden=hidden, gain=0.3, beta=beta)
    return top * eta / (2 * (1 + beta)), loss


def case(seed, L, n=5, gain=1.0, phi="sigmoid"):
    """A network of L layers and its loss."""
    rng = np.random.default_rng(seed)
    X, Y = torch.tensor(rng.normal(size=(2, 20, n)))
    return network([n] * (L + 1), rng, gain), lambda layers: network_loss(layers, X, Y, phi)


@claim(
    "So the curvature of a sigmoid block vanishes together with the gradient, about as fast",
    budget="5 networks of each depth, 2 to 15 sigmoid layers of width 5, LeCun's weights",
    tried="50 networks of 2, 5, 10 and 15 layers; 30 layers; width 10; saturated tanh; weights four times as large",
)
def block_is_flat():
    def logs(L, networks=5, **options):
        rows = []
        for seed in range(networks):
            layers, loss = case(seed, L, **options)
            sizes = [float(g.norm()) for g in layer_gradients(loss, layers)]
            rows.append([np.hypot.reduce(sizes), sizes[0], block_curvature(loss, layers)])
        return np.log10(rows).mean(0)

    rows = {f"{L} layers": logs(L, 50) for L in (2, 5, 10, 15)}
    rows |= {"30": logs(30), "width 10": logs(10, n=10), "saturated": logs(10, phi="saturated")}
    strong = logs(15, gain=4.0)
    held = all(abs(g - h) < 1.5 and whole > -1 for whole, g, h in rows.values())
    found = "; ".join("{} {:+.1f}, {:+.1f}, {:+.1f}".format(name, *row) for name, row in rows.items())
    return (
        held,
        "log10 of whole gradient, layer 1's, its curvature: "
        + found
        + "; weights x 4, 15 layers {:+.1f}, {:+.1f}, {:+.1f}".format(*strong),
    )


@claim(
    "ReLU has no second part: there it goes twice as fast",
    budget="not run in the lesson",
    tried="50 ReLU networks each of 4, 8, 12 and 16 layers, width 8, half of LeCun's standard deviation; width 16",
)
def relu_block():
    def fall(n, networks, depths=(4, 8, 12, 16)):
        rows = []
        for L in depths:
            logs = []
            for seed in range(networks):
                rng = np.random.default_rng(seed)
                X, Y = torch.tensor(rng.normal(size=(2, 20, n)))
                layers = network([n] * (L + 1), rng, 0.5)

                def loss(layers, X=X, Y=Y):
                    z = X @ layers[0].T
                    for W in layers[1:]:
                        z = torch.relu(z) @ W.T
                    return ((z - Y) ** 2).sum(dim=1).mean() / 2

                first = float(layer_gradients(loss, layers)[0].norm())
                if first > 0:  # no dead network
                    logs.append(np.log10([first, block_curvature(loss, layers)]))
            rows.append(np.mean(logs, axis=0))
        return np.polyfit(depths, rows, 1)[0]

    rows = {"width 8": fall(8, 50), "width 16": fall(16, 5)}
    found = "; ".join(f"{name}: {g:.2f} and {h:.2f}" for name, (g, h) in rows.items())
    return all(1.8 < h / g < 2.2 for g, h in rows.values()), f"decades a layer, gradient and curvature: {found}"


@claim(
    "where the forward signal fades too, every layer's gradient is small",
    budget="not run in the lesson",
    tried="50 networks each of tanh and ReLU, 4 and 16 layers, width 8, small weights; width 32",
)
def all_layers_silent():
    def layers_hear(phi, n, L, networks):
        rows = []
        for seed in range(networks):
            rng = np.random.default_rng(seed)
            X, Y = torch.tensor(rng.normal(size=(2, 20, n)))
            layers = network([n] * (L + 1), rng, 0.5)

            def loss(layers, X=X, Y=Y):
                z = X @ layers[0].T
                for W in layers[1:]:
                    z = phi(z) @ W.T
                return ((z - Y) ** 2).sum(dim=1).mean() / 2

            rows.append([float(g.norm()) for g in layer_gradients(loss, layers)])
        return np.median(rows, axis=0)

    said, held = [], True
    for phi in (torch.tanh, torch.relu):
        for n, networks in ((8, 50), (32, 5)):
            four, sixteen = (layers_hear(phi, n, L, networks) for L in (4, 16))
            held &= sixteen.max() < 0.01 * four.max() and sixteen[0] > 0.03 * sixteen.max()
            said.append(
                f"{phi.__name__} width {n}: loudest layer {four.max():.1e} at 4, {sixteen.max():.1e} at 16 layers"
            )
    return bool(held), "; ".join(said)


@claim(
    "a vanished network often has negative curvature as well",
    budget="not counted in the lesson",
    tried="50 sigmoid networks of 10 layers; 5 and 15 layers; width 10; saturated tanh; layer 1's block",
)
def vanished_saddles():
    def share(L=10, networks=10, **options):
        below = 0
        for seed in range(networks):
            layers, loss = case(seed, L, **options)
            H = hessian(lambda W, loss=loss, rest=layers[1:]: loss([W, *rest]), layers[0])
            lam = torch.linalg.eigvalsh(H)
            below += float(lam[0]) < -0.01 * float(lam.abs().max())
        return below / networks

    rows = {"50 networks": share(networks=50), "5 layers": share(5), "15 layers": share(15), "width 10": share(n=10)}
    rows["saturated"] = share(phi="saturated")
    found = "; ".join(f"{name} {part:.0%}" for name, part in rows.items())
    return min(rows.values()) > 0.5, f"with an eigenvalue below -0.01 of the largest: {found}"


@claim(
    "that the loss fell this time is luck, not method",
    budget="one network, two weights in layer 1",
    tried="Newton's step in layer 1 of 50 sigmoid networks of 3 and of 5 layers, width 5; width 3",
)
def newton_by_luck():
    def falls(L, n=5, networks=50):
        down, far = 0, []
        for seed in range(networks):
            layers, loss = case(seed, L, n)

            def of_first(w, loss=loss, layers=layers):
                return loss([w.reshape(layers[0].shape), *layers[1:]])

            w = layers[0].reshape(-1)
            step = newton_step(of_first, w)
            down += bool(of_first(w + step) < of_first(w))
            far.append(float(step.norm()))
        return down / networks, np.median(far)

    rows = {"3 layers": falls(3), "5 layers": falls(5), "width 3": falls(5, 3)}
    found = "; ".join(f"{name}: the loss falls in {down:.0%}, step {far:.0f}" for name, (down, far) in rows.items())
    return all(0.1 < down < 0.9 for down, _ in rows.values()), found


@claim(
    "while the loss keeps falling, though not at every step",
    budget="600 steps, 5 seeds, width 12, step sizes 0.1 and 0.2",
    tried="6000 steps; 50 seeds; width 48; momentum 0.9",
)
def loss_falls():
    rows = {
        "6000 steps": run(0.2, 6000)[1],
        "50 seeds": run(0.2, seeds=50)[1],
        "width 48": run(0.2, hidden=48)[1],
        "momentum": run(0.2, beta=0.9)[1],
    }
    held, found = True, []
    for name, loss in rows.items():
        thirds = [np.median(part, axis=0) for part in np.array_split(loss[1:], 3)]
        up = np.mean(np.diff(loss[1:], axis=0) > 0)
        held &= all(np.all(b < a) for a, b in pairwise(thirds)) and up > 0
        found.append(f"{name} {thirds[0].mean():.3f}, {thirds[1].mean():.3f}, {thirds[2].mean():.3f}, up in {up:.0%}")
    return held, "median loss in each third, and how often it is higher twenty steps on: " + "; ".join(found)


@claim(
    "the step size chooses the curvature of the place where training ends up",
    budget="600 steps, 5 seeds, width 12, step sizes 0.1 and 0.2",
    tried="3 seeds: 6000 steps at 0.1, 0.05 and 0.02; 2000 steps with width 48 at 0.05",
)
def step_chooses():
    rows = {f"{eta:g}": np.median(run(eta, 6000, seeds=3)[0][-20:]) for eta in (0.1, 0.05, 0.02)}
    rows["0.05, width 48"] = np.median(run(0.05, 2000, seeds=3, hidden=48)[0][-20:])
    found = "; ".join(f"at {name} {middle:.2f}" for name, middle in rows.items())
    return min(rows.values()) > 0.9, f"lambda_max over 2/eta in the end: {found}"


@claim(
    "the step size sets a ceiling to the curvature of the place where training ends up, which small steps do not reach",
    budget="600 steps, 5 seeds, width 12, step sizes 0.1 and 0.2",
    tried="50 seeds at 0.2; 3 seeds, 6000 steps at 0.05 and 0.02; 2000 steps with width 48 at 0.05",
)
def ceiling():
    rows = {
        "0.2, 50 seeds": run(0.2, seeds=50)[0],
        "0.05": run(0.05, 6000, seeds=3)[0],
        "0.02": run(0.02, 6000, seeds=3)[0],
        "0.05, width 48": run(0.05, 2000, seeds=3, hidden=48)[0],
    }
    ends = {name: np.median(top[-10:], axis=0) for name, top in rows.items()}
    found = "; ".join(f"at {name} {m.min():.2f} to {m.max():.2f}" for name, m in ends.items())
    held = max(m.max() for m in ends.values()) < 1.15 and ends["0.02"].max() < 0.6
    return held, f"lambda_max over 2/eta in the end: {found}"


@cache
def with_momentum():
    """How many explode, and the peaks and the ends of lambda_max over 2(1 + beta)/eta where they do not."""
    runs = {
        "3000 steps": run(0.2, 3000, beta=0.9),
        "50 seeds": run(0.2, seeds=50, beta=0.9),
        "500 images": run(0.2, beta=0.9, images=500),
        "width 48": run(0.2, hidden=48, beta=0.9),
        "width 48, step 0.1": run(0.1, 1200, hidden=48, beta=0.9),
    }
    rows, said = {}, []
    for name, (top, loss) in runs.items():
        safe = loss[-1] < 1e6
        rows[name] = np.sum(~safe), top[:, safe].max(axis=0), np.median(top[-10:, safe], axis=0)
        lost, peak, end = rows[name]
        said.append(f"{name}: {lost} of {len(safe)} explode")
        if len(peak):
            said[-1] += f", peaks {peak.min():.2f} to {peak.max():.2f}, ends {end.min():.2f} to {end.max():.2f}"
    return rows, "lambda_max over 2(1 + beta)/eta. " + "; ".join(said)


@claim(
    "at $\\beta=0.9$ the curvatures walk past $2/\\eta = 10$ and on towards 19",
    budget="600 steps, 5 seeds, width 12, step size 0.2",
    tried="3000 steps; 50 seeds; 500 images; width 48, step sizes 0.2 and 0.1",
)
def momentum():
    rows, found = with_momentum()
    return all(lost == 0 and end.min() > 0.53 for lost, _, end in rows.values()), found


@claim(
    "at $\\beta=0.9$ the curvatures walk past $2/\\eta = 10$ and come near 19 wherever training survives: "
    "of fifty networks one explodes, and with four times the width all do.",
    budget="600 steps, 5 seeds, width 12, step size 0.2",
    tried="3000 steps; 50 seeds; 500 images; width 48, step sizes 0.2 and 0.1",
)
def momentum_where_it_survives():
    rows, found = with_momentum()
    peaks = np.concatenate([peak for _, peak, _ in rows.values()])
    held = peaks.min() > 0.8 and peaks.max() < 1.25 and rows["50 seeds"][0] <= 2 and rows["width 48"][0] == 5
    return held, found


@claim(
    "comes to rest there or a little above",
    budget="600 steps, 5 seeds, width 12, 100 images, step sizes 0.1 and 0.2",
    tried="6000 steps; 50 seeds; width 48; 500 images; momentum 0.9. Not tried: stochastic batches, other losses",
)
def the_edge():
    others = {
        "6000 steps": run(0.2, steps=6000),
        "50 seeds": run(0.2, seeds=50),
        "width 48": run(0.2, hidden=48),
        "500 images": run(0.1, images=500),
    }
    middles = {name: np.median(top[len(top) // 2 :], axis=0) for name, (top, _) in others.items()}
    peak = max(top.max() for top, _ in others.values())
    with_momentum = np.median(run(0.2, steps=1200, beta=0.9)[0][-10:])
    found = "; ".join(f"{name}: {m.min():.2f} to {m.max():.2f} times 2/eta" for name, m in middles.items())
    held = all(m.min() > 0.9 and m.max() < 1.15 for m in middles.values())
    return held, f"{found}; highest peak {peak:.1f} times; with momentum {with_momentum:.2f} of 2(1 + beta)/eta"


@claim(
    "these networks do explode",
    budget="5 seeds, width 12, step sizes 0.5 and 1",
    tried="50 seeds; width 48. Not tried: step sizes just beyond the limit, from which networks may recover",
)
def too_far():
    lost = {}
    for name, options in {"50 seeds": {"seeds": 50}, "width 48": {"hidden": 48}}.items():
        lost[name] = [float(np.mean(~(run(eta, 300, **options)[1][-1] < 1e6))) for eta in (0.5, 1.0)]
    found = "; ".join(f"{name}: {a:.0%} at 0.5, {b:.0%} at 1" for name, (a, b) in lost.items())
    return min(min(pair) for pair in lost.values()) == 1, f"{found} explode"
