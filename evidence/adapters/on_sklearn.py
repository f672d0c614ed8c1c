"""scikit-learn's MLP: its weights, with the gradient taken here, since it hands out none."""

import warnings

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPRegressor

MISSING = {"cells": "has none", "clips": "has none", "norms": "has none", "gelus": "has none"}
NOTHING = 1e-30  # a learning rate at which no weight moves in float32


def dense(seed, activation, x, c):
    """Gradient in x through the 50 hidden layers of an `MLPRegressor`."""
    how = {"hidden_layer_sizes": [x.shape[1]] * 50, "activation": activation, "random_state": seed}
    model = MLPRegressor(**how, solver="sgd", learning_rate_init=NOTHING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(x, np.zeros(len(x), dtype=np.float32))
    layers, kept = list(zip(model.coefs_, model.intercepts_, strict=True))[:-1], []
    for W, b in layers:
        x = x @ W + b
        x = np.maximum(x, 0) if activation == "relu" else np.tanh(x)
        kept.append(x)
    for (W, _), out in zip(reversed(layers), reversed(kept), strict=True):
        c = (c * (out > 0 if activation == "relu" else 1 - out**2)) @ W.T
    return c


def losses():
    """The metric, which has no gradient."""

    def run(z, y):
        p = (1 / (1 + np.exp(-z))).ravel()
        return log_loss(y.ravel().astype(int), np.stack([1 - p, p], axis=1), labels=[0, 1]), None

    return {"metrics.log_loss": ("probabilities", run)}
