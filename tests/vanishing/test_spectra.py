"""The spectrum of a long product against products whose singular values are known exactly."""

from fractions import Fraction

import numpy as np
import pytest

from vanishing.mlp import draw
from vanishing.spectra import gaussian_exponents, log10_spectrum, qr_logs


def known_product(K, n, seed):
    """Factors Q_l D_l Q_{l−1}ᵀ, whose product has the singular values ∏ D_l: (factors, log10 of them, sorted)."""
    rng = np.random.default_rng(seed)
    Q = draw("orthogonal", (K + 1, n, n), rng)
    logs = rng.normal(size=(K, n)) * 0.2 + np.linspace(-1, 0.3, n)
    factors = Q[1:] * 10.0 ** logs[:, None, :] @ Q[:-1].swapaxes(1, 2)
    return factors, np.sort(logs.sum(axis=0))[::-1]


@pytest.mark.parametrize(("K", "n"), [(1, 3), (7, 5), (80, 6), (400, 4)])
def test_a_spectrum_of_hundreds_of_decades_is_found_to_rounding(K, n):
    factors, expected = known_product(K, n, seed=K)
    np.testing.assert_allclose(log10_spectrum(factors), expected, rtol=0, atol=1e-11)


def test_a_short_product_has_the_spectrum_that_svd_finds():
    W = draw("gaussian", (3, 8, 8), np.random.default_rng(0))
    s = np.linalg.svd(W[2] @ W[1] @ W[0], compute_uv=False)
    np.testing.assert_allclose(10 ** log10_spectrum(W), s, rtol=1e-10)


def test_two_by_two_integers_agree_with_exact_arithmetic():
    """The product in whole numbers: σ₁² + σ₂² is the sum of the squared entries, σ₁σ₂ the determinant."""
    rng = np.random.default_rng(3)
    factors = [np.array([[2, 1], [1, 1]]) @ np.array([[1, int(k)], [0, 1]]) for k in rng.integers(1, 5, size=60)]
    P = [[1, 0], [0, 1]]
    for A in factors:
        P = [[sum(int(A[i, k]) * P[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    squares, determinant = sum(p * p for row in P for p in row), P[0][0] * P[1][1] - P[0][1] * P[1][0]
    first = float(np.log10(float(Fraction(squares)))) / 2  # σ₂ is 1e-80 of it and does not show here
    np.testing.assert_allclose(log10_spectrum(factors), [first, np.log10(abs(determinant)) - first], atol=1e-12)


def test_diagonal_factors_come_out_in_order():
    factors = [np.diag([1e-3, 10.0, 0.5])] * 300
    np.testing.assert_allclose(log10_spectrum(factors), 300 * np.log10([10, 0.5, 1e-3]), rtol=1e-12)


def test_the_logs_add_up_to_the_determinants():
    W = draw("gaussian", (50, 16, 16), np.random.default_rng(1))
    logs, Q = qr_logs(W)
    assert logs.shape == (50, 16)
    np.testing.assert_allclose(Q.T @ Q, np.eye(16), atol=1e-13)
    np.testing.assert_allclose(logs.sum(axis=1), np.linalg.slogdet(W)[1], atol=1e-10)
    np.testing.assert_allclose(log10_spectrum(W).sum() * np.log(10), logs.sum(), atol=1e-9)


def test_passes_can_be_continued_and_factors_may_be_a_stream():
    W = draw("gaussian", (12, 5, 5), np.random.default_rng(2))
    whole, Q = qr_logs(iter(W))
    first, frame = qr_logs(W[:7])
    second, last = qr_logs(W[7:], frame)
    np.testing.assert_allclose(np.vstack([first, second]), whole, atol=1e-12)
    np.testing.assert_allclose(last, Q, atol=1e-12)


def test_a_frame_of_a_few_columns_finds_the_largest_exponents():
    W = draw("gaussian", (200, 10, 10), np.random.default_rng(4))
    frame = np.eye(10)[:, :3]
    np.testing.assert_allclose(qr_logs(W, frame)[0], qr_logs(W)[0][:, :3], atol=1e-10)


def test_gaussian_exponents_are_what_a_long_product_shows():
    n, K = 8, 2000
    W = draw("gaussian", (K, n, n), np.random.default_rng(5))
    logs = qr_logs(W)[0]
    error, spread = logs.mean(axis=0) - gaussian_exponents(n), logs.std(axis=0) / np.sqrt(K)
    assert (abs(error) < 4 * spread).all()


def test_an_orthogonal_product_has_one_singular_value():
    W = draw("orthogonal", (300, 9, 9), np.random.default_rng(6))
    np.testing.assert_allclose(log10_spectrum(W), 0, atol=1e-12)


def test_a_direction_that_is_lost_exactly_is_minus_infinity():
    logs, _ = qr_logs([np.diag([1.0, 0.0])])
    assert logs[0, 1] == -np.inf


def test_what_is_refused():
    with pytest.raises(ValueError, match="square"):
        log10_spectrum([np.ones((2, 3))])
    with pytest.raises(ValueError, match="one size"):
        log10_spectrum([np.eye(2), np.eye(3)])
    with pytest.raises(ValueError, match="singular"):
        log10_spectrum([np.diag([1.0, 0.0])])
