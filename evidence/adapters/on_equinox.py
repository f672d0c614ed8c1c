"""Equinox."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

MISSING = {
    "losses": "takes optax's",
    "clips": "takes optax's",
    "gelus": "takes JAX's",
}


def pulled(function, x, c):
    """The gradient of Σ c·function(x) in x, for a function of one sample."""
    return np.asarray(jax.grad(lambda x: (jax.vmap(function)(x) * c).sum())(jnp.asarray(x)))


def dense(seed, activation, x, c):
    """Gradient in x through 50 `eqx.nn.Linear`."""
    width = x.shape[1]
    layers = [eqx.nn.Linear(width, width, key=key) for key in jax.random.split(jax.random.PRNGKey(seed), 50)]

    def model(x):
        for layer in layers:
            x = getattr(jax.nn, activation)(layer(x))
        return x

    return pulled(model, x, c)


def cells():
    """Both cells."""

    def of(kind, start):
        def run(seed, x, c):
            cell, units = kind(x.shape[2], c.shape[1], key=jax.random.PRNGKey(seed)), c.shape[1]

            def last(x):
                state, _ = jax.lax.scan(lambda state, x: (cell(x, state), None), start(units), x)
                return state[0] if isinstance(state, tuple) else state

            return pulled(last, x, c)

        return run

    return {
        "LSTMCell": of(eqx.nn.LSTMCell, lambda units: (jnp.zeros(units), jnp.zeros(units))),
        "GRUCell": of(eqx.nn.GRUCell, jnp.zeros),
    }


def batch_norm(size, **setting):
    """A layer of batch norm as it comes, its state, and its call on a batch."""
    layer, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(size, axis_name="batch", **setting)
    return layer, state, jax.jit(jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None)))


def norms():
    """Layers as in training."""
    _, state, batch = batch_norm(8)
    return {
        "eqx.nn.LayerNorm": ("layer", jax.vmap(eqx.nn.LayerNorm(8))),
        "eqx.nn.RMSNorm": ("rms", jax.vmap(eqx.nn.RMSNorm(8))),
        "eqx.nn.BatchNorm": ("batch", lambda x: batch(jnp.asarray(x), state)[0]),
    }


def running():
    """Running statistics of batch norm, as its state holds them."""

    def run(batches, **setting):
        layer, state, step = batch_norm(1, **setting)
        after = []
        for x in batches:
            _, state = step(jnp.asarray(x), state)
            after.append(tuple(float(part[0]) for part in state.get(layer.ema_state_index)))
        return after

    return {"eqx.nn.BatchNorm": run}
