"""Keras on TensorFlow, and where TensorFlow has a function of its own, that."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import shared_keras
import tensorflow as tf
from shared_keras import norms, running  # noqa: F401


def pulled(function, x):
    """Value and gradient of a function of x that gives one number."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return value.numpy(), tape.gradient(value, x).numpy()


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
    """Keras's own multiplication, TensorFlow's, and TensorFlow's in a graph."""
    graph = tf.function(tf.multiply)
    return {
        "eager": lambda a, b: keras.ops.convert_to_numpy(keras.ops.multiply(a, b)),
        "tf.multiply": lambda a, b: tf.multiply(tf.constant(a), tf.constant(b)).numpy(),
        "tf.function": lambda a, b: graph(tf.constant(a), tf.constant(b)).numpy(),
    }


def clips():
    """Keras's two, and TensorFlow's two."""

    def together(entries, limit):
        [clipped], _ = tf.clip_by_global_norm([tf.constant(entries)], limit)
        return clipped.numpy()

    return shared_keras.clips() | {
        "tf.clip_by_norm": lambda entries, limit: tf.clip_by_norm(tf.constant(entries), limit).numpy(),
        "tf.clip_by_global_norm": together,
    }


def gelus():
    """Keras's, and TensorFlow's."""
    return shared_keras.gelus() | {"tf.nn.gelu": lambda x: tf.nn.gelu(tf.constant(x)).numpy()}
