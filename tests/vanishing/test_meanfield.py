"""Mean-field maps, against adaptive quadrature, Monte Carlo and published values."""

import numpy as np
import pytest
from scipy import integrate, stats

from vanishing import meanfield


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, 4.0])
def test_gauss_mean_agrees_with_adaptive_quadrature(q):
    def integrand(z):
        return np.tanh(np.sqrt(q) * z) ** 2 * stats.norm.pdf(z)

    expected = integrate.quad(integrand, -12, 12, limit=200)[0]
    np.testing.assert_allclose(meanfield.gauss_mean(lambda z: np.tanh(z) ** 2, q), expected, rtol=1e-6, atol=1e-12)


def test_variance_step_agrees_with_a_wide_layer():
    rng = np.random.default_rng(0)
    n, q = 4000, 0.7
    z = np.sqrt(q) * rng.normal(size=n)
    measured = [np.mean((rng.normal(size=(2000, n)) * 1.4 / np.sqrt(n) @ np.tanh(z)) ** 2) for _ in range(3)]
    assert np.mean(measured) == pytest.approx(meanfield.variance_step(q, 1.4, 0.0), rel=0.05)


@pytest.mark.parametrize(("sigma_b", "sigma_w"), [(0.05, 1.1225), (0.3, 1.3956), (1.0, 1.8555)])
def test_chi_is_one_on_the_known_critical_line(sigma_b, sigma_w):
    assert meanfield.resting_chi(sigma_w, sigma_b) == pytest.approx(1.0, abs=2e-3)


def test_gradient_path_of_a_linear_he_free_network_is_flat_in_the_mean():
    rng = np.random.default_rng(1)
    paths = meanfield.gradient_path([200] * 6, rng, lambda n_in, n_out: 1 / n_out, "linear", draws=20)
    assert paths.shape == (20, 6)
    assert np.all(paths[:, -1] == 0)
    assert abs(paths[:, 0].mean()) < 0.1


def test_variance_path_starts_where_it_is_told_and_broadcasts():
    path = meanfield.variance_path(np.array([0.5, 1.0]), 3, 1.0, 0.0)
    assert path.shape == (4, 2)
    np.testing.assert_array_equal(path[0], [0.5, 1.0])
    assert np.all(np.diff(path, axis=0) < 0)


@pytest.mark.parametrize("q", [1e-3, 1.0, 20.0])
def test_he_is_exactly_critical_for_relu(q):
    assert meanfield.chi(q, np.sqrt(2), "ReLU") == pytest.approx(1.0, rel=1e-12)
    assert meanfield.variance_step(q, np.sqrt(2), 0.0, "ReLU") == pytest.approx(q, rel=1e-12)
