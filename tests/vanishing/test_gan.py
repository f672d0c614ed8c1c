"""Toy GANs against torch's own layers, losses and optimisers, finite differences, and pairs that play alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from vanishing.gan import (
    KINDS,
    LOSSES,
    SPREAD,
    TARGET,
    GANs,
    Report,
    layer_signal,
    listen,
    logit_gradient,
    outcomes,
    play,
    pretrain,
)

UNITS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "ReLU": nn.ReLU}


def network(parameters, unit, pair=0):
    """The same layers as an nn.Sequential of one pair."""
    layers = []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        linear = nn.Linear(*W.shape[1:]).double()
        linear.weight.data, linear.bias.data = W[pair].detach().mT.clone(), b[pair, 0].detach().clone()
        layers += [linear, unit()]
    return nn.Sequential(*layers[:-1])


def draws(seed, stream, batch=16):
    """What the pair with this seed is given in its first step."""
    generator = torch.Generator().manual_seed(2 * seed + stream)
    return torch.randn(3, batch, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("activation", UNITS)
def test_plain_networks_are_torchs(activation):
    gans = GANs([4, 5], layers=3, activation=activation)
    x = torch.randn(2, 7, 2, dtype=torch.float64)
    for pair in (0, 1):
        torch.testing.assert_close(gans.logits(x)[pair], network(gans.critic, UNITS[activation], pair)(x[pair])[:, 0])
        torch.testing.assert_close(gans.generate(x)[pair], network(gans.generator, nn.ReLU, pair)(x[pair]))


def test_residual_blocks_add_a_scaled_branch_from_the_second_layer_on():
    gans = GANs([1], "residual", layers=3, activation="sigmoid")
    x = torch.randn(1, 5, 2, dtype=torch.float64)
    W, b = gans.critic[::2], gans.critic[1::2]
    h = torch.sigmoid(x @ W[0] + b[0])
    for k in (1, 2):
        h = h + torch.sigmoid(h @ W[k] + b[k]) / 3**0.5
    torch.testing.assert_close(gans.logits(x), (h @ W[3] + b[3])[..., 0])


def test_spectral_critics_divide_by_the_norm_and_learn_through_it():
    gans = GANs([1, 2], ["spectral", "plain"], layers=2)
    for _ in range(500):
        gans.power_round()
    x = torch.randn(2, 5, 2, dtype=torch.float64)
    logits = gans.logits(x)
    by_power = torch.autograd.grad(logits.sum(), gans.critic)
    h, norms = x, [torch.linalg.matrix_norm(W, 2) for W in gans.critic[::2]]
    for k, norm in enumerate(norms):
        used = gans.critic[2 * k] / torch.stack([norm[0], torch.ones_like(norm[1])])[:, None, None]
        h = h @ used + gans.critic[2 * k + 1]
        h = torch.tanh(h) if k < 2 else h
    torch.testing.assert_close(logits, h[..., 0])
    for ours, judge in zip(by_power, torch.autograd.grad(h.sum(), gans.critic), strict=True):
        torch.testing.assert_close(ours, judge)
    assert logit_gradient(gans, 3 * x)[1][0].norm(dim=1).max() <= 1 + 1e-9


def test_one_round_a_step_keeps_a_training_critic_near_norm_one():
    gans = pretrain(GANs([0, 1], "spectral"), 100)
    with torch.no_grad():
        norms = [torch.linalg.matrix_norm(W, 2) for W in gans._effective()]
    assert torch.stack(norms).min() > 0.99
    assert torch.stack(norms).max() < 1.05


def test_losses_are_cross_entropies():
    a = torch.linspace(-30, 30, 13, dtype=torch.float64)
    for loss, target, sign in (("saturating", 0.0, -1), ("non-saturating", 1.0, 1)):
        judge = sign * binary_cross_entropy_with_logits(a, torch.full_like(a, target), reduction="none")
        torch.testing.assert_close(LOSSES[loss](a), judge)


def test_a_critic_step_is_torchs():
    gans = GANs([3])
    judge, generator = network(gans.critic, nn.Tanh), network(gans.generator, nn.ReLU)
    real, noise, _ = draws(3, 0)
    adam = torch.optim.Adam(judge.parameters(), lr=0.005, betas=(0.5, 0.999))
    a = judge(torch.cat([TARGET + SPREAD * real, generator(noise).detach()]))[:, 0]
    (2 * binary_cross_entropy_with_logits(a, torch.tensor([1.0] * 16 + [0.0] * 16).double())).backward()
    adam.step()
    pretrain(gans, 1)
    torch.testing.assert_close(gans.critic[0][0], judge[0].weight.mT.detach(), check_stride=False)
    torch.testing.assert_close(gans.critic[5][0, 0], judge[4].bias.detach())


@pytest.mark.parametrize(("optimiser", "make"), [("SGD", torch.optim.SGD), ("Adam", torch.optim.Adam)])
def test_a_generator_step_is_torchs(optimiser, make):
    lr = {"SGD": 0.02, "Adam": 0.003}[optimiser]
    gans = GANs([3, 3])
    judges = [network(gans.generator, nn.ReLU) for _ in range(2)]
    assert list(play(gans, ["saturating", "non-saturating"], optimiser, steps=1)) == [1]
    critic, noise = network(gans.critic, nn.Tanh), draws(3, 1)[2]  # the generator moves after the critic has
    for pair, judge in enumerate(judges):
        D = torch.sigmoid(critic(judge(noise)))
        loss = torch.log(1 - D).mean() if pair == 0 else -torch.log(D).mean()
        loss.backward()
        make(judge.parameters(), lr=lr).step()
        torch.testing.assert_close(gans.generator[2][pair], judge[2].weight.mT.detach(), check_stride=False)


def test_pairs_side_by_side_play_as_they_would_alone():
    kinds = list(KINDS)
    together = GANs([0, 1, 0, 1], kinds, layers=3)
    losses = ["saturating", "non-saturating"] * 2
    for _ in play(pretrain(together, 5), losses, steps=5):
        pass
    for k, kind in enumerate(kinds):
        alone = GANs([k % 2], kind, layers=3)
        for _ in play(pretrain(alone, 5), losses[k], steps=5):
            pass
        for ours, judge in zip(together.generator + together.critic, alone.generator + alone.critic, strict=True):
            torch.testing.assert_close(ours[k], judge[0])


def test_joined_pairs_are_copies():
    gans = pretrain(GANs([0, 1], "spectral"), 3)
    x = torch.randn(2, 4, 2, dtype=torch.float64)
    logits = gans.logits(x).detach()
    both = GANs.join([gans, gans])
    assert (both.seeds, both.kinds) == ([0, 1] * 2, ["spectral"] * 4)
    torch.testing.assert_close(both.logits(torch.cat([x, x])), torch.cat([logits, logits]))
    for _ in play(pretrain(both, 2), "saturating", steps=2):
        pass
    assert not torch.allclose(both.logits(torch.cat([x, x]))[:2], logits)
    torch.testing.assert_close(gans.logits(x), logits, rtol=0, atol=0)


def test_a_report_is_what_finite_differences_and_counting_say():
    gans = pretrain(GANs([0, 1]), 150)
    report, x = listen(gans), gans.fakes()
    a, slope = logit_gradient(gans, x)
    shift, h = torch.zeros(2, dtype=torch.float64), 1e-6
    for axis in (0, 1):
        step = shift.clone()
        step[axis] = h
        central = (gans.logits(x + step) - gans.logits(x - step)).detach() / (2 * h)
        torch.testing.assert_close(slope[..., axis], central, rtol=1e-5, atol=1e-7)
    D = 1 / (1 + np.exp(-a.numpy()))
    length = np.hypot(*np.moveaxis(slope.numpy(), -1, 0))
    np.testing.assert_allclose(report.D, D.mean(1))
    np.testing.assert_allclose(report.logit, a.mean(1))
    np.testing.assert_allclose(report.slope, length.mean(1))
    np.testing.assert_allclose(report.signal["saturating"], (D * length).mean(1))
    np.testing.assert_allclose(report.signal["non-saturating"], ((1 - D) * length).mean(1))
    np.testing.assert_allclose(report.centre, x.numpy().mean(1))
    np.testing.assert_allclose(report.distance, np.linalg.norm(x.numpy().mean(1) - TARGET, axis=1))
    np.testing.assert_allclose(report.spread, x.numpy().std(1, ddof=1).mean(1))
    assert (report.accuracy > 0.95).all()
    assert (report.signal["saturating"] < 0.1 * report.signal["non-saturating"]).all()
    assert listen(gans).D.tolist() == report.D.tolist()  # listening changes nothing


def test_an_untrained_critic_is_right_half_of_the_time():
    assert abs(listen(GANs(range(30))).accuracy.mean() - 0.5) < 0.1


def test_outcomes():
    def at(*centres):
        centre = np.array(centres)
        numbers = [np.zeros(len(centre))] * 5
        return Report(centre, np.linalg.norm(centre - TARGET, axis=1), *numbers, {})

    before = at((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    after = at((3.5, 2.5), (0.2, -0.2), (2.0, 1.0), (-9.0, 0.0))
    assert outcomes(before, after).tolist() == ["arrived", "stalled", "elsewhere", "elsewhere"]


def test_layer_signal_runs_from_the_sample_to_the_last_layer():
    gans = pretrain(GANs([0, 1, 2, 3], list(KINDS), layers=4, activation="sigmoid"), 20)
    lengths = layer_signal(gans)
    assert lengths.shape == (4, 5)
    np.testing.assert_allclose(lengths[:, 0], listen(gans).slope)
    with torch.no_grad():
        last = gans._effective()[-1].norm(dim=(1, 2))
    np.testing.assert_allclose(lengths[:, -1], last)


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="'cubic' is none of plain, spectral"):
        GANs([0], "cubic")
    with pytest.raises(ValueError, match="'step' is none of tanh"):
        GANs([0], activation="step")
    with pytest.raises(ValueError, match="2 seeds need as many kinds, not 1"):
        GANs([0, 1], ["plain"])
    with pytest.raises(ValueError, match="'hinge' is none of saturating"):
        next(play(GANs([0]), "hinge"))
    with pytest.raises(ValueError, match="'LBFGS' is none of SGD"):
        next(play(GANs([0]), "saturating", "LBFGS"))
