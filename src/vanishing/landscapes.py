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
    H = torch.autograd.functional.hessian(loss, w.detach(), vectorize=True)
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


def edge_of_stability(X, Y, eta, steps, every, seeds=5, hidden=16, gain=1.0):
    """Full-batch gradient descent on tanh networks with one hidden layer, several seeds side by side.

    Weights start with the standard deviation gain/√n_in.

    X (batch, n_in), Y (batch, n_out): arrays; the loss is the mean over the batch of the squared error summed
    over outputs. Returns the steps (m,), the largest eigenvalue of the Hessian (m, seeds) at them, by power
    iteration, and the loss (m, seeds).
    """
    X, Y = torch.tensor(X), torch.tensor(Y)
    rng = np.random.default_rng(0)
    sizes = [(X.shape[1], hidden), (hidden, Y.shape[1])]
    w = [torch.tensor(gain * rng.normal(size=(seeds, *s)) / np.sqrt(s[0])).requires_grad_() for s in sizes]
    v = [torch.tensor(rng.normal(size=p.shape)) for p in w]

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
            w[1] -= eta * h.mT @ error
            w[0] -= eta * X.T @ delta
    return np.array(at), np.array(top), np.array(loss)


def random_case(rng):
    """A loss of a list of tensors, the list, and a step size eta: one of four kinds, drawn at random."""
    return make_case(("vanished", "saddle", "ravine", "plateau")[rng.integers(4)], rng)


def make_case(kind, rng):
    """A case of the given kind, as keyword arguments loss, layers, eta; at least 20 % away from any threshold."""
    eta = float(10 ** rng.uniform(-2, -0.5))
    if kind == "vanished":
        depth, phi = int(rng.integers(9, 13)), ("sigmoid", "saturated")[rng.integers(2)]
        layers = network([3] * (depth + 1), rng, rng.uniform(0.6, 1.0))
        X, y = torch.tensor(rng.normal(size=(6, 3))), torch.tensor(rng.uniform(1.0, 2.0, size=(6, 3)))
        return {"loss": lambda layers: network_loss(layers, X, y, phi), "layers": layers, "eta": eta}
    n, shape = 6, (2, 3)
    lam = 10 ** rng.uniform(-4, -1, size=n) / eta
    if kind == "ravine":
        lam[0] = rng.uniform(2.5, 20) / eta
    if kind == "saddle":
        lam[0] = (rng.uniform(0.1, 1.5), rng.uniform(2.5, 5))[rng.integers(2)] / eta
        lam[1] = -rng.uniform(0.1, 0.9) * lam[0]
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    H, g, a = torch.tensor(Q * lam @ Q.T), torch.tensor(rng.normal(size=n)), torch.tensor(rng.normal(size=4))
    g, a = 1e-3 * g / g.norm(), rng.uniform(3e-4, 3e-3) * a / a.norm()
    layers = [torch.tensor(rng.normal(size=shape)), torch.tensor(rng.normal(size=4))]
    start = [W.clone() for W in layers]

    def loss(layers):
        d, e = (layers[0] - start[0]).reshape(-1), layers[1] - start[1]
        return g @ d + d @ H @ d / 2 + (d**3).sum() + a @ e + (e**2).sum() / 2 + (d**2).sum() * (e**2).sum()

    return {"loss": loss, "layers": layers, "eta": eta}
