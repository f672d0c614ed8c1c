"""Reference answers of lessons 04 to 06 on their whole domain, against torch, mpmath and exact fractions."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coursekit.proving.dresses import accepted
from reference import COURSE, answer
from vanishing.mlp import MLP

few = settings(max_examples=40, deadline=None, derandomize=True)
mpmath.mp.dps = 60


def floats(low, high):
    return st.floats(low, high, allow_subnormal=False)


seeds = st.integers(0, 9999)


@few
@given(a=floats(-600, 600), y=floats(0, 1))
@example(a=40.0, y=1.0)
@example(a=-40.0, y=0.0)
@example(a=40.0, y=0.0)
def test_logit_gradients_keep_their_digits(a, y):
    p = 1 / (1 + mpmath.exp(-mpmath.mpf(a)))
    q = 1 / (1 + mpmath.exp(mpmath.mpf(a)))
    error = (1 - mpmath.mpf(y)) * p - mpmath.mpf(y) * q
    squared, entropy = answer("4.1")(np.array([a]), np.array([y]))
    room = 1e-15 * float(p * (1 - mpmath.mpf(y)) + q * y)  # p and y may cancel
    assert entropy[0] == pytest.approx(float(error), rel=1e-12, abs=room)
    assert squared[0] == pytest.approx(float(2 * error * p * q), rel=1e-12, abs=float(2 * room * p * q))


@pytest.mark.parametrize("bits", range(2, 120))
def test_silent_logit_is_half_a_spacing(bits):
    assert answer("4.2")(bits) == pytest.approx(float(-mpmath.log(mpmath.mpf(2) ** -bits)), rel=1e-14)


@few
@given(z=st.lists(st.lists(floats(-3000, 3000), min_size=3, max_size=3), min_size=1, max_size=4), seed=seeds)
@example(z=[[40.0, 0.0, -5.0]], seed=0)
@example(z=[[7.0, 7.0, 7.0]], seed=0)
@example(z=[[0.0, 0.0, 99.0]], seed=0)
def test_cross_entropy_is_exact_however_small(z, seed):
    labels = np.random.default_rng(seed).integers(3, size=len(z))
    for row, label, loss in zip(z, labels, answer("4.3")(z, labels), strict=True):
        others = [v for k, v in enumerate(row) if k != label]
        exact = mpmath.log1p(mpmath.fsum(mpmath.exp(mpmath.mpf(v) - mpmath.mpf(row[label])) for v in others))
        assert loss == pytest.approx(float(exact), rel=1e-9, abs=1e-300)


@few
@given(batch=st.integers(1, 5), K=st.integers(1, 6), scale=st.sampled_from([0.1, 2.0, 50.0]), seed=seeds)
def test_batch_gradient_is_autograds(batch, K, scale, seed):
    rng = np.random.default_rng(seed)
    z, labels = torch.tensor(scale * rng.normal(size=(batch, K)), requires_grad=True), rng.integers(K, size=batch)
    torch.nn.functional.cross_entropy(z, torch.tensor(labels)).backward()
    found = answer("4.4")(z.detach().numpy(), labels)
    np.testing.assert_allclose(found, z.grad, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-15)
    assert np.shape(answer("4.4")([[0.0, 0.0]], [0])) == (1, 2)


@few
@given(w=floats(-2, 2), x=floats(-5, 5), y=floats(0, 1), L=st.integers(1, 10))
@example(w=2.0, x=5.0, y=1.0, L=1)
def test_bottom_gradient_is_that_of_the_logit_form(w, x, y, L):
    weight = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    logit = weight * x
    for _ in range(L - 1):
        logit = torch.sigmoid(logit)
    torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(y, dtype=torch.float64)).backward()
    assert answer("4.5")(w, x, y, L) == pytest.approx(weight.grad.item(), rel=1e-9, abs=1e-13 * abs(x))


@few
@given(n_out=st.integers(1, 5), n_in=st.integers(1, 5), scale=st.sampled_from([0.0, 1.0, 8.0]), seed=seeds)
def test_layer_jacobian_is_autograds(n_out, n_in, scale, seed):
    rng = np.random.default_rng(seed)
    W, z = rng.normal(size=(n_out, n_in)), scale * rng.normal(size=n_in)
    exact = torch.autograd.functional.jacobian(lambda v: torch.tensor(W) @ torch.tanh(v), torch.tensor(z))
    np.testing.assert_allclose(answer("5.1")(W, z), exact, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(answer("5.1")(W.tolist(), z.tolist()), exact, rtol=1e-9, atol=1e-15)


@few
@given(shape=st.tuples(*3 * [st.integers(1, 4)]), seed=seeds)
def test_pull_back_is_autograds(shape, seed):
    batch, n_out, n_in = shape
    rng = np.random.default_rng(seed)
    W, delta = rng.normal(size=(n_out, n_in)), rng.normal(size=(batch, n_out))
    z = torch.tensor(rng.normal(scale=2, size=(batch, n_in)), requires_grad=True)
    (torch.tanh(z) @ torch.tensor(W).T).backward(torch.tensor(delta))
    np.testing.assert_allclose(answer("5.2")(W, z.detach().numpy(), delta), z.grad, rtol=1e-9, atol=1e-13)


@few
@given(widths=st.lists(st.integers(1, 6), min_size=2, max_size=7), seed=seeds)
@example(widths=[1, 1], seed=0)
@example(widths=[3, 1, 1, 2], seed=1)
def test_mlp_gradients_are_autograds(widths, seed):
    rng = np.random.default_rng(seed)
    net = MLP.random(widths, rng, "tanh", bias=1.0)
    x, y = rng.normal(size=widths[0]), rng.normal(size=widths[-1])
    W = [torch.tensor(w, requires_grad=True) for w in net.W]
    out = torch.tensor(x)
    for k, (w, v) in enumerate(zip(W, net.b, strict=True)):
        out = w @ (torch.tanh(out) if k else out) + torch.tensor(v)
    (0.5 * (out - torch.tensor(y)).square().sum()).backward()
    found = answer("5.3")(list(net.W), list(net.b), x, y)
    assert len(found) == len(W)
    for mine, w in zip(found, W, strict=True):
        np.testing.assert_allclose(mine, w.grad, rtol=1e-8, atol=1e-12)


@few
@given(L=st.integers(1, 60), n=st.integers(1, 5), decades=st.sampled_from([-12.0, -3.0, 0.0, 3.0, 12.0]), seed=seeds)
@example(L=1, n=5, decades=0.0, seed=0)
@example(L=400, n=5, decades=-3.0, seed=0)
@example(L=400, n=5, decades=2.5, seed=0)
def test_bound_gap_never_leaves_its_range(L, n, decades, seed):
    base = np.random.default_rng(seed).normal(size=(L, n, n))
    gap = answer("5.4")(10**decades * base)
    assert gap >= 0
    assert gap == pytest.approx(answer("5.4")(base), rel=1e-6, abs=1e-9)  # a scale changes nothing
    if L <= 60:
        with mpmath.workdps(40):
            product = mpmath.eye(n)
            for j in base:
                product = mpmath.matrix(j.tolist()) * product
            top = mpmath.sqrt(max(mpmath.eigsy(product.T * product, eigvals_only=True)))
            bound = sum(np.log10(np.linalg.norm(base, 2, axis=(1, 2))))
            assert gap == pytest.approx(float(bound - mpmath.log10(top)), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("L", [20, 30])
def test_the_silent_network_is_silent_and_stretches(n, L):
    listen = answer("5.5").__globals__["listen"]
    for seed in range(5):
        found = listen(answer("5.5")(n, L, seed), n, L, seed)
        assert found["smallest_stretch"] >= 2
        assert -300 < found["log10_gradient"] < -4


@few
@given(L=st.integers(1, 4), n=st.integers(1, 5), seed=seeds)
def test_loud_and_lost_are_the_extremes(L, n, seed):
    J = np.random.default_rng(seed).normal(size=(L, n, n))
    P = np.linalg.multi_dot([*J[::-1], np.eye(n)])
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(P.T @ P), 0))
    loud, lost = answer("6.1")(J)
    assert [np.linalg.norm(loud), np.linalg.norm(lost)] == pytest.approx([1, 1])
    assert np.linalg.norm(P @ loud) == pytest.approx(values[-1], rel=1e-9)
    assert np.linalg.norm(P @ lost) == pytest.approx(values[0], rel=1e-3, abs=1e-7 * values[-1])


@few
@given(d=st.lists(st.integers(-8, 8), min_size=1, max_size=6), tol=st.integers(-9, -1), seed=seeds)
def test_numerical_rank_counts_powers_of_ten(d, tol, seed):
    from vanishing.mlp import draw

    rng, n = np.random.default_rng(seed), len(d)
    U, V = draw("orthogonal", (2, n, n), rng)
    expected = sum(exponent >= max(d) + tol - 0.5 for exponent in d)
    threshold = 10.0 ** (tol - 0.5)
    if max(d) - min(d) <= 12:  # what float64 can tell
        assert answer("6.2")(np.array([V, U * 10.0 ** np.array(d)]), threshold) == expected


@few
@given(st.lists(floats(1e-14, 1e3), min_size=1, max_size=20), floats(1e-16, 1e-6), floats(1e-6, 0.5))
def test_smallest_trusted_is_above_its_error(s, eps, tol):
    s = sorted(s, reverse=True)
    found = answer("6.3")(s, eps, tol)
    trusted = [v for v in s if mpmath.mpf(eps) * s[0] / v <= mpmath.mpf(tol) * (1 + mpmath.mpf(10) ** -15)]
    assert found in trusted
    assert found <= min(trusted) * (1 + 1e-12)


@few
@given(n=st.integers(1, 6), seed=seeds)
@example(n=1, seed=0)
def test_orthogonal_from_is_gram_and_schmidt(n, seed):
    A = np.random.default_rng(seed).normal(size=(n, n))
    Q = answer("6.4")(A)
    columns = []
    for a in A.T:
        v = mpmath.matrix(a.tolist())
        for q in columns:
            v -= q * (q.T * v)[0]
        columns.append(v / mpmath.norm(v))
    exact = np.array([[float(v) for v in q] for q in columns]).T
    np.testing.assert_allclose(Q, exact, atol=1e-9)


@few
@given(L=st.integers(1, 500), kappa=floats(1.01, 1e6))
def test_safe_length_solves_the_bound(L, kappa):
    r = answer("6.5")(L, kappa)
    exact = mpmath.acosh(mpmath.mpf(kappa) ** (mpmath.mpf(1) / (2 * L)))
    assert r == pytest.approx(float(exact), rel=1e-9)


def overflowing(m):
    """A cross-entropy that takes m out of each row."""
    return (
        "4.3",
        f"""
def cross_entropy(z, labels):
    rows = np.arange(len(z))
    m = {m}
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1)) - z[rows, labels]
""",
    )


# Wrong answers that once passed, or were told another mistake's sentence: inputs drawn too narrowly are what let them.
WRONG = [
    (
        "4.1",
        """
def logit_gradients(a, y):
    p = sigmoid(a)
    return 2 * (p - y) * p * (1 - p), (p - y) / (p * (1 - p)) * p * (1 - p)
""",
    ),
    (
        "4.1",
        """
def logit_gradients(a, y):
    p = np.exp(a) / (1 + np.exp(a))
    return 2 * (p - y) * p * (1 - p), p - y
""",
    ),
    (
        "4.1",
        """
def logit_gradients(a, y):
    a, y = np.atleast_1d(a), np.atleast_1d(y)
    p = [1 / (1 + np.exp(-v)) for v in a]
    return [2 * (q - t) * q * (1 - q) for q, t in zip(p, y)], [float(q - t) for q, t in zip(p, y)]
""",
    ),
    ("4.2", "def silent_logit(bits):\n    return float(np.log(2**bits))"),
    ("4.2", "def silent_logit(bits):\n    return float(np.log(np.left_shift(1, bits)))"),
    *map(
        overflowing,
        [
            "np.maximum(z.max(axis=1), 0)",
            "z.mean(axis=1)",
            "np.median(z, axis=1)",
            "z[rows, labels]",
            "z.min(axis=1)",
            "np.abs(z).max(axis=1)",
        ],
    ),
    (
        "4.3",
        """
def cross_entropy(z, labels):
    others = z - z[np.arange(len(z)), labels][:, None]
    others[np.arange(len(z)), labels] = -np.inf
    return np.log1p(np.exp(others).sum(axis=1))
""",
    ),
    (
        "4.4",
        """
def batch_gradient(z, labels):
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)
""",
    ),
    *[
        (
            "4.5",
            f"""
def bottom_gradient(w, x, y, L):
    p, s = w * x, tower_slopes(w, x, L)
    for _ in range(L):
        p = sigmoid(p)
    return ({error}) * s[:-1].prod() * {x}
""",
        )
        for error, x in (
            ("p - y", "abs(x)"),
            ("p if y == 0 else p - 1", "x"),
            ("(1 + np.sqrt(1 - 4 * s[-1])) / 2 - y", "x"),
        )
    ],
    (
        "5.5",
        """
def silent_network(n, L, seed):
    return [2 * np.eye(40)] * 30, [np.full(40, 5.0)] * 30
""",
    ),
    (
        "6.1",
        """
def loud_and_lost(J):
    Vt = np.linalg.svd(J[3] @ J[2] @ J[1] @ J[0])[2]
    return Vt[0], Vt[-1]
""",
    ),
    (
        "6.1",
        """
def loud_and_lost(J):
    Vt = np.linalg.svd(product(J))[2]
    return Vt[0], Vt[2]
""",
    ),
    (
        "6.1",
        """
def loud_and_lost(J):
    U, _, Vt = np.linalg.svd(product(J))
    return U[:, 0], Vt[-1]
""",
    ),
    (
        "6.1",
        """
def loud_and_lost(J):
    P = np.eye(J.shape[1])
    for layer in J:
        P = P @ layer
    U, _, Vt = np.linalg.svd(P)
    return U[:, 0], Vt[:, -1]
""",
    ),
    ("6.2", "def numerical_rank(J, tol):\n    s = singular_values(J)\n    return int((s > tol * s[0]).sum())"),
    ("6.2", "def numerical_rank(J, tol):\n    return int(np.linalg.matrix_rank(product(J), rtol=tol))"),
    (
        "6.2",
        """
def numerical_rank(J, tol):
    P = J[1] @ J[0]
    for layer in J[2:]:
        P = layer @ P
    s = np.linalg.svd(P, compute_uv=False)
    return int((s >= tol * s[0]).sum())
""",
    ),
    ("6.2", "def numerical_rank(J, tol):\n    s = singular_values(J)\n    return int(np.argmax(s < tol * s[0]))"),
    *[
        ("6.3", f"def smallest_trusted(s, eps, tol):\n    return float({what})")
        for what in (
            "s[eps * s[0] <= 1.01 * tol * s].min()",
            "s[1.01 * eps * s[0] <= tol * s].min()",
            "s[-1]",
            "s[eps * s[0] / s >= tol].min()",
            "s[s * tol <= eps * s[0]][-1]",
        )
    ],
    *[
        (
            "6.5",
            f"""
def safe_length(L, kappa):
    low, high = 0.0, {top}
    for _ in range(200):
        mid = (low + high) / 2
        if np.cosh(mid) ** (2 * L) <= kappa:
            low = mid
        else:
            high = mid
    return low
""",
        )
        for top in ("2.0", "1.0")
    ],
]


@pytest.mark.parametrize("number", sorted({exercise.split(".")[0].zfill(2) for exercise, _ in WRONG}))
def test_wrong_is_wrong_on_every_seed(number):
    of_lesson = [pair for pair in WRONG if pair[0].split(".")[0].zfill(2) == number]
    assert accepted(COURSE, COURSE.lesson(number), of_lesson) == []
