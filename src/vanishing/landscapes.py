"""Places with a small gradient, their Hessians, steps that use them, and a run to the edge of stability.

Losses are functions of one float64 tensor w; gradients have its shape, Hessians are (w.numel(), w.numel()).
Newton's step and saddles: Dauphin et al. 2014 (arXiv:1406.2572). Edge of stability: Cohen et al. 2021
(arXiv:2103.00065).
"""

from dataclasses import dataclass

import numpy as np
import torch

PHI = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "saturated": lambda z: torch.tanh(z + 3.0)}


@dataclass(frozen=True)
class Place:
    """A point `w` of a landscape `loss`, with a `name`."""

    name: str
    loss: object
    w: torch.Tensor


def gradient(loss, w):
    """∇loss at w, of the shape of w."""
    w = w.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(w), w)[0]


def hessian(loss, w):
    """The matrix of second derivatives at w, (n, n) for the n entries of w in row order."""
    H = torch.autograd.functional.hessian(loss, w.detach())
    return H.reshape(w.numel(), w.numel())


def quadratic(*curvatures):
    """The loss ½ Σ λ_i w_i² with the given λ_i."""
    lam = torch.tensor(curvatures, dtype=torch.float64)
    return lambda w: (lam * w**2).sum() / 2


def double_well(w):
    """½x² − ½y² + ¼y⁴: a saddle at (0, 0), minima at (0, ±1)."""
    x, y = w
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def chain(w, depth=4):
    """Output of `depth` sigmoid layers of gain one: two first units with the weights w (2,), then one each."""
    h = torch.sigmoid(w * torch.tensor([1.0, -0.5], dtype=w.dtype)).sum()
    for _ in range(depth - 1):
        h = torch.sigmoid(h)
    return h


def places(norm=1e-3):
    """Four Places (2,) where the gradient has the given norm: plateau, ravine, saddle, vanished network."""
    at = [torch.tensor(v, dtype=torch.float64) for v in ((0.6, 0.8), (0.6, 8e-7), (6e-4, 8e-4), (1.0, 1.0))]
    shapes = [quadratic(1e-3, 1e-3), quadratic(1e-3, 1e3), quadratic(1.0, -1.0)]
    y = chain(at[3]) - norm / gradient(chain, at[3]).norm()
    shapes.append(lambda w: (chain(w) - y) ** 2 / 2)
    at = [w * (norm / 1e-3) for w in at[:3]] + at[3:]
    names = ("plateau", "ravine", "saddle", "vanished")
    return [Place(*triple) for triple in zip(names, shapes, at, strict=True)]


def newton_step(loss, w):
    """−H⁻¹∇loss, which leads to the stationary point of the quadratic model, of whatever kind it is."""
    return -torch.linalg.solve(hessian(loss, w), gradient(loss, w))


def saddle_free_step(loss, w, damping):
    """−(|H| + damping)⁻¹∇loss, where |H| has the absolute eigenvalues of H (Dauphin et al. 2014)."""
    lam, Q = torch.linalg.eigh(hessian(loss, w))
    return -Q @ (Q.T @ gradient(loss, w) / (lam.abs() + damping))


def follow(step, w, steps):
    """The path w_0 … w_steps of w ← w + step(w), an array (steps + 1, n)."""
    path = [w]
    for _ in range(steps):
        path.append(path[-1] + step(path[-1]))
    return torch.stack(path).numpy()


def network(widths, rng, gain=1.0):
    """Weights W_1 … W_L (n_l, n_{l−1}) with entries of standard deviation gain/√n_{l−1}."""
    pairs = zip(widths[1:], widths[:-1], strict=True)
    return [torch.tensor(gain * rng.normal(size=p) / np.sqrt(p[1])) for p in pairs]


def network_loss(layers, X, y, phi="sigmoid"):
    """½ mean ‖z_L − y‖² for inputs X (batch, n_0), targets y (batch, n_L); no φ after the last layer."""
    z = X @ layers[0].T
    for W in layers[1:]:
        z = PHI[phi](z) @ W.T
    return ((z - y) ** 2).sum(dim=1).mean() / 2


def layer_gradients(loss, layers):
    """The gradient of loss(layers) in every layer, a list."""
    layers = [W.detach().clone().requires_grad_() for W in layers]
    return list(torch.autograd.grad(loss(layers), layers))


def block_curvature(loss, layers, k=0):
    """The largest |eigenvalue| of the Hessian of loss(layers) in layer k alone."""
    H = hessian(lambda W: loss([*layers[:k], W, *layers[k + 1 :]]), layers[k])
    return float(torch.linalg.eigvalsh(H).abs().max())


def edge_of_stability(X, Y, eta, steps, every, seeds=5, hidden=16, gain=1.0, beta=0.0):
    """Full-batch gradient descent on tanh networks with one hidden layer, several seeds side by side.

    Weights start with the standard deviation gain/√n_in. The momentum is `beta`: v ← βv − ηg, w ← w + v, which is
    stable on a quadratic for ηλ < 2(1 + β) (Polyak 1964; Cohen et al. 2021, section 2).

    X (batch, n_in), Y (batch, n_out): arrays; the loss is the mean over the batch of the squared error summed
    over outputs. Returns the steps (m,), the largest eigenvalue of the Hessian (m, seeds) at them, by power
    iteration, and the loss (m, seeds).
    """
    X, Y = torch.tensor(X), torch.tensor(Y)
    rng = np.random.default_rng(0)
    sizes = [(X.shape[1], hidden), (hidden, Y.shape[1])]
    w = [torch.tensor(gain * rng.normal(size=(seeds, *s)) / np.sqrt(s[0])).requires_grad_() for s in sizes]
    v = [torch.tensor(rng.normal(size=p.shape)) for p in w]
    move = [torch.zeros_like(p) for p in w]

    def losses():
        return ((torch.tanh(X @ w[0]) @ w[1] - Y) ** 2).sum(dim=2).mean(dim=1)

    at, top, loss = [], [], []
    for k in range(steps + 1):
        if k % every == 0:
            now = losses()
            g = torch.autograd.grad(now.sum(), w, create_graph=True)
            for _ in range(40 if k == 0 else 8):
                size = sum((a**2).sum(dim=(1, 2), keepdim=True) for a in v) ** 0.5
                v = [a / size for a in v]
                Hv = torch.autograd.grad(g, w, v, retain_graph=True)
                rayleigh = sum((a * b).sum(dim=(1, 2)) for a, b in zip(v, Hv, strict=True))
                v = list(Hv)
            at.append(k), top.append(rayleigh.numpy()), loss.append(now.detach().numpy())
        with torch.no_grad():
            h = torch.tanh(X @ w[0])  # (seeds, batch, hidden)
            error = 2 / len(X) * (h @ w[1] - Y)
            delta = (error @ w[1].mT) * (1 - h**2)
            for one, p, g in zip(move, w, (X.T @ delta, h.mT @ error), strict=True):
                p += one.mul_(beta).sub_(eta * g)
    return np.array(at), np.array(top), np.array(loss)


KINDS = ("vanished", "saddle", "ravine", "plateau")


def any_case(rng, k):
    """A loss of a list of tensors, the list, and a step size eta: the k-th in a row in which four kinds take turns."""
    return make_case(KINDS[k % len(KINDS)], rng)


def make_case(kind, rng):
    """A case of the given kind, as keyword arguments loss, layers, eta; 4 % and more away from every threshold.

    Every second case lies within a factor of three of the threshold that decides it, and numbers that decide nothing
    (condition numbers, other layers' gradients and curvatures, how many curvatures are negative) are drawn freely. So
    a rule that uses one of those, or another threshold, is wrong about some of them.
    """
    eta = float(10 ** rng.uniform(-2, -0.5))
    if kind == "vanished" and rng.random() < 0.4:  # a deep network; the others are quadratic but for cubic terms
        depth, phi = int(rng.integers(9, 13)), ("sigmoid", "saturated")[rng.integers(2)]
        layers = network([3] * (depth + 1), rng, rng.uniform(0.6, 1.0))
        X, y = torch.tensor(rng.normal(size=(6, 3))), torch.tensor(rng.uniform(1.0, 2.0, size=(6, 3)))

        def deep(layers):
            """A deep network's loss of its layers."""
            return network_loss(layers, X, y, phi)

        return {"loss": deep, "layers": layers, "eta": eta}
    near = rng.random() < 0.5
    lam = _spectrum(KINDS[rng.integers(1, 4)] if kind == "vanished" else kind, near, rng) / eta
    share = rng.uniform(1.04e-3, 1.3e-3) if rng.random() < 0.4 else 10 ** rng.uniform(-2.9, -0.3)
    if kind == "vanished":
        share = rng.uniform(5e-4, 9.6e-4)
    Q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    H, g = torch.tensor(Q * lam @ Q.T), torch.tensor(rng.normal(size=6))
    g *= 10 ** rng.uniform(-4, -1.5) / g.norm()
    layers = [torch.tensor(rng.normal(size=shape)) for shape in ((2, 3), (4,), (3,))]
    start = [W.clone() for W in layers]
    parts = rng.dirichlet([2, 2])  # of what the two other layers hear, squared
    others = float(g.norm()) * np.sqrt(parts * (share**-2 - 1))
    bends = rng.choice([-1, 1], size=2) * 10 ** rng.uniform(-2, 1, size=2) / eta
    pushes = [torch.tensor(rng.normal(size=n)) for n in (4, 3)]
    pushes = [size * push / push.norm() for size, push in zip(others, pushes, strict=True)]

    def loss(layers):
        d, *rest = (W - W0 for W, W0 in zip(layers, start, strict=True))
        d = d.reshape(-1)
        total = g @ d + d @ H @ d / 2 + (d**3).sum()
        for push, bend, e in zip(pushes, bends, rest, strict=True):
            total = total + push @ e + bend * (e**2).sum() / 2 + (d**2).sum() * (e**2).sum()
        return total

    told = ", ".join(f"{curvature:.3g}" for curvature in np.sort(lam))
    loss.__doc__ = f"layers -> a loss with curvatures {told} in layer 1, whose share of the gradient is {share:.2g}"
    return {"loss": loss, "layers": layers, "eta": eta}


def _spectrum(kind, near, rng, n=6):
    """eta times the eigenvalues of layer 1's Hessian, in any order."""
    if kind == "ravine":
        top = rng.uniform(2.08, 2.4) if near else rng.uniform(3, 20)
    elif kind == "plateau":
        top = rng.uniform(1.1, 1.92) if near else 10 ** rng.uniform(-3, -0.3)
    else:
        top = rng.uniform(2.4, 8) if rng.random() < 0.5 else 10 ** rng.uniform(-3, 0.2)
    lam = top * 10 ** rng.uniform((-5, -0.5)[rng.integers(2)], 0, size=n)
    lam[0] = top
    below = rng.uniform(0.0105, 0.03) if near else rng.uniform(0.1, 0.9)
    if kind != "saddle":
        below = rng.uniform(0.002, 0.0096) if near else 0
    for k in range(1, int(rng.integers(2, 5)) if below else 1):
        lam[k] = -below * top * (1 if k == 1 else rng.uniform(0.5, 1))
    return lam
