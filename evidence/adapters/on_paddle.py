"""PaddlePaddle."""

import paddle
from paddle import nn


def pulled(function, x, c):
    """The gradient of Σ c·function(x) in x."""
    x = paddle.to_tensor(x, stop_gradient=False)
    (function(x) * paddle.to_tensor(c)).sum().backward()
    return x.grad.numpy()


def dense(seed, activation, x, c):
    """Gradient in x through 50 `nn.Linear`."""
    paddle.seed(seed)
    layers, width = [], x.shape[1]
    for _ in range(50):
        layers += [nn.Linear(width, width), {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]()]
    return pulled(nn.Sequential(*layers), x, c)


def cells():
    """The three recurrent layers."""

    def of(kind):
        def run(seed, x, c):
            paddle.seed(seed)
            layer = kind(x.shape[2], c.shape[1])
            return pulled(lambda x: layer(x)[0][:, -1], x, c)

        return run

    return {"SimpleRNN": of(nn.SimpleRNN), "LSTM": of(nn.LSTM), "GRU": of(nn.GRU)}


def products():
    """Eager."""
    return {"eager": lambda a, b: (paddle.to_tensor(a) * paddle.to_tensor(b)).numpy()}


def losses():
    """Both cross-entropies."""

    def of(loss):
        def run(z, y):
            z = paddle.to_tensor(z, stop_gradient=False)
            value = loss(z, paddle.to_tensor(y))
            value.backward()
            return value.numpy(), z.grad.numpy()

        return run

    return {
        "nn.BCELoss": ("probabilities", of(lambda z, y: nn.BCELoss()(nn.functional.sigmoid(z), y))),
        "nn.BCEWithLogitsLoss": ("logits", of(nn.BCEWithLogitsLoss())),
    }


def clips():
    """The function, and what the two classes do to an optimiser's step of length one from weights of zero."""

    def weight(entries):
        return paddle.create_parameter([len(entries)], "float32", default_initializer=nn.initializer.Constant(0.0))

    def function(entries, limit):
        w = weight(entries)
        (w * paddle.to_tensor(entries)).sum().backward()
        nn.utils.clip_grad_norm_([w], limit)
        return w.grad.numpy()

    def of(kind):
        def run(entries, limit):
            w = weight(entries)
            (w * paddle.to_tensor(entries)).sum().backward()
            paddle.optimizer.SGD(1.0, parameters=[w], grad_clip=kind(limit)).step()
            return -w.numpy()

        return run

    return {
        "nn.utils.clip_grad_norm_": function,
        "nn.ClipGradByNorm": of(nn.ClipGradByNorm),
        "nn.ClipGradByGlobalNorm": of(nn.ClipGradByGlobalNorm),
    }


def norms():
    """Layers in training mode."""

    def of(layer):
        return lambda x: layer(paddle.to_tensor(x)).numpy()

    return {"nn.LayerNorm": ("layer", of(nn.LayerNorm(8))), "nn.BatchNorm1D": ("batch", of(nn.BatchNorm1D(8)))}


def running():
    """Running statistics of batch norm."""

    def run(batches, **setting):
        layer, after = nn.BatchNorm1D(1, **setting), []
        for x in batches:
            layer(paddle.to_tensor(x))
            after.append((layer._mean.item(), layer._variance.item()))
        return after

    return {"nn.BatchNorm1D": run}


def gelus():
    """Every spelling."""
    return {
        "nn.GELU": lambda x: nn.GELU()(paddle.to_tensor(x)).numpy(),
        "nn.functional.gelu": lambda x: nn.functional.gelu(paddle.to_tensor(x)).numpy(),
    }
