"""Keras's defaults, whatever it runs on; `pulled` of a backend takes gradients."""

import keras
import numpy as np
from keras import layers


def dense(pulled, seed, activation, x, c):
    """Gradient in x through 50 `Dense`."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([layers.Dense(x.shape[1], activation=activation) for _ in range(50)])
    model.build(x.shape)
    return pulled(lambda x: keras.ops.sum(model(x) * c), x)[1]


def cells(pulled):
    """The three recurrent layers, and the LSTM without its bias of one at the forget gate."""

    def of(kind):
        def run(seed, x, c):
            keras.utils.set_random_seed(seed)
            layer = kind(c.shape[1])
            layer.build(x.shape)
            return pulled(lambda x: keras.ops.sum(layer(x) * c), x)[1]

        return run

    return {
        "SimpleRNN": of(layers.SimpleRNN),
        "LSTM": of(layers.LSTM),
        "LSTM(unit_forget_bias=False)": of(lambda units: layers.LSTM(units, unit_forget_bias=False)),
        "GRU": of(layers.GRU),
    }


def losses(pulled):
    """From a sigmoid layer right before the loss, from one with a reshape between, and from logits."""
    loss, logits = keras.losses.BinaryCrossentropy(), keras.losses.BinaryCrossentropy(from_logits=True)
    sigmoid, reshape = layers.Activation("sigmoid"), layers.Reshape((1,))
    return {
        "BinaryCrossentropy": ("probabilities", lambda z, y: pulled(lambda z: loss(y, sigmoid(z)), z)),
        "BinaryCrossentropy, a Reshape between": (
            "probabilities",
            lambda z, y: pulled(lambda z: loss(y, reshape(sigmoid(z))), z),
        ),
        "BinaryCrossentropy(from_logits=True)": ("logits", lambda z, y: pulled(lambda z: logits(y, z), z)),
    }


def clips():
    """What an optimiser's step of length one does to weights of zero."""

    def of(**how):
        def run(entries, limit):
            weight = keras.Variable(np.zeros(len(entries), dtype=np.float32))
            optimizer = keras.optimizers.SGD(learning_rate=1.0, **dict.fromkeys(how, limit))
            optimizer.apply([keras.ops.convert_to_tensor(entries)], [weight])
            return -np.asarray(keras.ops.convert_to_numpy(weight.value))

        return run

    return {"clipnorm": of(clipnorm=True), "global_clipnorm": of(global_clipnorm=True)}


def norms():
    """Layers in training mode."""

    def of(layer):
        return lambda x: keras.ops.convert_to_numpy(layer(x, training=True))

    return {
        "LayerNormalization": ("layer", lambda x: keras.ops.convert_to_numpy(layers.LayerNormalization()(x))),
        "RMSNormalization": ("rms", lambda x: keras.ops.convert_to_numpy(layers.RMSNormalization()(x))),
        "BatchNormalization": ("batch", of(layers.BatchNormalization())),
    }


def running():
    """Running statistics of batch norm."""

    def run(batches, **setting):
        layer, after = layers.BatchNormalization(**setting), []
        for x in batches:
            layer(x, training=True)
            both = (layer.moving_mean, layer.moving_variance)
            after.append(tuple(float(keras.ops.convert_to_numpy(value)[0]) for value in both))
        return after

    return {"BatchNormalization": run}


def gelus():
    """Every spelling."""
    return {
        'Activation("gelu")': lambda x: keras.ops.convert_to_numpy(layers.Activation("gelu")(x)),
        "activations.gelu": lambda x: keras.ops.convert_to_numpy(keras.activations.gelu(keras.ops.array(x))),
        "ops.gelu": lambda x: keras.ops.convert_to_numpy(keras.ops.gelu(x)),
    }
