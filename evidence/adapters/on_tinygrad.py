"""tinygrad, which compiles each kernel with a program on the machine."""

from tinygrad import Context, Tensor, nn

MISSING = {"clips": "has none"}


def pulled(function, x, c):
    """The gradient of Σ c·function(x) in x."""
    x = Tensor(x)
    return (function(x) * Tensor(c)).sum().gradient(x)[0].numpy()


def dense(seed, activation, x, c):
    """Gradient in x through 50 `nn.Linear`."""
    Tensor.manual_seed(seed)
    layers, width = [], x.shape[1]
    for _ in range(50):
        layers += [drawn(nn.Linear(width, width)), getattr(Tensor, activation)]
    return pulled(lambda x: x.sequential(layers), x, c)


def drawn(layer):
    """A layer whose parameters are numbers, and no longer the formula that draws them."""
    Tensor.realize(*nn.state.get_parameters(layer))
    return layer


def cells():
    """The one cell it has, step by step there and back: one graph of all steps takes minutes to schedule."""

    def run(seed, x, c):
        Tensor.manual_seed(seed)
        cell, zero = drawn(nn.LSTMCell(x.shape[2], c.shape[1])), Tensor.zeros(len(x), c.shape[1]).contiguous().realize()
        inputs = [Tensor(x[:, k].copy()) for k in range(x.shape[1])]
        states = [(zero, Tensor.zeros_like(zero).contiguous().realize())]
        for x_k in inputs:
            h, s = cell(x_k, states[-1])
            Tensor.realize(h, s)
            states.append((h, s))
        back = (Tensor(c), zero)
        for x_k, state in zip(reversed(inputs), reversed(states[:-1]), strict=True):
            h, s = cell(x_k, state)
            heard, *back = (h * back[0] + s * back[1]).sum().gradient(x_k, *state)
            Tensor.realize(heard, *back)
        return heard.numpy()[:, None]

    return {"LSTMCell": run}


def products():
    """Computed at once."""
    return {"eager": lambda a, b: (Tensor(a) * Tensor(b)).numpy()}


def losses():
    """Both cross-entropies."""

    def of(loss):
        def run(z, y):
            z = Tensor(z)
            value = loss(z, Tensor(y))
            return value.numpy(), value.gradient(z)[0].numpy()

        return run

    return {
        "Tensor.binary_crossentropy": ("probabilities", of(lambda z, y: z.sigmoid().binary_crossentropy(y))),
        "Tensor.binary_crossentropy_logits": ("logits", of(lambda z, y: z.binary_crossentropy_logits(y))),
    }


def norms():
    """Layers in training mode."""

    def of(layer):
        def run(x):
            with Context(TRAINING=1):
                return layer(Tensor(x)).numpy()

        return run

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
            with Context(TRAINING=1):
                layer(Tensor(x)).realize()
            after.append((layer.running_mean.item(), layer.running_var.item()))
        return after

    return {"nn.BatchNorm": run}


def gelus():
    """Its own."""
    return {"Tensor.gelu": lambda x: Tensor(x).gelu().numpy()}
