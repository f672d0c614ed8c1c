"""Small sigmoid networks trained side by side on the digits, to compare ways of starting them."""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

WIDTHS = (64, 64, 64, 10)
TRAIN = 1297  # the first images; the other 500 are for testing
OPTIMISERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}


class Trial(NamedTuple):
    """What `sigmoid_trial` measured, one number for each network: arrays of shape (networks,).

    gradient   length of the loss's gradient by the first layer's weights, before the first step
    beyond     share of hidden pre-activations with |z| > 6, where σ′ is below 1 % of its maximum, before the first step
    accuracy   share of the test images that are put right after training; (marks, networks) where `steps` were several
    """

    gradient: np.ndarray
    beyond: np.ndarray
    accuracy: np.ndarray


def digits():
    """Training and test images and labels, x (n, 64), y (n,): scikit-learn's digits, centred and scaled as one.

    The one mean and the one deviation are those of the training images.
    """
    x, y = load_digits(return_X_y=True)
    x = (x - x[:TRAIN].mean()) / x[:TRAIN].std()
    x, y = torch.tensor(x), torch.tensor(y)
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def start(gain=1.0, bias=0.0, networks=5, seed=0):
    """Parameters [W_1, b_1, W_2, b_2, W_3, b_3], float64, W_l (networks, n_in, n_out) and b_l (networks, 1, n_out).

    Weights are normal of deviation gain/√n_in and biases equal to `bias` in the hidden layers; in the last they
    have gain 1 and bias 0. The same seed gives the same weights, whatever their gain.
    """
    generator, parameters = torch.Generator().manual_seed(seed), []
    for n_in, n_out in itertools.pairwise(WIDTHS):
        g, b = (1.0, 0.0) if n_out == WIDTHS[-1] else (gain, bias)
        W = torch.randn(networks, n_in, n_out, generator=generator, dtype=torch.float64)
        parameters += [g / n_in**0.5 * W, torch.full((networks, 1, n_out), b, dtype=torch.float64)]
    return [parameter.requires_grad_() for parameter in parameters]


def forward(parameters, x):
    """Pre-activations z_1, z_2 and logits z_3 of all networks for x (batch, 64): (networks, batch, n_l)."""
    h, z = x, []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        z.append(h @ W + b)
        h = torch.sigmoid(z[-1])
    return z


def sigmoid_trial(gain=1.0, bias=0.0, networks=5, steps=100, seed=0, optimiser="SGD"):
    """Start 64–64–64–10 sigmoid networks with hidden weights of `gain` and hidden biases `bias`, train them: a Trial.

    Softmax and cross-entropy on batches of 100 images, the same for all networks; `optimiser` is "SGD" (learning
    rate 0.1, momentum 0.9) or "Adam" (0.01). Each network learns for itself: they only share the arrays. `steps` is
    a number, or several in rising order, after each of which accuracy is measured.
    """
    x, y, x_test, y_test = digits()
    parameters = start(gain, float(bias), networks, seed)
    if optimiser not in OPTIMISERS:
        raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, not {optimiser!r}.")
    optimiser = OPTIMISERS[optimiser](parameters)
    generator, accuracy = torch.Generator().manual_seed(seed + 1), []
    for step in range(np.max(steps)):
        batch = torch.randint(TRAIN, (100,), generator=generator)
        z = forward(parameters, x[batch])
        optimiser.zero_grad()
        loss = cross_entropy(z[-1].flatten(0, 1), y[batch].repeat(networks))  # mean over networks, too
        (networks * loss).backward()
        if step == 0:
            gradient = parameters[0].grad.flatten(1).norm(dim=1).numpy()
            beyond = (torch.cat(z[:2], dim=2).abs() > 6).double().mean(dim=(1, 2)).numpy()
        optimiser.step()
        if step + 1 in np.atleast_1d(steps):
            with torch.no_grad():
                right = forward(parameters, x_test)[-1].argmax(dim=2) == y_test
            accuracy.append(right.double().mean(dim=1).numpy())
    return Trial(gradient, beyond, np.reshape(accuracy, (*np.shape(steps), networks)))
