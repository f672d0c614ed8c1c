"""Reference answers of lessons 07 to 12 on their whole domain, against torch, SciPy, mpmath and exact fractions."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, linregress

from reference import answer
from vanishing.meanfield import chi, variance_step

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)


def gradients(function, *arrays):
    """The gradients of a scalar torch function in some arrays."""
    leaves = [torch.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]
    return [g.numpy() for g in torch.autograd.grad(function(*leaves), leaves)]


@few
@given(seed=seeds, n=st.integers(1, 5), T=st.integers(1, 8), scale=st.floats(0.1, 6))
def test_backpropagation_through_time(seed, n, T, scale):
    rng = np.random.default_rng(seed)
    W, (x, y) = scale * rng.normal(size=(n, n)), rng.normal(size=(2, T, n))

    def loss(W):
        h, total = torch.zeros(n, dtype=torch.float64), 0
        for xt, yt in zip(torch.tensor(x), torch.tensor(y), strict=True):
            h = torch.tanh(W @ h + xt)
            total = total + ((h - yt) ** 2).sum() / 2
        return total

    np.testing.assert_allclose(answer("7.1")(W, x, y), gradients(loss, W)[0], rtol=1e-8, atol=1e-10)


@few
@given(seed=seeds, n=st.integers(1, 6), rho=st.floats(1e-3, 0.9999))
def test_a_slowest_mode_is_down_to_one_e_th_after_its_time_constant(seed, n, rho):
    W = np.random.default_rng(seed).normal(size=(n, n))
    W *= rho / np.abs(np.linalg.eigvals(W)).max()
    tau = answer("7.2")(W)
    assert np.abs(np.linalg.eigvals(W)).max() ** tau == pytest.approx(np.exp(-1), rel=1e-9)


@few
@given(seed=seeds, n=st.integers(1, 4), K=st.integers(0, 200), rho=st.floats(0, 0.99), corner=st.floats(0, 100))
def test_no_step_has_a_larger_norm_than_the_largest_transient(seed, n, K, rho, corner):
    rng = np.random.default_rng(seed)
    W = rho * np.diag(rng.choice([-1, 1], n)) + corner * np.triu(rng.normal(size=(n, n)), 1)
    k, size = answer("7.3")(W, K)
    norms = [np.linalg.norm(np.linalg.matrix_power(W, j), 2) for j in range(K + 1)]
    assert 0 <= k <= K
    assert norms[k] == pytest.approx(size, rel=1e-9) == max(norms)


@few
@given(seed=seeds, m=st.integers(1, 3), k=st.integers(1, 5))
def test_fences_close_as_words_grow(seed, m, k):
    matrices = np.random.default_rng(seed).normal(size=(m, 2, 2))
    (low, high), (low2, high2) = answer("7.4")(matrices, k), answer("7.4")(matrices, 2 * k if k < 4 else k)
    assert low <= high * (1 + 1e-12)
    assert low <= low2 * (1 + 1e-9)
    assert high2 <= high * (1 + 1e-9)
    if m == 1:
        assert low == pytest.approx(np.abs(np.linalg.eigvals(matrices[0])).max(), rel=1e-6)


@few
@given(seed=seeds, exponent=st.integers(-300, 300), threshold=st.floats(1e-3, 1e3))
@example(seed=0, exponent=200, threshold=1.0)
@example(seed=0, exponent=-200, threshold=1e-205)
def test_clipped_gradients_are_parallel_and_no_longer_than_the_threshold(seed, exponent, threshold):
    rng = np.random.default_rng(seed)
    grads = [10.0**exponent * rng.normal(size=shape) for shape in ((2, 3), (), (4,))]
    clipped = answer("7.5")(grads, threshold)
    exact = mpmath.sqrt(sum(mpmath.mpf(float(v)) ** 2 for g in grads for v in np.ravel(g)))
    factor = float(min(mpmath.mpf(1), threshold / exact))
    for g, c in zip(grads, clipped, strict=True):
        assert np.shape(c) == np.shape(g)
        np.testing.assert_allclose(c, g * factor if factor > 1e-290 else g / float(exact) * threshold, rtol=1e-12)


def test_zeros_and_empty_lists_are_left_alone():
    clip = answer("7.5")
    assert clip([], 1.0) == []
    np.testing.assert_array_equal(clip([np.zeros(3), np.zeros((2, 0))], 1.0)[0], np.zeros(3))


@few
@given(seed=seeds, T=st.integers(2, 60), ceiling=st.floats(1e-3, 1e6))
def test_the_rate_of_divergence_is_the_slope_below_the_ceiling(seed, T, ceiling):
    rng = np.random.default_rng(seed)
    d = np.exp(np.cumsum(rng.normal(0.1, 0.5, T)))
    d[:2] = ceiling * rng.uniform(1e-6, 0.999, 2)
    d = np.where(rng.random(T) < 0.1, ceiling, d)  # ties
    d[:2] = np.minimum(d[:2], 0.999 * ceiling)
    stop = next((t for t, v in enumerate(d) if v >= ceiling), T)
    expected = linregress(np.arange(stop), np.log(d[:stop])).slope
    assert answer("8.1")(list(d), ceiling) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@few
@given(seed=seeds, n=st.integers(1, 5), T=st.integers(1, 300))
def test_exponents_of_a_whole_frame_add_up_to_the_determinants(seed, n, T):
    jacobians = np.random.default_rng(seed).normal(size=(T, n, n))
    found = answer("8.2")(jacobians, np.eye(n))
    assert found.sum() == pytest.approx(np.linalg.slogdet(jacobians)[1].mean(), rel=1e-8, abs=1e-10)
    np.testing.assert_allclose(answer("8.2")(jacobians.tolist(), np.eye(n)[:, :1].tolist()), found[:1], rtol=1e-9)


@few
@given(edge=st.floats(0.6, 2.9), bend=st.floats(0.01, 5))
def test_the_edge_is_where_brentq_finds_it(edge, bend):
    def rule(g):
        return np.expm1(bend * (g - edge))

    assert answer("8.3")(rule, 0.5, 3.0) == pytest.approx(brentq(rule, 0.5, 3.0), abs=1e-6)


@few
@given(rate=st.floats(-5, 5), fraction=st.floats(1e-12, 0.999))
@example(rate=0.0, fraction=0.5)
def test_after_its_horizon_the_fraction_is_left(rate, fraction):
    assume(rate >= 0 or rate < -1e-6)
    t = answer("8.4")(rate, fraction)
    assert t == np.inf if rate >= 0 else np.exp(rate * t) == pytest.approx(fraction, rel=1e-9)


@few
@given(seed=seeds, T=st.integers(1, 6), n=st.integers(1, 3), scale=st.floats(0.1, 200))
def test_the_gradient_in_the_candidate_in_sixty_digits(seed, T, n, scale):
    rng = np.random.default_rng(seed)
    (zf, zi, zg), v = scale * rng.normal(size=(3, T, n)), rng.normal(size=n)
    found = answer("9.1")(zf.tolist(), zi.tolist(), zg.tolist(), v.tolist())
    mpmath.mp.dps = 60
    for j in range(n):
        heard = mpmath.mpf(v[j])
        for t in reversed(range(T)):
            exact = heard * mpmath.sech(zg[t, j]) ** 2 / (1 + mpmath.exp(-zi[t, j]))
            assert found[t][j] == pytest.approx(float(exact), rel=1e-10, abs=1e-300)
            heard /= 1 + mpmath.exp(-zf[t, j])


@few
@given(gap=st.integers(1, 10**7), keep=st.floats(1e-9, 1 - 1e-9))
def test_the_forget_bias_keeps_what_is_asked(gap, keep):
    mpmath.mp.dps = 60
    exact = -mpmath.log(mpmath.expm1(-mpmath.log(mpmath.mpf(keep)) / gap))
    assert answer("9.2")(gap, keep) == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


@few
@given(n=st.integers(1, 10**12), merge=st.lists(st.integers(1, 1000), max_size=5))
def test_path_lengths_by_exact_fractions(n, merge):
    left = n
    for group in merge:
        whole, rest = divmod(Fraction(left, group), 1)
        left = int(whole) + (rest > 0)
    assert answer("9.3")(n, merge) == left + len(merge)


@few
@given(seed=seeds, batch=st.integers(1, 3), k=st.integers(1, 4), blocks=st.integers(1, 3), words=st.integers(1, 3))
def test_word_features_equal_a_convolution_and_a_pool(seed, batch, k, blocks, words):
    rng = np.random.default_rng(seed)
    x, K = np.eye(4)[rng.integers(4, size=(batch, k * blocks * words))], rng.normal(size=(4 * k, 2))
    kernel = torch.tensor(K.reshape(k, 4, 2)).permute(2, 1, 0)
    conv = torch.nn.functional.conv1d(torch.tensor(x).transpose(1, 2), kernel, stride=k)
    pooled = torch.nn.functional.avg_pool1d(torch.relu(conv), blocks).transpose(1, 2)
    np.testing.assert_allclose(answer("9.4")(x, K, k * blocks), pooled, atol=1e-12)


@few
@given(seed=seeds, n=st.integers(1, 6), m=st.integers(1, 6), batch=st.integers(1, 4))
def test_the_factor_of_a_layer_is_a_mean_over_all_that_is_random(seed, n, m, batch):
    rng = np.random.default_rng(seed)
    W, slopes = rng.normal(size=(n, m)), rng.normal(size=(batch, m))
    exact = n * np.mean([w**2 for row in W for w in row]) * np.mean([s**2 for row in slopes for s in row])
    assert answer("10.1")(W.tolist(), slopes.tolist()) == pytest.approx(exact)


@few
@given(n=st.integers(1, 10**6), leak=st.floats(-3, 3))
def test_he_for_a_leaky_relu(n, leak):
    assert n * answer("10.2")(n, leak) ** 2 * (1 + leak**2) / 2 == pytest.approx(1)


@settings(few, max_examples=6)
@given(sigma_b=st.floats(0.05, 1))
@example(sigma_b=0.05)
@example(sigma_b=1.0)
def test_on_the_critical_line_chi_is_one(sigma_b):
    def excess(sigma_w):
        q = brentq(lambda q: variance_step(q, sigma_w, sigma_b) - q, 1e-9, 20, xtol=1e-13)
        return chi(q, sigma_w) - 1

    assert answer("10.3")(sigma_b) == pytest.approx(brentq(excess, 0.9, 3), rel=2e-4)


@few
@given(n=st.integers(200, 4000), depth=st.integers(4, 20))
def test_widths_keep_their_promises(n, depth):
    widths = answer("10.4")(n, depth, n**2 * depth // 2)
    assert len(widths) == depth + 1
    assert widths[0] == n
    assert all(isinstance(w, int) and w > 0 for w in widths)
    assert 0.5 <= widths[-1] / n <= 2
    assert sum(a * b for a, b in itertools.pairwise(widths)) <= n**2 * depth // 2
    assert sum(5 / w for w in widths[1:]) <= 1


@few
@given(L=st.integers(1, 10**5), spread=st.floats(1e-3, 10))
@example(L=6, spread=0.1)
@example(L=7, spread=0.7)
def test_the_needed_width_is_the_smallest_that_keeps_the_promise(L, spread):
    n = answer("10.5")(L, spread)
    assert 5 * L / n <= spread
    assert n == 1 or 5 * L / (n - 1) > spread


@few
@given(n_out=st.integers(1, 9), n_in=st.integers(1, 9), slope2=st.floats(0.01, 4))
def test_the_gain_of_an_orthogonal_layer(n_out, n_in, slope2):
    variance = 1 / max(n_out, n_in)
    assert n_out * variance * answer("10.6")(n_out, n_in, slope2) ** 2 * slope2 == pytest.approx(1)


@few
@given(seed=seeds, batch=st.integers(2, 7), n=st.integers(1, 5), eps=st.floats(1e-3, 1))
def test_norms_backwards(seed, batch, n, eps):
    rng = np.random.default_rng(seed)
    z, g, gamma = rng.normal(1, 3, (batch, n)), rng.normal(size=(batch, n)), rng.normal(size=n)
    F, G = torch.nn.functional, torch.tensor(g)
    (dz,) = gradients(lambda z: (F.batch_norm(z, None, None, training=True, eps=eps) * G).sum(), z)
    np.testing.assert_allclose(answer("11.1")(z.tolist(), g.tolist(), eps), dz, rtol=1e-6, atol=1e-9)
    dz, dgamma = gradients(lambda z, gamma: (F.layer_norm(z, (n,), gamma, eps=eps) * G).sum(), z, gamma)
    mine = answer("11.2")(z, gamma, g, eps)
    np.testing.assert_allclose(mine[0], dz, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mine[1], dgamma, rtol=1e-6, atol=1e-9)


@few
@given(seed=seeds, k=st.integers(0, 4), batch=st.integers(2, 5), momentum=st.floats(0, 1))
def test_batch_norm_in_eval_mode(seed, k, batch, momentum):
    rng = np.random.default_rng(seed)
    batches, z = rng.normal(2, 3, size=(k, batch, 3)), rng.normal(size=(2, 3))
    layer = torch.nn.BatchNorm1d(3, affine=False, momentum=momentum, eps=0.1, dtype=torch.float64)
    for one in batches:
        layer(torch.tensor(one))
    np.testing.assert_allclose(answer("11.3")(batches, z, momentum, 0.1), layer.eval()(torch.tensor(z)), rtol=1e-9)


@few
@given(seed=seeds, n=st.integers(1, 6), m=st.integers(1, 6), steps=st.integers(1, 30))
def test_power_iteration_from_below(seed, n, m, steps):
    rng = np.random.default_rng(seed)
    W, u = rng.normal(size=(n, m)), rng.normal(size=n)
    u /= np.linalg.norm(u)
    estimate, last = answer("11.4")(W.tolist(), u.tolist(), steps)
    assert estimate <= np.linalg.norm(W, 2) * (1 + 1e-12)
    assert np.linalg.norm(last) == pytest.approx(1)
    direction = np.linalg.matrix_power(W @ W.T / np.linalg.norm(W, 2) ** 2, steps) @ u
    if np.linalg.norm(direction) > 1e-3:
        assert abs(direction @ last) == pytest.approx(np.linalg.norm(direction), rel=1e-6)


@few
@given(seed=seeds, n=st.integers(1, 4), m=st.integers(1, 4), beta=st.floats(0, 3))
def test_the_jacobian_of_a_block(seed, n, m, beta):
    rng = np.random.default_rng(seed)
    h, W, V = rng.normal(size=n), rng.normal(size=(m, n)), rng.normal(size=(n, m))
    judge = torch.autograd.functional.jacobian(
        lambda h: h + beta * torch.tensor(V) @ torch.tanh(torch.tensor(W) @ h), torch.tensor(h)
    )
    np.testing.assert_allclose(answer("12.1")(h.tolist(), W.tolist(), V.tolist(), beta), judge, atol=1e-12)


@few
@given(L=st.integers(1, 10**4), g=st.floats(1e-3, 10), growth=st.floats(1, 1e6))
def test_a_branch_scale_gives_the_growth(L, g, growth):
    assume(growth == 1 or growth > 1 + 1e-9)
    mpmath.mp.dps = 60
    exact = mpmath.sqrt((mpmath.mpf(growth) ** (mpmath.mpf(1) / L) - 1) / g)
    assert answer("12.2")(L, g, growth) == pytest.approx(float(exact), rel=1e-6)


@few
@given(L=st.integers(1, 1000), beta=st.floats(0, 1))
@example(L=1000, beta=1.0)
@example(L=1, beta=0.0)
def test_shares_of_paths_are_binomial(L, beta):
    shares = answer("12.3")(L, beta)
    np.testing.assert_allclose(shares, binom.pmf(np.arange(L + 1), L, beta**2 / (1 + beta**2)), rtol=1e-6, atol=1e-12)


@few
@given(seed=seeds, L=st.integers(1, 8), n=st.integers(1, 4), dead=st.booleans())
def test_the_breaking_block_by_autograd(seed, L, n, dead):
    rng = np.random.default_rng(seed)
    J, delta = 0.5 * rng.normal(size=(L, n, n)), rng.normal(size=n)
    if dead:
        J[L // 2] = -np.eye(n)
    h = [torch.zeros(n, dtype=torch.float64, requires_grad=True)]
    for A in torch.tensor(J):
        h.append(h[-1] + A @ h[-1])
        h[-1].retain_grad()
    h[-1].backward(torch.tensor(delta))
    sizes = [float(state.grad.norm()) for state in h]
    kept = [below / above if above else np.inf for below, above in itertools.pairwise(sizes)]
    assert answer("12.4")(J.tolist(), delta.tolist()) == int(np.argmin(kept)) + 1


@few
@given(seed=seeds, batch=st.integers(1, 4), n=st.integers(1, 5), m=st.integers(1, 5), eps=st.floats(1e-6, 1))
def test_a_pre_norm_block(seed, batch, n, m, eps):
    rng = np.random.default_rng(seed)
    h, W, V = rng.normal(1, 2, (batch, n)), rng.normal(size=(m, n)), rng.normal(size=(n, m))
    u = torch.nn.functional.layer_norm(torch.tensor(h), (n,), eps=eps)
    judge = torch.tensor(h) + torch.relu(u @ torch.tensor(W).T) @ torch.tensor(V).T
    np.testing.assert_allclose(answer("12.5")(h.tolist(), W.tolist(), V.tolist(), eps), judge, atol=1e-9)
