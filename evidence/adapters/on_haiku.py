"""Haiku."""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

MISSING = {
    "losses": "takes optax's",
    "clips": "takes optax's",
    "gelus": "takes JAX's",
}
DECAY = 0.9  # of batch norm, which has no default for it


def pulled(function, seed, x, c):
    """The gradient of Σ c·function(x) in x, where the function makes its modules itself."""
    model = hk.without_apply_rng(hk.transform(function))
    parameters = model.init(jax.random.PRNGKey(seed), x)
    return np.asarray(jax.grad(lambda x: (model.apply(parameters, x) * c).sum())(jnp.asarray(x)))


def dense(seed, activation, x, c):
    """Gradient in x through 50 `hk.Linear`."""

    def model(x):
        for _ in range(50):
            x = getattr(jax.nn, activation)(hk.Linear(x.shape[1])(x))
        return x

    return pulled(model, seed, x, c)


def cells():
    """The cores with one array or a pair as their state."""

    def of(kind):
        def run(seed, x, c):
            def model(x):
                core = kind(c.shape[1])
                return hk.dynamic_unroll(core, x, core.initial_state(len(x)), time_major=False)[0][:, -1]

            return pulled(model, seed, x, c)

        return run

    return {"VanillaRNN": of(hk.VanillaRNN), "LSTM": of(hk.LSTM), "GRU": of(hk.GRU)}


def applied(function, x):
    """What a function that makes its modules itself gives."""
    model = hk.without_apply_rng(hk.transform_with_state(function))
    return model.apply(*model.init(jax.random.PRNGKey(0), x), x)[0]


def norms():
    """Layers as in training."""
    return {
        "hk.LayerNorm": ("layer", lambda x: applied(lambda x: hk.LayerNorm(-1, True, True)(x), jnp.asarray(x))),
        "hk.RMSNorm": ("rms", lambda x: applied(lambda x: hk.RMSNorm(-1)(x), jnp.asarray(x))),
        "hk.BatchNorm": (
            "batch",
            lambda x: applied(lambda x: hk.BatchNorm(True, True, DECAY)(x, is_training=True), jnp.asarray(x)),
        ),
    }


def running():
    """Running statistics of batch norm; the averages in its state have no bias towards where they began."""

    def run(batches, momentum=DECAY):
        model = hk.transform_with_state(lambda x: hk.BatchNorm(True, True, momentum)(x, is_training=True))
        parameters, state = model.init(None, batches[0])
        step, after = jax.jit(model.apply), []
        for x in batches:
            _, state = step(parameters, state, None, x)
            mean, variance = (state[f"batch_norm/~/{key}_ema"]["average"] for key in ("mean", "var"))
            after.append((float(mean.ravel()[0]), float(variance.ravel()[0])))
        return after

    return {"hk.BatchNorm": run}
