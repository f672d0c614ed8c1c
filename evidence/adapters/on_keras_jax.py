"""Keras on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import shared_keras
from shared_keras import clips, gelus, norms, running  # noqa: F401


def pulled(function, x):
    """Value and gradient of a function of x that gives one number."""
    return [np.asarray(part) for part in jax.value_and_grad(function)(jnp.asarray(x))]


def dense(seed, activation, x, c):
    """Gradient in x through 50 `Dense`."""
    return shared_keras.dense(pulled, seed, activation, x, c)


def cells():
    """The three recurrent layers."""
    return shared_keras.cells(pulled)


def losses():
    """Cross-entropies."""
    return shared_keras.losses(pulled)


def products():
    """Keras's own multiplication."""
    return {"eager": lambda a, b: keras.ops.convert_to_numpy(keras.ops.multiply(a, b))}
