"""PyTorch's defaults."""

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def dense(seed, activation, x, c):
    """Gradient in x through 50 `nn.Linear`."""
    torch.manual_seed(seed)
    width = x.shape[1]
    model = nn.Sequential(*[part for _ in range(50) for part in (nn.Linear(width, width), ACTIVATIONS[activation]())])
    return pulled(model, x, c)


def pulled(model, x, c):
    """The gradient of Σ c·model(x) in x."""
    x = torch.from_numpy(x).requires_grad_()
    return torch.autograd.grad((model(x) * torch.from_numpy(c)).sum(), x)[0].numpy()


def cells():
    """The three recurrent layers."""

    def of(kind):
        def run(seed, x, c):
            torch.manual_seed(seed)
            cell = kind(x.shape[2], c.shape[1], batch_first=True)
            return pulled(lambda x: cell(x)[0][:, -1], x, c)

        return run

    return {"RNN": of(nn.RNN), "LSTM": of(nn.LSTM), "GRU": of(nn.GRU)}


def products():
    """Eager only: compiling needs a compiler on the machine."""
    return {"eager": lambda a, b: (torch.from_numpy(a) * torch.from_numpy(b)).numpy()}


def losses():
    """Both cross-entropies."""

    def of(loss):
        def run(z, y):
            z = torch.from_numpy(z).requires_grad_()
            value = loss(z, torch.from_numpy(y))
            return value.detach().numpy(), torch.autograd.grad(value, z)[0].numpy()

        return run

    return {
        "nn.BCELoss": ("probabilities", of(lambda z, y: nn.BCELoss()(torch.sigmoid(z), y))),
        "nn.BCEWithLogitsLoss": ("logits", of(nn.BCEWithLogitsLoss())),
    }


def clips():
    """By the norm of all gradients together."""

    def run(entries, limit):
        weight = nn.Parameter(torch.zeros(len(entries)))
        weight.grad = torch.from_numpy(entries.copy())
        nn.utils.clip_grad_norm_([weight], limit)
        return weight.grad.numpy()

    return {"clip_grad_norm_": run}


def norms():
    """Layers in training mode."""

    def of(layer):
        return lambda x: layer(torch.from_numpy(x)).detach().numpy()

    return {
        "nn.LayerNorm": ("layer", of(nn.LayerNorm(8))),
        "nn.RMSNorm": ("rms", of(nn.RMSNorm(8))),
        "nn.BatchNorm1d": ("batch", of(nn.BatchNorm1d(8))),
    }


def running():
    """Running statistics of batch norm."""

    def run(batches, **setting):
        layer, after = nn.BatchNorm1d(1, **setting), []
        for x in batches:
            layer(torch.from_numpy(x))
            after.append((layer.running_mean.item(), layer.running_var.item()))
        return after

    return {"nn.BatchNorm1d": run}


def gelus():
    """Every spelling."""
    return {
        "nn.GELU": lambda x: nn.GELU()(torch.from_numpy(x)).numpy(),
        "functional.gelu": lambda x: F.gelu(torch.from_numpy(x)).numpy(),
    }
