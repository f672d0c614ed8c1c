"""Digit classifiers of several depths with one remedy at a time: how they train, and what their layers hear meanwhile.

The study takes about a quarter of an hour, so its results lie beside this module, in digits_runs.json. To make them
again, delete that file and ask for them, or say

    python -m vanishing.digits_runs

All networks have `depth` weight matrices, 64 → 64 → … → 64 → 10, and read scikit-learn's digits in batches of 100. The
step size of each remedy at each depth is the one of three with the lowest final training loss in two trial runs.
"""

import contextlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from vanishing.probe import probe
from vanishing.trials import TRAIN, digits

WIDTH, BATCH = 64, 100
STEPS = TRAIN // BATCH + 1  # of an epoch
SGD, ADAM = (0.005, 0.02, 0.1), (3e-4, 1e-3, 3e-3)  # step sizes to choose from
REMEDIES = {  # what differs from sigmoid units, Xavier's weights, cross-entropy and SGD with momentum 0.9
    "squared error": {"loss": "squared error", "rates": (0.05, 0.2, 1.0)},
    "cross-entropy": {},
    "Adam": {"optimizer": "Adam", "rates": ADAM},
    "layer norm": {"norm": nn.LayerNorm},
    "batch norm": {"norm": nn.BatchNorm1d},
    "residual": {"residual": True},
    "weights x 4, centred": {"weights": "centred"},
    "tanh": {"phi": "tanh"},
    "ReLU, torch's default": {"phi": "relu", "weights": "default"},
    "ReLU, He": {"phi": "relu", "weights": "He"},
    "all together": {
        "phi": "relu",
        "weights": "He",
        "norm": nn.BatchNorm1d,
        "residual": True,
        "optimizer": "Adam",
        "rates": ADAM,
    },
}
SETTINGS = {  # `trial` is the number of seeds with which the step size is chosen
    "depths": [3, 5, 10, 20],
    "epochs": 30,
    "every": 2,
    "seeds": 5,
    "trial": 2,
    "long": {
        "epochs": 200,
        "every": 5,
        "runs": {
            "cross-entropy": {"depth": 5, "rate": 0.1},
            "Adam": {"depth": 10, "rate": 0.001},
            "Adam, tiny ε": {"remedy": "Adam", "depth": 20, "rate": 0.001, "eps": 1e-30},
        },
    },
}
FIELDS = ("gradient", "delta", "update")
PATH = Path(__file__).with_suffix(".json")


class Digits(nn.Module):
    """A multilayer perceptron of `depth` weight matrices; see REMEDIES for its options.

    weights   "Xavier" (variance 2/(n_in + n_out)), "He" (2/n_in), torch's "default" for nn.Linear (1/(3 n_in)), or
              "centred": Xavier's times 4, in the first and last layer times 2, and biases −½ Σ_j W_ij behind hidden
              layers. As σ(z) = (1 + tanh(z/2))/2, sigmoid layers with these are tanh layers with Xavier's weights
    norm      a normalisation layer before each activation
    residual  hidden layers add φ(z)/√depth to what they received
    """

    def __init__(self, depth, phi="sigmoid", weights="Xavier", norm=None, residual=False, width=WIDTH):
        super().__init__()
        sizes = [64, *[width] * (depth - 1), 10]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.norms = nn.ModuleList(norm(width) for _ in range(depth - 1)) if norm else [nn.Identity()] * (depth - 1)
        self.phi, self.scale = getattr(torch, phi), depth**-0.5 if residual else 0.0
        for layer in self.layers if weights != "default" else ():
            fan = layer.in_features if weights == "He" else sum(layer.weight.shape)
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan))
            nn.init.zeros_(layer.bias)
        if weights == "centred":
            self._centre()

    def _centre(self):
        with torch.no_grad():
            self.layers[0].weight.mul_(2)
            for layer in self.layers[1:]:
                layer.weight.mul_(2 if layer is self.layers[-1] else 4)
                layer.bias.copy_(-layer.weight.sum(1) / 2)

    def forward(self, x):
        """Logits (batch, 10) of images x (batch, 64)."""
        for k, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=False)):
            h = self.phi(norm(layer(x)))
            x = x + self.scale * h if self.scale and k else h
        return self.layers[-1](x)


def loss_of(name):
    """The loss of logits z (batch, 10) and labels y: "cross-entropy", or "squared error" of the softmax."""
    if name == "cross-entropy":
        return F.cross_entropy
    return lambda z, y: (z.softmax(1) - F.one_hot(y, 10)).square().sum(1).mean()


def training(remedy, depth, rate, seed=0, epochs=30, every=1, eps=1e-8, width=WIDTH):
    """Train a network of REMEDIES; yields the model and the probe that listens to it, once before and after each epoch.

    The probe hears the first step of every `every`-th epoch; eps is Adam's ε. KeyError for an unknown remedy.
    """
    options = {"optimizer": "SGD", "loss": "cross-entropy", **REMEDIES[remedy]}
    shape = {key: options[key] for key in ("phi", "weights", "norm", "residual") if key in options}
    x, y, _, _ = digits()
    x = x.float()
    torch.manual_seed(seed)
    model, loss = Digits(depth, **shape, width=width), loss_of(options["loss"])
    if options["optimizer"] == "Adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, eps=eps)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    p = probe(model, every=every * STEPS)
    yield model, p
    for _ in range(epochs):
        with p:
            for batch in torch.randperm(TRAIN).split(BATCH):
                optimizer.zero_grad()
                loss(model(x[batch]), y[batch]).backward()
                optimizer.step()
        yield model, p


def judged(model, loss="cross-entropy"):
    """The loss of a model over the training images, infinite if it is not a number, and its accuracy on the others."""
    x, y, x_test, y_test = digits()
    model.eval()
    with torch.no_grad():
        final = loss_of(loss)(model(x.float()), y).item()
        right = (model(x_test.float()).argmax(1) == y_test).double().mean().item()
    model.train()
    return final if math.isfinite(final) else math.inf, right


def profile(listener, field):
    """What a probe recorded of the weight matrices, in order: (records, depth)."""
    order = [k for k, row in enumerate(listener.rows()) if row.kind == "Linear"]
    return listener.series(field)[:, order]


def study(settings=SETTINGS, remedies=REMEDIES, progress=tqdm):
    """All remedies at all depths, as {remedy: {depth: results}}.

    Results are the step size, final training loss and test accuracy of each seed, and log10 of the geometric means over
    seeds of the gradient in each layer's weights, of the gradient in its output, and of its update over its weights:
    (records, depth), with null where a network was broken.
    """
    results = {remedy: {} for remedy in remedies}
    for remedy, depth in progress(list(itertools.product(remedies, settings["depths"]))):
        rest = depth, settings["epochs"], settings["every"]
        rates = REMEDIES[remedy].get("rates", SGD)
        tried = {rate: [_run(remedy, rate, seed, *rest) for seed in range(settings["trial"])] for rate in rates}
        rate = min(tried, key=lambda rate: sum(run["loss"] for run in tried[rate]))
        runs = tried[rate] + [_run(remedy, rate, seed, *rest) for seed in range(settings["trial"], settings["seeds"])]
        results[remedy][str(depth)] = {"rate": rate, **_together(runs)}
    return results


def long_runs(settings=SETTINGS):
    """Networks on a plateau, trained for long, as {name: results}; results as in `study`."""
    long, results = settings["long"], {}
    for name, run in long["runs"].items():
        options = {"remedy": name, "epochs": long["epochs"], "every": long["every"], **run}
        runs = [_run(seed=seed, **options) for seed in range(settings["seeds"])]
        results[name] = {"rate": run["rate"], **_together(runs)}
    return results


def _run(remedy, rate, seed, depth, epochs, every, eps=1e-8):
    *_, (model, listener) = training(remedy, depth, rate, seed, epochs, every, eps)
    loss, right = judged(model, REMEDIES[remedy].get("loss", "cross-entropy"))
    return {"loss": loss, "accuracy": right, **{field: profile(listener, field) for field in FIELDS}}


def _together(runs):
    """The results of several seeds as plain JSON."""
    table = {"loss": [float(f"{run['loss']:.3g}") for run in runs], "accuracy": [run["accuracy"] for run in runs]}
    for field in FIELDS:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.log10([run[field] for run in runs]).mean(axis=0)
        table[field] = [[round(float(v), 2) if np.isfinite(v) else None for v in row] for row in mean]
    return table


def make(progress=tqdm):
    """Everything that is stored: the settings, the study, the long runs."""
    return {"settings": described(), "study": study(progress=progress), "long": long_runs()}


def described():
    """The settings and the remedies as plain JSON, to tell whether stored results are theirs."""
    return json.loads(json.dumps({**SETTINGS, "remedies": REMEDIES}, default=lambda kind: kind.__name__))


def load(path=PATH):
    """The stored results; where there are none, or they belong to other settings, they are made again and stored."""
    with contextlib.suppress(OSError, ValueError):
        stored = json.loads(path.read_text("utf-8"))
        if stored.get("settings") == described():
            return stored
    fresh = make()
    with contextlib.suppress(OSError):  # an installation that cannot be written to
        save(fresh, path)
    return fresh


def padded(results, field):
    """A field of the stored study as one array (remedies, depths, records, largest depth), NaN where no layer is."""
    depths = results["settings"]["depths"]
    rows = [[results["study"][remedy][str(depth)][field] for depth in depths] for remedy in results["study"]]
    table = np.full((len(rows), len(depths), len(rows[0][0]), max(depths)), np.nan)
    for i, j in np.ndindex(table.shape[:2]):
        table[i, j, :, : depths[j]] = np.array(rows[i][j], dtype=float)
    return table


def save(results, path=PATH):
    """Write results, one line for each network."""
    lines = [f'"settings": {json.dumps(results["settings"])}', f'"long": {json.dumps(results["long"])}']
    for remedy, table in results["study"].items():
        rows = ",\n".join(f'"{depth}": {json.dumps(row)}' for depth, row in table.items())
        lines.append(f'"{remedy}": {{\n{rows}}}')
    text = ",\n".join(lines[:2]) + ',\n"study": {\n' + ",\n".join(lines[2:]) + "}"
    path.write_text(f"{{{text}}}\n", "utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    save(make())
