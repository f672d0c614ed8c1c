"""Flax's nnx."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def pulled(function, x, c):
    """The gradient of Σ c·function(x) in x."""
    return np.asarray(jax.grad(lambda x: (function(x) * c).sum())(jnp.asarray(x)))


def dense(seed, activation, x, c):
    """Gradient in x through 50 `nnx.Linear`."""
    rngs, width = nnx.Rngs(seed), x.shape[1]
    layers = [nnx.Linear(width, width, rngs=rngs) for _ in range(50)]

    def model(x):
        for layer in layers:
            x = getattr(nnx, activation)(layer(x))
        return x

    return pulled(model, x, c)


def cells():
    """The cells that take 64 inputs and have 64 units."""

    def of(kind):
        def run(seed, x, c):
            layer = nnx.RNN(kind(x.shape[2], c.shape[1], rngs=nnx.Rngs(seed)))
            return np.asarray(nnx.grad(lambda layer, x: (layer(x)[:, -1] * c).sum(), argnums=1)(layer, jnp.asarray(x)))

        return run

    return {
        "SimpleCell": of(nnx.SimpleCell),
        "LSTMCell": of(nnx.LSTMCell),
        "OptimizedLSTMCell": of(nnx.OptimizedLSTMCell),
        "GRUCell": of(nnx.GRUCell),
    }


def norms():
    """Layers as in training."""
    layer, rms = nnx.LayerNorm(8, rngs=nnx.Rngs(0)), nnx.RMSNorm(8, rngs=nnx.Rngs(0))
    batch = nnx.BatchNorm(8, use_running_average=False, rngs=nnx.Rngs(0))
    return {
        "nnx.LayerNorm": ("layer", lambda x: layer(jnp.asarray(x))),
        "nnx.RMSNorm": ("rms", lambda x: rms(jnp.asarray(x))),
        "nnx.BatchNorm": ("batch", lambda x: batch(jnp.asarray(x))),
    }


def running():
    """Running statistics of batch norm."""

    def run(batches, **setting):
        layer, after = nnx.BatchNorm(1, use_running_average=False, rngs=nnx.Rngs(0), **setting), []
        for x in batches:
            layer(jnp.asarray(x))
            after.append((float(layer.mean[...][0]), float(layer.var[...][0])))
        return after

    return {"nnx.BatchNorm": run}


def gelus():
    """Flax's name for it."""
    return {"nnx.gelu": lambda x: nnx.gelu(jnp.asarray(x))}
