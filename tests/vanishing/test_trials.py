"""Networks side by side against the same networks one by one, in torch.nn."""

import numpy as np
import pytest
import torch
from torch import nn

from vanishing.trials import TRAIN, digits, sigmoid_trial, start


def alone(parameters, k):
    """The k-th of the networks as a torch module."""
    layers = []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        layer = nn.Linear(*W.shape[1:], dtype=torch.float64)
        layer.weight.data, layer.bias.data = W[k].detach().T.clone(), b[k, 0].detach().clone()
        layers += [layer, nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize(("gain", "bias"), [(1, 0), (4, 0), (1, 3)])
def test_each_network_learns_as_if_it_were_alone(gain, bias):
    x, y, x_test, y_test = digits()
    trial = sigmoid_trial(gain, bias, networks=2, steps=4)
    for k in range(2):
        net = alone(start(gain, bias, networks=2), k)
        optimiser, generator = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), torch.Generator().manual_seed(1)
        for step in range(4):
            batch = torch.randint(TRAIN, (100,), generator=generator)
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            if step == 0:
                np.testing.assert_allclose(trial.gradient[k], net[0].weight.grad.norm(), rtol=1e-10)
                z1 = net[0](x[batch])
                z = torch.cat([z1, net[2](torch.sigmoid(z1))], dim=1)
                assert trial.beyond[k] == pytest.approx((z.abs() > 6).double().mean().item())
            optimiser.step()
        assert trial.accuracy[k] == pytest.approx((net(x_test).argmax(1) == y_test).double().mean().item())


def test_digits_are_split_before_they_are_scaled():
    x, y, x_test, y_test = digits()
    assert (len(x), len(y), len(x_test), len(y_test)) == (1297, 1297, 500, 500)
    assert abs(x.mean()) < 1e-12
    assert x.std(correction=0) == pytest.approx(1)
    assert abs(x_test.mean()) > 1e-4


def test_gain_and_bias_are_the_hidden_layers():
    W1, b1, _, b2, W3, b3 = (p.detach() for p in start(gain=3, bias=2.0))
    assert float(W1.std()) == pytest.approx(3 / 8, rel=0.02)
    assert float(W3.std()) == pytest.approx(1 / 8, rel=0.05)
    assert (b1 == 2).all()
    assert (b2 == 2).all()
    assert (b3 == 0).all()


def test_accuracy_is_measured_on_the_way_and_adam_is_torchs():
    both = sigmoid_trial(1, 5, networks=2, steps=(2, 5), optimiser="Adam")
    assert both.accuracy.shape == (2, 2)
    np.testing.assert_array_equal(both.accuracy[1], sigmoid_trial(1, 5, networks=2, steps=5, optimiser="Adam").accuracy)
    x, y, x_test, y_test = digits()
    net = alone(start(1, 5.0, networks=2), 1)
    optimiser, generator = torch.optim.Adam(net.parameters(), lr=0.01), torch.Generator().manual_seed(1)
    for _ in range(5):
        batch = torch.randint(TRAIN, (100,), generator=generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimiser.step()
    assert both.accuracy[1, 1] == pytest.approx((net(x_test).argmax(1) == y_test).double().mean().item(), abs=0.005)


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(ValueError, match="SGD, Adam, not 'Newton'"):
        sigmoid_trial(optimiser="Newton")
