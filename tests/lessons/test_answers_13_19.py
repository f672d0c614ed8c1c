"""Reference answers of lessons 13 to 19 on their whole domain, against torch, SciPy, mpmath and closed forms."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import sqrtm
from scipy.stats import norm, spearmanr

from reference import answer
from vanishing.landscapes import any_case

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)
mpmath.mp.dps = 50


def hooks(model):
    return sum(len(part._forward_hooks) + len(part._backward_hooks) for part in model.modules())


MODELS = {
    "Flatten first": lambda: (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 2)), torch.ones(4, 2, 3)),
    "ReLU first": lambda: (torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(3, 2)), torch.ones(4, 3)),
    "frozen embedding": lambda: (
        torch.nn.Sequential(torch.nn.Embedding(5, 3).requires_grad_(False), torch.nn.Linear(3, 2)),
        torch.tensor([0, 3]),
    ),
    "convolution": lambda: (
        torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2)),
        torch.ones(3, 1, 4, 4),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_recorder_hears_what_retained_gradients_say(name):
    model, x = MODELS[name]()
    heard = answer("13.1")(model, x)
    assert hooks(model) == 0
    h, kept = x, {}
    for k, part in enumerate(model):
        h = part(h)
        if h.requires_grad:
            h.retain_grad()
            kept[str(k)] = h
    h.sum().backward()
    assert heard == pytest.approx({k: float(t.grad.double().norm()) for k, t in kept.items()}, rel=1e-12)


def test_a_recorder_hears_both_outputs_of_a_recurrent_leaf():
    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(2, 3)

        def forward(self, x):
            return self.gru(x)[0]

    assert answer("13.1")(Last(), torch.ones(4, 2)) == pytest.approx({"gru": math.sqrt(12)})


def test_a_recorder_leaves_no_hooks_when_the_model_raises():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(3, 2))
    with pytest.raises(RuntimeError):
        answer("13.1")(model, torch.ones(1, 3))
    assert hooks(model) == 0


@few
@given(seed=seeds, eta=st.sampled_from([1e-8, 0.1, 30.0]))
def test_sleeping_layers(seed, eta):
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-12, 2, size=(4, 2))
    g, W = ([s * rng.normal(size=(2, 3)) for s in row] for row in sizes.T)
    steps = [eta * math.hypot(*a.ravel()) / math.hypot(*b.ravel()) for a, b in zip(g, W, strict=True)]
    assert answer("13.2")(g, W, eta) == [k for k, step in enumerate(steps, 1) if step < 2.0**-24]


@few
@given(seed=seeds)
def test_vital_signs(seed):
    z = np.random.default_rng(seed).normal(scale=4, size=(5, 7)).round(1)
    flat, dead = answer("13.3")(z)
    assert flat == np.mean([1 / math.cosh(v) ** 2 < 0.01 for v in z.ravel()])
    assert dead == np.mean((np.maximum(z, 0) == 0).all(axis=0))
    assert answer("13.3")(z.tolist()) == (flat, dead)


shares = st.integers(0, 20).map(lambda k: k / 20)
sizes = st.integers(-16, 16).map(lambda k: 10.0 ** (k / 2 + 0.1))  # on no threshold


@few
@given(data=st.data(), L=st.integers(1, 6))
@example(data=None, L=4)
def test_a_diagnosis_follows_its_thresholds(data, L):
    dead, saturated = [0.8] * L, [0.0, 1.0] * (L // 2)  # at the thresholds: the one is reached, the other not exceeded
    delta = [1.0] * L
    if data:
        dead, saturated, delta = (data.draw(st.lists(kind, min_size=L, max_size=L)) for kind in (shares, shares, sizes))
    heard = {"dead": np.array(dead), "saturated": np.array(saturated), "delta": np.array(delta), "rms": np.ones(L)}
    decades = math.log10(delta[0] / delta[-1])
    right = "exploding" if decades > 2 else "vanishing" if decades < -4 else "healthy"
    if sum(round(20 * share) for share in saturated) > 10 * L:
        right = "saturated"
    if any(round(20 * share) >= 16 for share in dead):
        right = "dead"
    assert answer("13.4")([heard, heard]) == [right, right]


@few
@given(a=st.floats(-1e4, 1e4))
@example(a=40.0)
@example(a=-700.0)
def test_generator_losses_have_their_digits(a):
    exact = [-mpmath.log1p(mpmath.exp(a)), mpmath.log1p(mpmath.exp(-mpmath.mpf(a)))]
    for loss, right in zip(answer("14.1")([a]), exact, strict=True):
        assert loss[0] == pytest.approx(float(right), rel=1e-12, abs=1e-300)


@few
@given(seed=seeds, far=st.sampled_from([-850, 0, 850]), n=st.integers(1, 5))
def test_log_ratio_of_a_batch(seed, far, n):
    rows = np.random.default_rng(seed).normal(far, 3, size=(2, n))
    for row, found in zip(rows, answer("14.2")(rows), strict=True):
        up, down = (sum(1 / (1 + mpmath.exp(sign * mpmath.mpf(v))) for v in row) for sign in (1, -1))
        assert found == pytest.approx(float(mpmath.log10(up / down)), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("tol", [0.01, 0.1, 0.3])
def test_dead_accuracy(tol):
    solve = answer("14.3")
    grid = np.linspace(-12, 30, 42_001)
    solve.__globals__["mean_D"].__globals__.update(grid=grid, dx=grid[1] - grid[0])
    d = 2 * norm.ppf(solve(tol))
    mean = quad(lambda x: norm.pdf(x) / (1 + math.exp(d * d / 2 - d * x)), -12, 20)[0]
    assert mean == pytest.approx(tol, rel=1e-5)


@few
@given(seed=seeds, size=st.sampled_from([1e-9, 1e-3, 1e3]))
def test_adam_is_torchs(seed, size):
    g, w = size * np.random.default_rng(seed).normal(size=7), torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adam, places = torch.optim.Adam([w], lr=0.3, betas=(0.8, 0.95), eps=1e-8), [0.0]
    for one in g:
        w.grad = torch.full_like(w, one)
        adam.step()
        places.append(w.item())
    np.testing.assert_allclose(answer("14.4")(g, 0.3, 0.8, 0.95, 1e-8), np.diff(places), rtol=1e-6, atol=1e-12)


@few
@given(seed=seeds, depth=st.integers(1, 4))
def test_normalised_gradient_is_autograds(seed, depth):
    rng = np.random.default_rng(seed)
    widths = [3, *rng.integers(1, 6, size=depth - 1), 1]
    W = [rng.normal(size=(m, n)) for n, m in itertools.pairwise(widths)]
    b, x = [rng.normal(size=m) for m in widths[1:]], torch.tensor(rng.normal(size=3), requires_grad=True)
    h = x
    for k, (M, c) in enumerate(zip(W, b, strict=True)):
        h = torch.tensor(M / np.linalg.svd(M)[1][0]) @ (torch.relu(h) if k else h) + torch.tensor(c)
    (g,) = torch.autograd.grad(h.sum(), x)
    np.testing.assert_allclose(answer("14.5")(W, b, x.detach().numpy()), g, rtol=1e-9, atol=1e-13)


@few
@given(seed=seeds, m=st.integers(1, 5), K=st.integers(1, 4))
def test_saliency_of_a_logit(seed, m, K):
    rng = np.random.default_rng(seed)
    x, W1, b1, W2 = (rng.normal(size=s) for s in (3, (m, 3), m, (K, m)))

    def net(x):
        return torch.tensor(W2) @ torch.tanh(torch.tensor(W1) @ x + torch.tensor(b1))

    rows = torch.autograd.functional.jacobian(net, torch.tensor(x))
    np.testing.assert_allclose(answer("15.1")(x, W1, b1, W2, K - 1), rows[K - 1], rtol=1e-9, atol=1e-12)


@few
@given(seed=seeds, n=st.integers(1, 5), m=st.integers(1, 9))
def test_integrated_gradients_of_a_quadratic_are_exact_and_of_a_cube_are_the_midpoints(seed, n, m):
    rng = np.random.default_rng(seed)
    Q, c = torch.tensor(rng.normal(size=(n, n))), torch.tensor(rng.normal(size=n))
    x, b = torch.tensor(rng.normal(size=(2, n)))
    credits, gap = answer("15.2")(lambda x: ((x @ Q) * x).sum(dim=-1) + x @ c, x, b, m)
    torch.testing.assert_close(credits, (x - b) * ((Q + Q.T) @ (x + b) / 2 + c), rtol=1e-10, atol=1e-12)
    assert abs(gap) < 1e-10
    credits, gap = answer("15.2")(lambda x: (x**3).sum(dim=-1), x, b, m)
    middles = b + (x - b) * ((torch.arange(m).double() + 0.5) / m)[:, None]
    torch.testing.assert_close(credits, (x - b) * 3 * (middles**2).mean(dim=0), rtol=1e-10, atol=1e-12)
    assert gap == pytest.approx(float(credits.sum() - (x**3).sum() + (b**3).sum()), abs=1e-10)


@few
@given(seed=seeds, lead=st.sampled_from([0.0, 36.0, 60.0]), K=st.integers(1, 5))
def test_maps_of_probabilities_have_their_digits(seed, lead, K):
    rng = np.random.default_rng(seed)
    z, J = rng.normal(size=K), rng.normal(size=(K, 2))
    z[0] += lead
    p = [mpmath.exp(mpmath.mpf(v)) for v in z]
    p = [v / sum(p) for v in p]
    for k, row in enumerate(answer("15.3")(z, J)):
        for i, found in enumerate(row):
            terms = [p[k] * p[j] * (mpmath.mpf(J[k, i]) - mpmath.mpf(J[j, i])) for j in range(K)]
            room = 1e-12 * float(sum(map(abs, terms)))
            assert found == pytest.approx(float(sum(terms)), rel=1e-9, abs=room)


@few
@given(seed=seeds)
def test_a_neutral_baseline_and_its_credit(seed):
    rng = np.random.default_rng(seed)
    sharp, weight, middle = (torch.tensor(rng.uniform(*ends, 4)) for ends in ((1, 5), (0.5, 2), (0.3, 0.7)))
    a, b, x = torch.zeros(4).double(), torch.ones(4).double(), torch.tensor(rng.uniform(size=4))
    level = (torch.tanh(sharp * (0.3 - middle)) @ weight).item()

    def score(x):
        return torch.tanh(sharp * (x - middle)) @ weight - level

    base, credit = answer("15.4")(score, x, a, b, 2)
    np.testing.assert_allclose(base, 0.3, rtol=1e-9)
    part = torch.tanh(sharp * (x - middle)) - torch.tanh(sharp * (0.3 - middle))
    assert credit == pytest.approx(float(weight[2] * part[2]), rel=1e-4, abs=1e-9)


@few
@given(seed=seeds)
def test_agreement_counts_what_differs_from_the_baseline(seed):
    rng = np.random.default_rng(seed)
    A, x, m = torch.tensor(rng.normal(size=9)), torch.tensor(rng.normal(size=9)), torch.tensor(rng.normal(size=9))
    base = torch.where(torch.tensor(rng.random(9) < 0.3), x, torch.zeros(9).double())
    found = answer("15.5")(lambda x: x @ A, x, base, m)
    on = (x != base).numpy()
    right = spearmanr(m.abs().numpy()[on], (A * (x - base)).abs().numpy()[on]).statistic
    assert found == pytest.approx(right, rel=1e-12, nan_ok=True)


@few
@given(seed=seeds, n=st.integers(1, 5))
def test_compliance_gradient_is_autograds(seed, n):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n, 3, 3))
    K, rho, f = B @ B.transpose(0, 2, 1) + 0.1 * np.eye(3), rng.uniform(0.3, 1, size=n), rng.normal(size=3)
    r = torch.tensor(rho, requires_grad=True)
    c = torch.tensor(f) @ torch.linalg.solve(torch.einsum("e,eij->ij", r**3, torch.tensor(K)), torch.tensor(f))
    (g,) = torch.autograd.grad(c, r)
    np.testing.assert_allclose(answer("16.1")(K, rho, f), g, rtol=1e-7)
    np.testing.assert_allclose(answer("16.1")(K.tolist(), rho.tolist(), f.tolist()), g, rtol=1e-7)


@few
@given(z=st.floats(0, 1), beta=st.floats(0.01, 500))
@example(z=1.0, beta=64.0)
def test_slope_of_the_projection_has_its_digits(z, beta):
    zz, bb = mpmath.mpf(z), mpmath.mpf(beta)
    right = bb / (2 * mpmath.tanh(bb / 2)) * mpmath.sech(bb * (zz - 0.5)) ** 2
    assert answer("16.2")(np.array([z]), np.array([beta]))[0] == pytest.approx(float(right), rel=1e-11)


@few
@given(seed=seeds, n=st.integers(1, 6), beta=st.sampled_from([1e-3, 1.0, 8.0, 64.0]))
def test_design_gradient_is_autograds(seed, n, beta):
    rng = np.random.default_rng(seed)
    H, x, dc = rng.uniform(size=(n, n)), rng.uniform(size=n), rng.normal(size=n)
    H /= H.sum(axis=1, keepdims=True)
    design = torch.tensor(x, requires_grad=True)
    z = torch.tensor(H) @ design
    half = math.tanh(beta / 2)
    rho = (half + torch.tanh(beta * (z - 0.5))) / (2 * half)
    (right,) = torch.autograd.grad(rho @ torch.tensor(dc), design)
    np.testing.assert_allclose(answer("16.3")(x, H, beta, dc), right, rtol=1e-7, atol=1e-10)


@few
@given(seed=seeds, tol=st.sampled_from([0.0, 1e-3, 1.0]))
def test_silent_share(seed, tol):
    delta = np.random.default_rng(seed).standard_t(1, size=9)
    delta[:2] = 0
    top = max(map(abs, delta))
    assert answer("16.4")(delta, tol) == pytest.approx(sum(abs(v) <= tol * top for v in delta) / 9)


@few
@given(seed=seeds, N=st.integers(1, 6))
def test_price_list_adds_up_to_the_error(seed, N):
    rng = np.random.default_rng(seed)
    J, tau, c, error = rng.normal(size=(N, 3, 3)), rng.normal(size=(N, 3)), rng.normal(size=3), np.zeros(3)
    for A, s in zip(J, tau, strict=True):
        error = A @ error + s
    assert answer("17.1")(J, tau, c).sum() == pytest.approx(c @ error, rel=1e-9, abs=1e-12)


@few
@given(seed=seeds, n=st.integers(1, 5))
def test_the_largest_step_is_where_the_radius_reaches_one(seed, n):
    A = np.random.default_rng(seed).normal(size=(n, n))
    A -= (np.linalg.eigvals(A).real.max() + 0.2) * np.eye(n)
    h, radius = answer("17.2")(A), lambda h: abs(np.linalg.eigvals(np.eye(n) + h * A)).max()
    assert radius(0.999 * h) < 1 < radius(1.001 * h)
    assert radius(h) == pytest.approx(1, rel=1e-9)


@few
@given(seed=seeds, N=st.integers(1, 5))
def test_adjoints_of_euler_are_autograds(seed, N):
    rng = np.random.default_rng(seed)
    W, h = torch.tensor(rng.normal(size=(3, 3)), requires_grad=True), rng.uniform(0.1, 1, size=N)
    y0, c, seen = (torch.tensor(rng.normal(size=s)) for s in (3, 3, (N, 3)))
    y = [y0.clone().requires_grad_()]
    for _ in h:
        y.append(y[-1] + 0.3 * torch.tanh(W @ y[-1]))
    plain = W.detach().numpy(), y0.numpy()
    found = answer("17.3")(*plain, 0.3, N, c.numpy())
    np.testing.assert_allclose(found, torch.stack(torch.autograd.grad(c @ y[-1], y)), rtol=1e-9, atol=1e-12)
    y, loss = y0, 0
    for step, target in zip(h, seen, strict=True):
        y = y + step * torch.tanh(W @ y)
        loss = loss + (y - target).square().sum() / 2
    times = np.concatenate([[0], np.cumsum(h)])
    (g,) = torch.autograd.grad(loss, W)
    np.testing.assert_allclose(answer("17.5")(*plain, times, seen.numpy()), g, rtol=1e-7, atol=1e-10)


@few
@given(seed=seeds, N=st.integers(1, 4))
def test_gradient_of_controls_is_autograds(seed, N):
    rng = np.random.default_rng(seed)
    A, B, x0, u = (rng.normal(size=s) for s in ((2, 2), (2, 1), 2, (N, 1)))
    Q, R, S = (np.diag(rng.uniform(0, 2, n)) for n in (2, 1, 2))
    v = torch.tensor(u, requires_grad=True)
    x, cost = torch.tensor(x0), 0
    for k in range(N):
        cost = cost + (x @ torch.tensor(Q) @ x + v[k] @ torch.tensor(R) @ v[k]) / 2
        x = torch.tensor(A) @ x + torch.tensor(B) @ v[k]
    (g,) = torch.autograd.grad(cost + x @ torch.tensor(S) @ x / 2, v)
    np.testing.assert_allclose(answer("17.4")(A, B, Q, R, S, x0, u), g, rtol=1e-9, atol=1e-12)


LOSSES = {
    "curved": lambda w: torch.sin(w).prod() + (w**3).sum(),
    "a plane": lambda w: 2 * w.sum(),
    "linear in one": lambda w: w[0] * w[1] + w[2],
}


@pytest.mark.parametrize("name", LOSSES)
def test_hessian_is_torchs(name):
    w = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    right = torch.autograd.functional.hessian(LOSSES[name], w)
    np.testing.assert_allclose(answer("18.1")(LOSSES[name], w), right, rtol=1e-12, atol=1e-14)


@few
@given(seed=seeds, n=st.integers(1, 5))
def test_steps_and_damped_newton(seed, n):
    rng = np.random.default_rng(seed)
    C, g = rng.normal(size=(n, n)), rng.normal(size=n)
    H = C @ C.T + 0.1 * np.eye(n)
    limit, best = answer("18.2")(H)

    lam = np.linalg.eigvalsh(H)

    def rate(eta):
        return abs(1 - eta * lam).max()

    assert rate(limit) == pytest.approx(1, rel=1e-9)
    assert rate(best) <= min(rate(0.99 * best), rate(1.01 * best)) + 1e-12
    H, mu = C + C.T, rng.uniform(0.1, 2)
    right = -np.linalg.solve(sqrtm(H @ H).real + mu * np.eye(n), g)
    np.testing.assert_allclose(answer("18.3")(g, H, mu), right, rtol=1e-5, atol=1e-7)


def test_share_of_layer_one_whatever_the_type():
    tiny = [np.full((2, 2), 1e-30, np.float32), np.full((3,), 1e-30, np.float32)]
    assert answer("18.4")(tiny) == pytest.approx(2 / math.sqrt(7))
    assert answer("18.4")([[[3.0]], [[4.0]]]) == pytest.approx(0.6)
    assert answer("18.4")([np.zeros((2, 2)), np.ones(3)]) == 0


@few
@given(seed=seeds, k=st.integers(0, 3))
def test_why_a_gradient_is_small_by_a_hessian_of_torchs(seed, k):
    case = any_case(np.random.default_rng(seed), k)
    loss, layers, eta = case["loss"], [layer.detach() for layer in case["layers"]], case["eta"]
    leaves = [layer.clone().requires_grad_() for layer in layers]
    squares = [float(g.square().sum()) for g in torch.autograd.grad(loss(leaves), leaves)]
    H = torch.autograd.functional.hessian(lambda first: loss([first, *layers[1:]]), layers[0])
    lam = np.linalg.eigvals(H.reshape(layers[0].numel(), -1).numpy()).real
    if squares[0] < 1e-6 * sum(squares):
        right = "vanished"
    elif -100 * lam.min() > abs(lam).max():
        right = "saddle"
    else:
        right = "ravine" if lam.max() > 2 / eta else "plateau"
    assert answer("18.5")(**case) == right
