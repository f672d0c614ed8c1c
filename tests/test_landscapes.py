"""Landscapes, against finite differences, dense eigenvalues and closed forms."""

import numpy as np
import pytest
import torch

from vanishing import landscapes as ls


@pytest.mark.parametrize("place", ls.places(), ids=lambda p: p.name)
def test_gradient_and_hessian_agree_with_finite_differences(place):
    w, t = place.w, 1e-5
    assert float(ls.gradient(place.loss, w).norm()) == pytest.approx(1e-3, rel=1e-9)
    for i, e in enumerate(torch.eye(2, dtype=torch.float64)):
        slope = (ls.gradient(place.loss, w + t * e) - ls.gradient(place.loss, w - t * e)) / (2 * t)
        np.testing.assert_allclose(ls.hessian(place.loss, w)[i], slope, rtol=1e-5, atol=1e-9)


def test_newton_solves_a_quadratic_and_goes_to_a_saddle():
    for place in ls.places()[:3]:
        np.testing.assert_allclose(place.w + ls.newton_step(place.loss, place.w), 0, atol=1e-12)


def test_saddle_free_step_descends_where_newton_climbs():
    saddle = ls.places()[2]
    g = ls.gradient(saddle.loss, saddle.w)
    np.testing.assert_allclose(ls.saddle_free_step(saddle.loss, saddle.w, 1.0), -g / 2, rtol=1e-12)
    path = ls.follow(lambda w: ls.saddle_free_step(ls.double_well, w, 0.1), torch.tensor([0.8, 0.05]).double(), 40)
    np.testing.assert_allclose(path[-1], [0, 1], atol=1e-6)


def test_block_curvature_and_gradients_of_a_linear_layer():
    rng = np.random.default_rng(0)
    layers, X, y = ls.network([4, 3], rng), torch.tensor(rng.normal(size=(9, 4))), torch.zeros(9, 3).double()
    assert ls.block_curvature(lambda W: ls.network_loss(W, X, y), layers) == pytest.approx(
        float(torch.linalg.eigvalsh(X.T @ X / 9)[-1])
    )
    g = ls.layer_gradients(lambda W: ls.network_loss(W, X, y), layers)[0]
    np.testing.assert_allclose(g, layers[0] @ X.T @ X / 9, rtol=1e-12)


def test_power_iteration_agrees_with_the_dense_hessian():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    _, top, loss = ls.edge_of_stability(X, Y, 0.01, 0, 1, seeds=1, hidden=4)
    draw = np.random.default_rng(0)
    w = np.concatenate([draw.normal(size=12) / np.sqrt(3), draw.normal(size=8) / 2])
    XX, YY = torch.tensor(X), torch.tensor(Y)

    def flat(w):
        return ((torch.tanh(XX @ w[:12].reshape(3, 4)) @ w[12:].reshape(4, 2) - YY) ** 2).sum(dim=1).mean()

    assert top[0, 0] == pytest.approx(float(torch.linalg.eigvalsh(ls.hessian(flat, torch.tensor(w)))[-1]), rel=1e-2)
    assert loss[0, 0] == pytest.approx(float(flat(torch.tensor(w))))
    after = ls.edge_of_stability(X, Y, 0.01, 1, 1, seeds=1, hidden=4)[2][1, 0]
    w = torch.tensor(w)
    assert after == pytest.approx(float(flat(w - 0.01 * ls.gradient(flat, w))), rel=1e-12)


@pytest.mark.parametrize("kind", ["vanished", "saddle", "ravine", "plateau"])
def test_cases_are_of_their_kind_with_a_margin(kind):
    for seed in range(20):
        case = ls.make_case(kind, np.random.default_rng(seed))
        loss, layers, eta = case["loss"], case["layers"], case["eta"]
        g = [float(d.norm()) for d in ls.layer_gradients(loss, layers)]
        assert (g[0] / np.linalg.norm(g) < 8e-4) == (kind == "vanished")
        if kind != "vanished":
            lam = torch.linalg.eigvalsh(ls.hessian(lambda W, c=layers, f=loss: f([W, *c[1:]]), layers[0]))
            assert (lam[0] < -0.02 * lam[-1]) == (kind == "saddle")
            assert (lam[0] >= -1e-9) == (kind != "saddle")
            assert kind == "saddle" or (eta * lam[-1] > 2.4) == (kind == "ravine")
            assert kind == "saddle" or not 0.11 < eta * lam[-1] < 2.4
