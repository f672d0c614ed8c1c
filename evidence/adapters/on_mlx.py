"""MLX on a processor."""

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers
import numpy as np


def pulled(function, x, c):
    """The gradient of Σ c·function(x) in x."""
    c = mx.array(c)
    return np.array(mx.grad(lambda x: (function(x) * c).sum())(mx.array(x)))


def dense(seed, activation, x, c):
    """Gradient in x through 50 `nn.Linear`."""
    mx.random.seed(seed)
    layers, width = [], x.shape[1]
    for _ in range(50):
        layers += [nn.Linear(width, width), {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]()]
    return pulled(nn.Sequential(*layers), x, c)


def cells():
    """The three recurrent layers."""

    def of(kind):
        def run(seed, x, c):
            mx.random.seed(seed)
            layer = kind(x.shape[2], c.shape[1])

            def last(x):
                out = layer(x)
                return (out[0] if isinstance(out, tuple) else out)[:, -1]

            return pulled(last, x, c)

        return run

    return {"RNN": of(nn.RNN), "LSTM": of(nn.LSTM), "GRU": of(nn.GRU)}


def products():
    """Eager and compiled."""
    compiled = mx.compile(lambda a, b: a * b)
    return {
        "eager": lambda a, b: np.array(mx.array(a) * mx.array(b)),
        "compile": lambda a, b: np.array(compiled(mx.array(a), mx.array(b))),
    }


def losses():
    """The one function, told what it gets."""

    def of(logits):
        def run(z, y):
            def loss(z):
                given = z if logits else mx.sigmoid(z)
                return nn.losses.binary_cross_entropy(given, mx.array(y), with_logits=logits, reduction="mean")

            value, gradient = mx.value_and_grad(loss)(mx.array(z))
            return np.array(value), np.array(gradient)

        return run

    return {
        "losses.binary_cross_entropy(with_logits=False)": ("probabilities", of(False)),
        "losses.binary_cross_entropy": ("logits", of(True)),
    }


def clips():
    """By the norm of all gradients together."""

    def run(entries, limit):
        return np.array(mlx.optimizers.clip_grad_norm({"weight": mx.array(entries)}, limit)[0]["weight"])

    return {"optimizers.clip_grad_norm": run}


def norms():
    """Layers in training mode."""

    def of(layer):
        return lambda x: np.array(layer(mx.array(x)))

    return {
        "nn.LayerNorm": ("layer", of(nn.LayerNorm(8))),
        "nn.RMSNorm": ("rms", of(nn.RMSNorm(8))),
        "nn.BatchNorm": ("batch", of(nn.BatchNorm(8))),
    }


def running():
    """Running statistics of batch norm."""

    def run(batches, **setting):
        layer, after = nn.BatchNorm(1, **setting), []
        for x in batches:
            layer(mx.array(x))
            after.append((layer.running_mean.item(), layer.running_var.item()))
        return after

    return {"nn.BatchNorm": run}


def gelus():
    """Every spelling."""
    return {"nn.gelu": lambda x: np.array(nn.gelu(mx.array(x))), "nn.GELU": lambda x: np.array(nn.GELU()(mx.array(x)))}
