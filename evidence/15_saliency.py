"""Lesson 15's measured claims, tried at ten times their budget. Not tried: images of another size, other baselines."""

import torch

from coursekit.proving.evidence import claim
from vanishing.attribution import (
    CUE,
    TRAIN,
    Additive,
    Dense,
    all_maps,
    images,
    integrated_gradients,
    place,
    rank_agreement,
    saliency,
    stamped,
    training,
)

torch.set_num_threads(1)
X, Y = images()
BLACK = torch.zeros(64, dtype=torch.float64)


class Rectified(Dense):
    """The same networks with ReLU units."""

    def forward(self, x):
        z = x @ self.W[0] + self.b[0]
        for W, b in zip(self.W[1:], self.b[1:], strict=True):
            z = torch.relu(z) @ W + b
        return z


def places(strength, net, steps=300):
    """Mean place of the stamp by gradient and by integrated gradients in each of M networks: two tensors (M,)."""
    data = stamped(X, Y, [strength])[0]
    for _ in training(net, data, Y % 2, steps=steps, lr=2e-2):
        pass
    odd = TRAIN + torch.where(Y[TRAIN:] % 2 == 1)[0][:50]
    score, shown = lambda x: net(x)[..., 0], data[odd].expand(len(next(net.parameters())), 50, 64)
    maps = saliency(score, shown), integrated_gradients(score, shown, BLACK, 100)
    return [place(m, CUE).double().mean(1) for m in maps]


def told(tried):
    return "; ".join(
        f"{name}: place {g.min():.1f} to {g.max():.1f} by gradient, {i.max():.1f} at most by integrated gradients"
        for name, (g, i) in tried.items()
    )


@claim(
    "Driven far enough, every dense network of tanh units that we tried goes blind.",
    budget="5 networks of 32 tanh units, 300 steps of Adam, strengths 8, 16 and 64",
    tried="3000 steps (3 networks); 50 networks; 128 units; two hidden layers. ReLU units have a claim of their own",
)
def dense_networks():
    tried = {
        "3000 steps": places(64.0, Dense(3, (64, 32, 1), 1), 3000),
        "50 networks": places(64.0, Dense(50, (64, 32, 1), 2)),
        "128 units": places(64.0, Dense(5, (64, 128, 1), 3)),
        "two layers": places(64.0, Dense(5, (64, 32, 32, 1), 4)),
    }
    return all(g.min() > 3 and i.max() < 1.5 for g, i in tried.values()), f"strength 64, {told(tried)}"


@claim(
    "a network of 128 units keeps the stamp at 16 and loses it at 64",
    budget="3 networks, 300 steps",
    tried="10 networks; 3000 steps (3 networks)",
)
def wider_networks():
    tried = {
        "10 networks, 16": places(16.0, Dense(10, (64, 128, 1), 5)),
        "10 networks, 64": places(64.0, Dense(10, (64, 128, 1), 6)),
        "3000 steps, 16": places(16.0, Dense(3, (64, 128, 1), 7), 3000),
    }
    keeps = tried["10 networks, 16"][0].max() < 3 and tried["3000 steps, 16"][0].max() < 3
    return bool(keeps and tried["10 networks, 64"][0].min() > 3), told(tried)


@claim(
    "The additive networks are blind as feared.",
    budget="5 networks of 4 tanh units a pixel, 300 steps, strength 4",
    tried="50 networks; 3000 steps (3 networks); 8 units a pixel",
)
def additive_networks():
    tried = {
        "50 networks": places(4.0, Additive(50, seed=1)),
        "3000 steps": places(4.0, Additive(3, seed=2), 3000),
        "8 units": places(4.0, Additive(5, units=8, seed=3)),
    }
    return all(g.min() > 10 and i.max() < 1.5 for g, i in tried.values()), told(tried)


@claim(
    "Networks of 128 units lose the stamp later, between 16 and 64",
    budget="10 networks, 300 steps, strengths 16 and 64",
    tried="12 other networks; 3000 steps (3 networks); 64 units (5 networks)",
)
def wider_networks_later():
    tried = {
        "12 networks, 16": places(16.0, Dense(12, (64, 128, 1), 11)),
        "12 networks, 64": places(64.0, Dense(12, (64, 128, 1), 12)),
        "3000 steps, 16": places(16.0, Dense(3, (64, 128, 1), 13), 3000),
        "64 units, 16": places(16.0, Dense(5, (64, 64, 1), 14)),
    }
    keep, lose = tried["12 networks, 16"][0], tried["12 networks, 64"][0]
    return bool(keep.max() < 10 and tried["3000 steps, 16"][0].max() < 10 and lose.min() > 10), told(tried)


@claim(
    "ReLU networks differ from seed to seed: some keep the stamp first, others lose it.",
    budget="20 networks of 32 units, 300 steps, strength 64",
    tried="20 other networks; 3000 steps (3 networks)",
)
def relu_networks():
    tried = {
        "20 networks": places(64.0, Rectified(20, (64, 32, 1), 23)),
        "3000 steps": places(64.0, Rectified(3, (64, 32, 1), 21), 3000),
    }
    many = tried["20 networks"][0]
    return bool(many.min() < 2 and many.max() > 15), told(tried)


def classifiers(M, hidden=32, steps=600, seed=0):
    """Lead over the strongest rival and probability of networks that read the digits; test images (M, 100, 64)."""
    net = Dense(M, (64, hidden, 10), seed)
    for _ in training(net, X, Y, steps=steps):
        pass
    shown = X[TRAIN::5].expand(M, -1, -1)
    order = net(shown).topk(2, dim=-1).indices

    def lead(x):
        return (net(x).gather(-1, order[..., :1]) - net(x).gather(-1, order[..., 1:]))[..., 0]

    def chance(x):
        return net(x).softmax(-1).gather(-1, order[..., :1])[..., 0]

    return lead, chance, shown


@claim(
    "For the probability the ratio is two to three thousand; for the lead, less than two",
    budget="5 networks of 32 units, 600 steps of Adam, 500 images",
    tried="50 networks; 6000 steps (5 networks); 128 units. On 100 images each",
)
def confident_quarters():
    rows, held = [], True
    for name, options in {
        "50 networks": {"M": 50, "seed": 1},
        "6000 steps": {"M": 5, "steps": 6000},
        "128 units": {"M": 5, "hidden": 128},
    }.items():
        lead, chance, shown = classifiers(**options)
        order = (1 - chance(shown)).argsort(dim=1)
        ratio = []
        for score in (chance, lead):
            sizes = saliency(score, shown).norm(dim=-1).gather(1, order)
            ratio.append(sizes[:, -25:].mean(1) / sizes[:, :25].mean(1))
        held &= bool(ratio[0].min() > 500 and ratio[1].max() < 2)
        rows.append(
            f"{name}: {ratio[0].min():.1g} to {ratio[0].max():.1g} and {ratio[1].min():.1f} to {ratio[1].max():.1f}"
        )
    return held, "least over most confident quarter, probability and lead: " + "; ".join(rows)


@claim(
    "On inked ones the gradient maps times input agree best, 0.95 against 0.91 for integrated gradients",
    budget="5 networks of 32 units, 600 steps, 100 images",
    tried="20 networks; 6000 steps (5 networks); 128 units",
)
def who_agrees_best():
    rows, held = [], True
    for name, options in {
        "20 networks": {"M": 20, "seed": 2},
        "6000 steps": {"M": 5, "steps": 6000},
        "128 units": {"M": 5, "hidden": 128},
    }.items():
        lead, _, shown = classifiers(**options)
        found, agree, fall = all_maps(lead, shown, BLACK), {}, {}
        for kind in ("gradient x input", "integrated"):
            agree[kind] = rank_agreement(found[kind], found["occlusion"], shown > 0).mean(axis=1)
            top = found[kind].abs().argsort(dim=-1, descending=True)[..., :5]
            fall[kind] = float((lead(shown) - lead(shown.scatter(-1, top, 0.0))).mean())
        gap = agree["gradient x input"] - agree["integrated"]
        held &= bool(gap.min() > 0 and fall["integrated"] > fall["gradient x input"])
        rows.append(
            f"{name}: {agree['gradient x input'].mean():.2f} and {agree['integrated'].mean():.2f}, the lead falls by "
            f"{fall['gradient x input']:.1f} and {fall['integrated']:.1f} with five pixels out"
        )
    return held, "gradient x input and integrated gradients: " + "; ".join(rows)
