"""Landscapes, against finite differences, dense eigenvalues and closed forms."""

import functools

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


def measured(case):
    """The three numbers that decide: layer 1's share, lowest over largest |curvature|, eta times the highest."""
    loss, layers, eta = case["loss"], case["layers"], case["eta"]
    g = [float(d.norm()) for d in ls.layer_gradients(loss, layers)]
    lam = torch.linalg.eigvalsh(ls.hessian(lambda W: loss([W, *layers[1:]]), layers[0])).numpy()
    return g[0] / np.linalg.norm(g), lam[0] / np.abs(lam).max(), eta * lam[-1]


@pytest.mark.parametrize("kind", ls.KINDS)
def test_cases_are_of_their_kind_with_a_margin_and_come_near_their_threshold(kind):
    found = np.array([measured(ls.make_case(kind, np.random.default_rng(seed))) for seed in range(60)])
    share, lowest, reach = found.T
    if kind == "vanished":
        assert (share < 9.65e-4).all()
        assert (share > 7e-4).any()
        return
    assert (share > 1.035e-3).all()
    assert (share < 2.5e-3).any()
    if kind == "saddle":
        assert (lowest < -0.0103).all()
        assert (lowest > -0.03).any()
        assert (reach > 2.3).any()
        return
    assert (lowest > -0.0097).all()
    assert (lowest < -0.002).any()
    assert ((reach > 2.07) if kind == "ravine" else (reach < 1.93)).all()
    assert ((reach < 2.2) if kind == "ravine" else (reach > 1.6)).any()


WRONG = {  # rules that a classifier of lesson 18 might go by, from (norms, curvatures, eta): share, saddle, ravine
    "condition number": (None, None, lambda lam, eta: lam[-1] > 1000 * abs(lam[0])),
    "any negative curvature": (None, lambda lam: lam[0] < 0, None),
    "eta lambda above 1": (None, None, lambda lam, eta: eta * lam[-1] > 1),
    "lambda above 2": (None, None, lambda lam, eta: lam[-1] > 2),
    "trace": (None, None, lambda lam, eta: eta * lam.sum() > 2),
    "against the last layer": (lambda g: g[0] < 1e-3 * g[-1], None, None),
    "squared share": (lambda g: g[0] ** 2 < 1e-3 * (g**2).sum(), None, None),
    "sum of lengths": (lambda g: g[0] < 1e-3 * g.sum(), None, None),
    "odd number of negatives": (None, lambda lam: lam.prod() < 0, None),
    "absolute threshold": (None, lambda lam: lam[0] < -0.01, None),
    "a tenth": (None, lambda lam: lam[0] < -0.1 * np.abs(lam).max(), None),
    "a hundredth of a share": (lambda g: g[0] < 1e-2 * np.linalg.norm(g), None, None),
}


@functools.cache
def cases(seed):
    """(norms, curvatures, eta) of the hundred cases of a check."""
    found = []
    for k in range(100):
        case = ls.any_case(np.random.default_rng([seed, k]), k)
        loss, layers = case["loss"], case["layers"]
        g = np.array([float(d.norm()) for d in ls.layer_gradients(loss, layers)])
        lam = torch.linalg.eigvalsh(ls.hessian(lambda W, f=loss, c=layers: f([W, *c[1:]]), layers[0]))
        found.append((g, lam.numpy(), case["eta"]))
    return found


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_rule_meets_a_case_that_it_gets_wrong(name, seed):
    rules = [
        lambda g: g[0] < 1e-3 * np.linalg.norm(g),
        lambda lam: lam[0] < -0.01 * np.abs(lam).max(),
        lambda lam, eta: eta * lam[-1] > 2,
    ]
    other = [one or right for one, right in zip(WRONG[name], rules, strict=True)]

    def word(rules, g, lam, eta):
        if rules[0](g):
            return "vanished"
        return "saddle" if rules[1](lam) else "ravine" if rules[2](lam, eta) else "plateau"

    assert any(word(rules, *case) != word(other, *case) for case in cases(seed))
