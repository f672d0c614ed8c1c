"""JAX and optax: products, losses, clipping and GELU, which Flax, Haiku and Equinox share."""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def products():
    """Eager and compiled; the factors are arguments, so that the compiler cannot fold them."""
    jitted = jax.jit(lambda a, b: a * b)
    return {"eager": lambda a, b: np.asarray(jnp.asarray(a) * jnp.asarray(b)), "jit": lambda a, b: jitted(a, b)}


def losses():
    """Optax has one from logits; from probabilities one writes it oneself."""

    def run(z, y):
        loss, gradient = jax.value_and_grad(lambda z: optax.sigmoid_binary_cross_entropy(z, y).mean())(jnp.asarray(z))
        return np.asarray(loss), np.asarray(gradient)

    return {"optax.sigmoid_binary_cross_entropy": ("logits", run)}


def clips():
    """By the norm of all gradients together."""

    def run(entries, limit):
        clip = optax.clip_by_global_norm(limit)
        return np.asarray(clip.update(jnp.asarray(entries), clip.init(jnp.asarray(entries)))[0])

    return {"optax.clip_by_global_norm": run}


def gelus():
    """JAX's own."""
    return {"jax.nn.gelu": lambda x: np.asarray(jax.nn.gelu(jnp.asarray(x)))}
