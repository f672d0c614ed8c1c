"""Right answers that are written otherwise than the reference's, by lesson: (exercise, source) pairs."""

OTHERWISE = {
    "01": [
        (
            "1.4",
            """
from scipy.optimize import brentq
def factor_at_rest(w):
    u = brentq(lambda u: u - w * sigma(u), 0, w + 1, xtol=1e-14)
    return w * sigma_slope(u)
""",
        ),
    ],
    "02": [
        (
            "2.5",
            """
from sklearn.preprocessing import StandardScaler
def standardise(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)
""",
        ),
        (
            "2.3",
            """
from scipy.integrate import quad
def kept_on_average(bias, gain):
    f = lambda xi: np.exp(-xi**2 / 2) * sigmoid_slope(bias + gain * xi) ** 2
    return np.sqrt(quad(f, -12, 12, limit=400, points=[-bias / gain])[0] / np.sqrt(2 * np.pi))
""",
        ),
        (
            "2.4",
            """
def saturation(z, small):
    edge = 2 * np.arccosh(1 / np.sqrt(small))
    sat = np.abs(np.asarray(z, dtype=float)) > edge
    return [float(sat.mean()), float(np.all(sat, 0).mean())]
""",
        ),
    ],
    "03": [
        (
            "3.1",
            """
def zero_depth(a, e):
    never = np.log2(a) > -1
    return np.where(never, np.inf, np.ceil((e - 1) / np.log2(a)))
""",
        ),
        (
            "3.2",
            """
def scientific(factors):
    size = abs(factors)
    log = np.log10(size).sum()
    q = int(np.floor(log))
    return (-1) ** (factors < 0).sum() * 10 ** (log - q), q
""",
        ),
        (
            "3.3",
            """
def layer_norms(g):
    m = abs(g).max(axis=1, keepdims=True)
    m[m == 0] = 1
    return m[:, 0].astype(float) * np.linalg.norm(g / m, axis=1)
""",
        ),
        (
            "3.5",
            """
def apply_steps(w, steps):
    return (w.float() - steps.sum(0)).to(torch.bfloat16)
""",
        ),
        (
            "3.6",
            """
def largest_scale(g):
    mantissa, exponent = np.frexp(65504 / np.abs(g.astype(float)).max())
    return 2.0 ** (exponent - 1)
""",
        ),
        (
            "3.4",
            """
def first_absorbed(w, u, a):
    k = np.arange(5000)
    w = np.float32(w)
    return np.argmax(w - (u * a**k).astype(np.float32) == w)
""",
        ),
    ],
    "04": [
        (
            "4.1",
            """
def logit_gradients(a, y):
    p = 1 / (1 + np.exp(-a))
    return 2 * (p - y) * p * (1 - p), p - y
""",
        ),
        ("4.2", "def silent_logit(bits):\n    return -np.log(0.5**bits)"),
        (
            "4.3",
            """
import torch
def cross_entropy(z, labels):
    z, labels = torch.as_tensor(z), torch.as_tensor(labels)
    return torch.nn.functional.cross_entropy(z, labels, reduction="none")
""",
        ),
    ],
    "05": [
        (
            "5.1",
            """
def layer_jacobian(W, z):
    J = W.copy()
    J *= 1 - np.tanh(z) ** 2
    return J
""",
        ),
        (
            "5.2",
            """
def pull_back(W, z, delta):
    below = delta.dot(W)
    below *= 1 - np.tanh(z) ** 2
    return below.reshape(z.shape)
""",
        ),
        (
            "5.3",
            """
def mlp_gradients(W, b, x, y):
    h = [x.reshape(-1, 1)]
    for w, v in zip(W[:-1], b[:-1]):
        h.append(np.tanh(w @ h[-1] + v[:, None]))
    delta, grads = W[-1] @ h[-1] + b[-1][:, None] - y[:, None], []
    for w, below in zip(W[::-1], h[::-1]):
        grads.append(delta @ below.T)
        delta = (w.T @ delta) * (1 - below**2)
    return grads[::-1]
""",
        ),
        (
            "5.4",
            """
def bound_gap(J):
    P, log = np.eye(len(J[0])), 0.0
    for M in J[::-1]:
        P = M.T @ P
        s = np.abs(P).max(); P = P / s; log += np.log(s)
    log += np.log(np.linalg.norm(P, 2))
    return (sum(np.log(np.linalg.norm(M, 2)) for M in J) - log) / np.log(10)
""",
        ),
        (
            "5.4",
            """
def bound_gap(J):
    def go(a):
        if len(a) == 1:
            n = np.linalg.norm(a[0], 2)
            return a[0] / n, 0.0
        m = len(a) // 2
        P, p = go(a[:m]); Q, q = go(a[m:])
        R = Q @ P
        n = np.linalg.norm(R, 2)
        return R / n, p + q - np.log10(n)
    return max(go(list(J))[1], 0.0)
""",
        ),
    ],
    "06": [
        (
            "6.1",
            """
def loud_and_lost(J):
    P = J[0]
    for layer in J[1:]:
        P = layer @ P
    vectors = np.linalg.eigh(P.T @ P)[1]
    return vectors[:, -1], vectors[:, 0]
""",
        ),
        (
            "6.2",
            """
def numerical_rank(J, tol):
    s = singular_values(J)
    return int((s / s[0] >= tol).sum())
""",
        ),
        (
            "6.4",
            """
def orthogonal_from(A):
    Q, n = A.copy(), len(A)
    for j in range(n):
        for i in range(j):
            Q[:, j] -= (Q[:, i] @ Q[:, j]) * Q[:, i]
        Q[:, j] /= np.linalg.norm(Q[:, j])
    return Q
""",
        ),
        (
            "6.5",
            """
def safe_length(L, kappa):
    return np.arctanh(np.sqrt(1 - kappa ** (-1 / L)))
""",
        ),
        (
            "6.3",
            """
import torch
def smallest_trusted(s, eps, tol):
    t = torch.as_tensor(np.asarray(s, dtype=float))
    return t[eps * t[0] / t <= tol].min()
""",
        ),
    ],
    "08": [
        (
            "8.3",
            """
def critical_gain(exponent, low, high):
    while high - low > 1e-9:
        mid = np.sqrt(low * high)
        if exponent(mid) > 0:
            high = mid
        else:
            low = mid
    return low
""",
        ),
        (
            "8.3",
            """
def critical_gain(exponent, low, high):
    for _ in range(6):
        g = np.linspace(low, high, 41)
        k = next(k for k, x in enumerate(g) if exponent(float(x)) >= 0)
        low, high = g[max(k - 1, 0)], g[k]
    return float(high)
""",
        ),
    ],
    "09": [
        (
            "9.3",
            """
import math
def path_length(n, merge):
    return math.ceil(n / math.prod(merge)) + len(merge)
""",
        ),
        (
            "9.3",
            """
def path_length(n, merge):
    x = np.zeros(n)
    for m in merge:
        x = x[::m]
    return np.int32(x.size + len(merge))
""",
        ),
    ],
    "11": [
        (
            "11.3",
            """
def bn_eval(batches, z_new, momentum, eps):
    b = torch.as_tensor(np.asarray(batches, dtype=float))
    layer = torch.nn.BatchNorm1d(b.shape[2], eps=eps, momentum=momentum, affine=False, dtype=torch.float64)
    for x in b: layer(x)
    return layer.eval()(torch.as_tensor(np.asarray(z_new, dtype=float)))
""",
        ),
        (
            "11.3",
            """
def bn_eval(batches, z_new, momentum, eps):
    b = np.asarray(batches, dtype=float)
    k = len(b)
    w = momentum * (1 - momentum) ** np.arange(k - 1, -1, -1)
    m = np.tensordot(w, b.mean(axis=1), 1)
    v = (1 - momentum) ** k + np.tensordot(w, b.var(axis=1, ddof=1), 1)
    return ((np.asarray(z_new) - m) / np.sqrt(v + eps)).tolist()
""",
        ),
        (
            "11.1",
            """
def bn_back(z, g, eps):
    z = torch.tensor(np.asarray(z, dtype=float), requires_grad=True)
    y = torch.nn.functional.batch_norm(z, None, None, training=True, eps=eps)
    return torch.autograd.grad(y, z, torch.tensor(np.asarray(g, dtype=float)))[0]
""",
        ),
    ],
    "12": [
        (
            "12.1",
            """
def block_jacobian(h, W, V, beta):
    h, W, V = (torch.as_tensor(np.asarray(x, dtype=float)) for x in (h, W, V))
    return torch.autograd.functional.jacobian(lambda h: h + beta * V @ torch.tanh(W @ h), h)
""",
        ),
        (
            "12.1",
            """
def block_jacobian(h, W, V, beta):
    h = np.asarray(h, dtype=complex); n = len(h)
    cols = []
    for j in range(n):
        p = h.copy(); p[j] += 1e-30j
        cols.append((p + beta * np.asarray(V) @ np.tanh(np.asarray(W) @ p)).imag / 1e-30)
    return np.column_stack(cols)
""",
        ),
    ],
    "14": [
        (
            "14.3",
            """
from scipy.integrate import quad
from scipy.optimize import brentq
def dead_accuracy(tol):
    def m(d):
        f = lambda x: norm.pdf(x) * sigmoid(d * x - d**2 / 2)
        return quad(f, -12, 30, points=[0, d / 2], epsabs=1e-12, limit=200)[0]
    return norm.cdf(brentq(lambda d: m(d) - tol, 0, 16) / 2)
""",
        ),
    ],
    "15": [
        (
            "15.5",
            """
from scipy.stats import rankdata
def agreement(score, x, baseline, saliency_map):
    keep = (x != baseline).nonzero()[:, 0]
    drops = []
    for i in keep.tolist():
        y = x.clone(); y[i] = baseline[i]
        drops.append(abs(float(score(x)) - float(score(y))))
    a, b = rankdata(drops), rankdata([abs(float(saliency_map[i])) for i in keep])
    return np.corrcoef(a, b)[0, 1]
""",
        ),
        (
            "15.5",
            """
from scipy.stats import rankdata
def agreement(score, x, baseline, saliency_map):
    drop = np.abs([float(score(x) - score(x + (baseline - x) * e)) for e in torch.eye(len(x), dtype=x.dtype)])
    k = (x - baseline).numpy() != 0
    a = rankdata(drop[k]); b = rankdata(np.abs(np.asarray(saliency_map))[k])
    a = a - a.mean(); b = b - b.mean()
    return a @ b / np.sqrt((a @ a) * (b @ b))
""",
        ),
    ],
    "20": [
        (
            "20.1",
            """
def softmax_back(p, g):
    return [(np.diag(row) - np.outer(row, row)) @ up for row, up in zip(p, g)]
""",
        ),
        (
            "20.3",
            """
def attention_back(Q, K, V, G):
    import torch
    parts = [torch.tensor(part, requires_grad=True) for part in (Q, K, V)]
    H = torch.nn.functional.scaled_dot_product_attention(*parts)
    return torch.autograd.grad(H, parts, torch.tensor(G))
""",
        ),
        (
            "20.4",
            """
def causal_attention(Q, K, V):
    rows = []
    for i, q in enumerate(Q):
        s = K[: i + 1] @ q / np.sqrt(len(q))
        e = np.exp(s - s.max())
        rows.append(e / e.sum() @ V[: i + 1])
    return rows
""",
        ),
        (
            "20.5",
            """
def qk_logits(Q, K, gain):
    return [[gain * (q @ k) / np.sqrt((q @ q) * (k @ k)) for k in K] for q in Q]
""",
        ),
        ("20.6", "def stable_recipe(steps, seeds):\n    return dict(cap=2.0, rate=0.03)"),
    ],
    "21": [
        (
            "21.1",
            """
import math
def spiral(steps, keep, period):
    return [math.log(math.log(1 / keep)) - math.log(steps), math.tau / period]
""",
        ),
        (
            "21.2",
            """
def pulls(nu, theta, x, y):
    lam, h, s = np.exp(-np.exp(nu) + 1j * theta), 0.0, 0.0
    for step in x:
        h, s = lam * h + step, lam * s + h
    s, error = s * lam, np.real(h) - y
    return np.array([error * np.real(-np.exp(nu) * s), error * np.real(1j * s)])
""",
        ),
        (
            "21.2",
            """
import torch
def pulls(nu, theta, x, y):
    v, w = (torch.tensor(float(p), dtype=torch.float64, requires_grad=True) for p in (nu, theta))
    k = torch.arange(len(x) - 1, -1, -1)
    h = (torch.exp(k * torch.complex(-torch.exp(v), w)) * torch.tensor(x)).sum()
    return torch.autograd.grad((h.real - y) ** 2 / 2, (v, w))
""",
        ),
        (
            "21.3",
            """
def joined(first, then):
    M = np.array([[then[0], then[1]], [0 * then[0], 1 + 0 * then[0]]])
    N = np.array([[first[0], first[1]], [0 * first[0], 1 + 0 * first[0]]])
    return np.einsum("ij...,jk...->ik...", M, N)[0]
""",
        ),
        (
            "21.4",
            """
def heard_by_scan(a, e):
    delta = [e[-1]]
    for t in range(len(a) - 1, 0, -1):
        delta.insert(0, a[t] * delta[0] + e[t - 1])
    return delta
""",
        ),
        (
            "21.5",
            """
def discretise(a, b, dt):
    from scipy.linalg import expm
    both = [expm(np.array([[p * dt, q * dt], [0, 0]])) for p, q in zip(a, b)]
    return [M[0, 0] for M in both], [M[0, 1] for M in both]
""",
        ),
        ("21.6", "def long_start(gap):\n    return dict(horizon=1e5, write=-11, gain=18)"),
    ],
    "22": [
        (
            "22.1",
            """
def exponents(a, c, optimiser):
    own = {"SGD": (-a, 1 - a, 1), "Adam": (0, 1, 1)}[optimiser]
    return np.array(own) + np.array(c)
""",
        ),
        (
            "22.2",
            """
def mup_factors(r_out, r_in, optimiser):
    norm = r_in**-0.5 * min(1, (r_out / r_in) ** 0.5)
    return [norm, {"SGD": r_out, "Adam": 1}[optimiser] / r_in]
""",
        ),
        (
            "22.3",
            """
def mup_sgd(W, g, eta, base):
    n = W[-1].shape[1]
    rates = eta * np.array([n / base, *[1] * (len(W) - 2), base / n])
    for w, part, rate in zip(W, g, rates):
        w -= rate * part
    return tuple(W)
""",
        ),
        (
            "22.4",
            """
def transfer_cost(losses):
    price = losses[:, np.nanargmin(losses[0])] - np.nanmin(losses, axis=1)
    return [float("inf") if np.isnan(p) else p for p in price]
""",
        ),
        (
            "22.5",
            """
def gelu_bias(w2):
    from scipy.optimize import brentq
    from vanishing.meanfield import ACTIVATIONS, chi, gauss_mean
    q = brentq(lambda q: chi(q, np.sqrt(w2), "GELU") - 1, 0, 6)
    return q - w2 * gauss_mean(lambda z: ACTIVATIONS["GELU"].phi(z) ** 2, q)
""",
        ),
        ("22.6", "def recipe(n):\n    return np.array([[1, 1, 1], [0.01, 0.64 / n, 0.64 / n]])"),
    ],
    "23": [
        (
            "23.1",
            """
def to_e4m3(x):
    from bisect import bisect_left
    bytes_ = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).double()
    table = sorted({abs(v) for v in bytes_.tolist() if v == v})  # index even: last bit 0
    out = []
    for v in x:
        a = min(abs(v), 448.0)
        i = bisect_left(table, a)
        if i and (a - table[i - 1] < table[i] - a or (a - table[i - 1] == table[i] - a and i % 2)):
            i -= 1
        out.append(table[i] if v >= 0 else -table[i])
    return out
""",
        ),
        (
            "23.2",
            """
def block_scales(x, size):
    rows = []
    for row in x:
        scales = []
        for k in range(0, len(row), size):
            top, s = max(abs(v) for v in row[k : k + size]), 2.0**-127
            while top / s > 448:
                s *= 2
            scales.append(s)
        rows.append(scales)
    return rows
""",
        ),
        (
            "23.3",
            """
def stochastic_round(x, u, bits):
    out = []
    for v, coin in zip(x, u):
        if v == 0:
            out.append(0.0)
            continue
        gap = 2.0 ** (np.floor(np.log2(abs(v))) - bits + 1)
        a = np.floor(v / gap) * gap
        out.append(a + gap if coin < (v - a) / gap else a)
    return out
""",
        ),
        (
            "23.4",
            """
def scale_path(peaks, start, interval):
    scaler = torch.amp.GradScaler("cpu", init_scale=start, growth_interval=interval)
    weight, path = torch.zeros(1, requires_grad=True), []
    sgd = torch.optim.SGD([weight], lr=0.0)
    for peak in peaks:
        scaler.scale(torch.zeros(1))
        path.append(scaler.get_scale())
        weight.grad = torch.tensor([0.0 if path[-1] * peak <= 65504 else np.nan])
        scaler.step(sgd)
        scaler.update()
    return path
""",
        ),
        (
            "23.5",
            """
def amp_step(w, g, scale, eta, limit):
    weight = torch.tensor(w, requires_grad=True)
    weight.grad = torch.tensor(g).double().div(scale).float()
    norm = torch.nn.utils.clip_grad_norm_([weight], limit)
    if norm.isfinite():
        torch.optim.SGD([weight], lr=eta).step()
    return weight.detach()
""",
        ),
        (
            "23.6",
            """
def eight_bit_recipe(seeds):
    return dict(forward="e4m3", backward="e5m2", block="row", kept="e4m3", stochastic=True)
""",
        ),
    ],
}
