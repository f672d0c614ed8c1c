"""The explicit MLP against autograd, the ensembles against their definitions, log norms against plain products."""

import numpy as np
import pytest
import torch

from vanishing.mlp import ACTIVATIONS, ENSEMBLES, MLP, draw, log10_norms, survey

TORCH = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "leaky ReLU": torch.nn.functional.leaky_relu,
    "ELU": torch.nn.functional.elu,
    "GELU": torch.nn.functional.gelu,
    "SiLU": torch.nn.functional.silu,
}
WIDTHS = (3, 5, 4, 6, 2)


def network(activation, ensemble="gaussian"):
    return MLP.random(WIDTHS, np.random.default_rng(7), activation, ensemble, gain=1.5, bias=0.3)


def torch_outputs(net, x):
    """The same network in torch: leaves z_0, W, b, every z_l (with its gradient kept)."""
    W = [torch.tensor(w, requires_grad=True) for w in net.W]
    b = [torch.tensor(v, requires_grad=True) for v in net.b]
    z = [torch.tensor(x, requires_grad=True)]
    h = z[0]
    for w, v in zip(W, b, strict=True):
        z.append(h @ w.T + v)
        z[-1].retain_grad()
        h = TORCH[net.activation](z[-1])
    return W, b, z


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch", [None, 1, 8])
def test_forward_and_backward_equal_autograd(activation, batch):
    net, rng = network(activation), np.random.default_rng(3)
    x = rng.normal(size=WIDTHS[0] if batch is None else (batch, WIDTHS[0]))
    z, h = net.forward(x)
    W, b, judge = torch_outputs(net, x)
    delta = rng.normal(size=z[-1].shape)
    (judge[-1] * torch.tensor(delta)).sum().backward()
    deltas = net.backward(z, delta)
    dW, db = net.gradients(h, deltas)
    assert len(z) == len(deltas) == net.depth + 1
    assert len(h) == net.depth
    for mine, its in zip(z, judge, strict=True):
        np.testing.assert_allclose(mine, its.detach(), rtol=1e-12, atol=1e-14)
    for mine, its in [*zip(deltas, judge, strict=True), *zip(dW, W, strict=True), *zip(db, b, strict=True)]:
        np.testing.assert_allclose(mine, its.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_jacobians_and_tangents_equal_autograd(activation):
    net, rng = network(activation), np.random.default_rng(4)
    x, u = rng.normal(size=(2, WIDTHS[0]))
    z, _ = net.forward(x)
    J = net.jacobians(z)
    assert [j.shape for j in J] == [w.shape for w in net.W]
    whole = torch.autograd.functional.jacobian(lambda t: _run(net, t), torch.tensor(x))
    np.testing.assert_allclose(J[3] @ J[2] @ J[1] @ J[0], whole, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.tangents(z, u)[-1], whole.numpy() @ u, rtol=1e-12, atol=1e-14)
    for k in (1, 2, 3):
        one = torch.autograd.functional.jacobian(
            lambda t, k=k: TORCH[net.activation](t) @ torch.tensor(net.W[k]).T, torch.tensor(z[k])
        )
        np.testing.assert_allclose(J[k], one, rtol=1e-12, atol=1e-14)


def _run(net, t):
    for k, (w, v) in enumerate(zip(net.W, net.b, strict=True)):
        t = (TORCH[net.activation](t) if k else t) @ torch.tensor(w).T + torch.tensor(v)
    return t


def test_jacobians_of_a_batch_are_those_of_its_rows():
    net, x = network("tanh"), np.random.default_rng(5).normal(size=(6, WIDTHS[0]))
    together = net.jacobians(net.forward(x)[0])
    for k, row in enumerate(x):
        for J, one in zip(together, net.jacobians(net.forward(row)[0]), strict=True):
            np.testing.assert_allclose(J[k], one, rtol=1e-12)


def test_what_goes_up_and_what_comes_down_are_dual():
    net, rng = network("sigmoid"), np.random.default_rng(6)
    z, _ = net.forward(rng.normal(size=WIDTHS[0]))
    u, v = rng.normal(size=WIDTHS[0]), rng.normal(size=WIDTHS[-1])
    products = [d @ t for d, t in zip(net.backward(z, v), net.tangents(z, u), strict=True)]
    np.testing.assert_allclose(products, products[0], rtol=1e-12)


def test_ensembles_are_what_they_say():
    W = draw("gaussian", (200, 30, 50), np.random.default_rng(0), gain=2.0)
    assert W.var() == pytest.approx(4 / 50, rel=0.02)
    for shape in [(3, 6, 6), (3, 4, 7), (3, 7, 4)]:
        sv = np.linalg.svd(draw("orthogonal", shape, np.random.default_rng(1), gain=0.5), compute_uv=False)
        np.testing.assert_allclose(sv, 0.5, rtol=1e-12)
        sv = np.linalg.svd(draw("spectral", shape, np.random.default_rng(1), gain=1.3), compute_uv=False)
        np.testing.assert_allclose(sv[:, 0], 1.3, rtol=1e-12)


def test_orthogonal_is_haar():
    """Without the sign fix the mean trace of QR's factor is well below zero; Haar's is 0 with variance 1."""
    traces = np.trace(draw("orthogonal", (4000, 5, 5), np.random.default_rng(2)), axis1=1, axis2=2)
    assert abs(traces.mean()) < 4 / np.sqrt(4000)
    assert traces.var() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_the_same_seed_gives_the_same_network(ensemble):
    one, two = network("tanh", ensemble), network("tanh", ensemble)
    assert all((a == b).all() for a, b in zip(one.W + one.b, two.W + two.b, strict=True))


def test_log_norms_equal_those_of_the_plain_product():
    A = np.random.default_rng(8).normal(size=(6, 4, 4))
    v, product = np.ones(4), np.eye(4)
    logs, along = log10_norms(list(A)), log10_norms(list(A), v)
    for k, factor in enumerate(A, start=1):
        product = factor @ product
        assert logs[k] == pytest.approx(np.log10(np.linalg.svd(product, compute_uv=False)[0]), abs=1e-12)
        assert along[k] == pytest.approx(np.log10(np.sqrt(((product @ v) ** 2).sum())), abs=1e-12)
    assert logs[0] == 0
    assert along[0] == pytest.approx(np.log10(2))


def test_log_norms_neither_underflow_nor_overflow():
    np.testing.assert_allclose(log10_norms([np.eye(3) * 1e-9] * 100)[-1], -900)
    np.testing.assert_allclose(log10_norms([np.eye(3) * 1e9] * 100, np.eye(3)[0])[-1], 900)
    assert log10_norms([np.eye(2), np.zeros((2, 2)), np.eye(2)]).tolist() == [0, 0, -np.inf, -np.inf]


def test_survey_is_what_the_plain_product_does():
    rng = np.random.default_rng(9)
    net = MLP.random([5] * 7, rng, "tanh", gain=1.3, bias=0.5)
    x, v = rng.normal(size=5), rng.normal(size=(3, 5))
    bound, norm, gradient = survey(net, x, v)
    z, _ = net.forward(x)
    product, norms = np.eye(5), 1.0
    for k, J in enumerate(net.jacobians(z), start=1):
        product, norms = J @ product, norms * np.linalg.svd(J, compute_uv=False)[0]
        assert bound[k] == pytest.approx(np.log10(norms))
        assert norm[k] == pytest.approx(np.log10(np.linalg.svd(product, compute_uv=False)[0]))
        short = MLP(net.W[:k], net.b[:k], "tanh")
        kept = [np.linalg.norm(short.backward(z[: k + 1], row)[0]) / np.linalg.norm(row) for row in v]
        assert gradient[k] == pytest.approx(np.log10(kept).mean())


def test_survey_reaches_below_the_smallest_float():
    rows = survey(MLP(np.stack([np.eye(2) * 1e-9] * 60), np.zeros((60, 2)), "linear"), np.ones(2), np.ones(2))
    np.testing.assert_allclose(rows[:, -1], -540)


def test_wrong_names_are_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="linear, sigmoid, tanh, ReLU"):
        MLP((np.eye(2),), (np.zeros(2),), "tahn")
    with pytest.raises(ValueError, match="orthogonal"):
        draw("uniform", (2, 2), np.random.default_rng(0))
