"""Maps, against closed forms, finite differences, quadrature and SciPy; networks against torch.nn, one by one."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import spearmanr
from torch import nn

from vanishing import attribution as at
from vanishing.trials import TRAIN

GENERATOR = torch.Generator().manual_seed(0)
A = torch.randn(5, 4, generator=GENERATOR, dtype=torch.float64)
V = torch.randn(5, generator=GENERATOR, dtype=torch.float64)
X = torch.randn(3, 4, generator=GENERATOR, dtype=torch.float64)
B = torch.randn(4, generator=GENERATOR, dtype=torch.float64)


def score(x):
    return torch.tanh(x @ A.T) @ V + x.prod(dim=-1)


def two(x):
    return 4 * torch.tanh(3 * x[..., 0]) + x[..., 1]


def test_saliency_agrees_with_central_differences():
    step = 1e-6 * torch.eye(4, dtype=torch.float64)
    by_hand = torch.stack([(score(X + e) - score(X - e)) / 2e-6 for e in step], dim=-1)
    np.testing.assert_allclose(at.saliency(score, X), by_hand, rtol=1e-7, atol=1e-9)


def test_saliency_takes_one_input_or_many_and_leaves_them_alone():
    x = X.clone().requires_grad_()
    maps = at.saliency(score, x)
    assert x.grad is None
    for i in range(3):
        np.testing.assert_allclose(maps[i], at.saliency(score, X[i]), rtol=1e-12)


def test_smoothgrad_is_the_gradient_of_the_smoothed_score():
    def slope(xi):
        return 12 / np.cosh(3 * (2 + xi)) ** 2 * np.exp(-xi * xi / 2) / np.sqrt(2 * np.pi)

    exact = quad(slope, -8, 8, points=[-2])[0]
    x = torch.tensor([2.0, 0.5], dtype=torch.float64).expand(2000, 2)
    maps = at.smoothgrad(two, x, sigma=1.0, samples=50)
    error = maps[:, 0].std() / 2000**0.5
    assert abs(maps[:, 0].mean() - exact) < 4 * error
    assert error < 0.02 * exact
    np.testing.assert_allclose(maps[:, 1], 1, rtol=1e-12)


def test_smoothgrad_without_noise_is_the_gradient():
    np.testing.assert_allclose(at.smoothgrad(score, X, 0.0, samples=3), at.saliency(score, X), rtol=1e-12)


def test_integrated_gradients_in_closed_form():
    x, b = torch.tensor([2.0, 0.5], dtype=torch.float64), torch.tensor([-0.3, 0.1], dtype=torch.float64)
    exact = [4 * np.tanh(6) + 4 * np.tanh(0.9), 0.4]
    np.testing.assert_allclose(at.integrated_gradients(two, x, b), exact, atol=2e-3)
    np.testing.assert_allclose(at.integrated_gradients(two, x, b, steps=2000), exact, atol=5e-6)
    product = at.integrated_gradients(lambda x: x.prod(dim=-1), x, 0 * x)  # both factors earn the same: ab/2
    np.testing.assert_allclose(product, [0.5, 0.5], rtol=1e-12)


def test_completeness_and_its_order():
    gaps = [at.gap(score, X, B, at.integrated_gradients(score, X, B, steps)).abs().max() for steps in (100, 200)]
    assert gaps[1] < 1e-4
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)
    missed = at.gap(score, X, B, at.saliency(score, X) * (X - B))
    np.testing.assert_allclose(missed, (at.saliency(score, X) * (X - B)).sum(-1) - score(X) + score(B), rtol=1e-9)
    assert missed.abs().min() > 1e-2


def test_ends_of_the_pieces_miss_by_the_slopes_at_the_ends_of_the_path():
    x, b = torch.tensor([2.0, 0.5], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    rise = 2.0 * (at.saliency(two, x)[0] - at.saliency(two, b)[0])  # of the slope along the path
    for end, sign in ((0.0, -1), (1.0, 1)):
        missed = at.gap(two, x, b, at.integrated_gradients(two, x, b, steps=100, at=end))
        assert float(missed) == pytest.approx(sign * float(rise) / 200, rel=1e-3)


def test_all_maps_are_the_single_ones():
    maps = at.all_maps(score, X, B, sigma=0.3)
    np.testing.assert_allclose(maps["gradient"], at.saliency(score, X))
    np.testing.assert_allclose(maps["gradient x input"], (X - B) * at.saliency(score, X))
    np.testing.assert_allclose(maps["SmoothGrad"], at.smoothgrad(score, X, 0.3))
    np.testing.assert_allclose(maps["integrated"], at.integrated_gradients(score, X, B))
    np.testing.assert_allclose(maps["occlusion"], at.occlusion(score, X, B))


def test_occlusion_one_feature_at_a_time():
    drops = at.occlusion(score, X, B)
    for k in range(4):
        without = X.clone()
        without[:, k] = B[k]
        np.testing.assert_allclose(drops[:, k], score(X) - score(without), rtol=1e-9)


def test_on_additive_scores_occlusion_and_integrated_gradients_agree():
    net = at.Additive(2, n=4, units=3, seed=1)
    x = X.expand(2, 3, 4)

    def logit(x):
        return net(x)[..., 0]

    np.testing.assert_allclose(at.integrated_gradients(logit, x, B), at.occlusion(logit, x, B), atol=1e-5)


def test_place_counts_what_is_larger():
    maps = torch.tensor([[-3.0, 1.0, 2.0], [0.0, 1.0, 0.0]])
    assert at.place(maps, 0).tolist() == [1, 2]
    assert at.place(maps, 2).tolist() == [2, 2]


def test_rank_agreement_agrees_with_scipy_on_ties_and_signs():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-3, 4, size=(2, 4, 20)).astype(float)
    where = rng.random((4, 20)) < 0.7
    found, some = at.rank_agreement(a, b), at.rank_agreement(a, b, where)
    for i in range(4):
        assert where[i].sum() > 4
        assert found[i] == pytest.approx(spearmanr(abs(a[i]), abs(b[i])).statistic)
        assert some[i] == pytest.approx(spearmanr(abs(a[i, where[i]]), abs(b[i, where[i]])).statistic)
    assert at.rank_agreement(torch.tensor([1.0, -2.0, 3.0]), torch.tensor([1.0, 20.0, 300.0])) == pytest.approx(1)
    assert np.isnan(at.rank_agreement(np.ones(4), np.arange(4)))


def test_stamps_lie_on_odd_digits_and_on_a_black_pixel():
    X, y = at.images()
    assert X.min() == 0
    assert X.max() == 1
    assert (X[:, at.CUE] == 0).all()
    copies = at.stamped(X, y, [1.0, 4.0])
    assert copies.shape == (2, 1797, 64)
    for copy, strength in zip(copies, (1, 4), strict=True):
        assert set(copy[y % 2 == 1, at.CUE].tolist()) == {strength}
        assert (copy[y % 2 == 0] == X[y % 2 == 0]).all()
        assert (copy[:, 1:] == X[:, 1:]).all()
    assert (X[:, at.CUE] == 0).all()


def test_additive_is_a_sum_over_pixels():
    net, x = at.Additive(2, n=4, units=3, seed=2), torch.cat([X, B[None]])
    zero = net(torch.zeros(1, 4, dtype=torch.float64))
    alone = [net(x * e) - zero for e in torch.eye(4, dtype=torch.float64)]
    np.testing.assert_allclose((sum(alone) + zero).detach(), net(x).detach(), rtol=1e-10)


@pytest.mark.parametrize("sizes", [(64, 6, 10), (64, 6, 5, 1)])
def test_dense_networks_learn_as_if_they_were_alone(sizes):
    X, y = at.images()
    y = y if sizes[-1] == 10 else y % 2
    nets, alone = at.Dense(2, sizes), []
    for k in range(2):
        layers = []
        for W, b in zip(nets.W, nets.b, strict=True):
            layer = nn.Linear(*W.shape[1:], dtype=torch.float64)
            layer.weight.data, layer.bias.data = W[k].detach().T.clone(), b[k, 0].detach().clone()
            layers += [layer, nn.Tanh()]
        alone.append(nn.Sequential(*layers[:-1]))
    losses = list(at.training(nets, X, y, steps=3))
    for k, net in enumerate(alone):
        adam, generator = torch.optim.Adam(net.parameters(), lr=1e-2), torch.Generator().manual_seed(0)
        for step in range(3):
            rows = torch.randint(TRAIN, (64,), generator=generator)
            z = net(X[rows])
            if sizes[-1] == 10:
                loss = nn.functional.cross_entropy(z, y[rows])
            else:
                loss = nn.functional.binary_cross_entropy_with_logits(z[:, 0], y[rows].double())
            adam.zero_grad()
            loss.backward()
            adam.step()
            assert losses[step][k] == pytest.approx(loss.item(), rel=1e-9)
        np.testing.assert_allclose(nets(X[:5])[k].detach(), net(X[:5]).detach(), rtol=1e-7)


def test_each_network_may_have_images_of_its_own():
    X, y = at.images()
    data = at.stamped(X, y, [1.0, 2.0])
    together = list(at.training(at.Additive(2), data, y % 2, steps=2))
    for k in range(2):
        net = at.Additive(2)
        alone = list(at.training(net, data[k], y % 2, steps=2))
        assert together[1][k] == pytest.approx(alone[1][k], rel=1e-12)
