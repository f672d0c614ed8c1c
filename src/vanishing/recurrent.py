"""Explicit recurrent networks in float64, backpropagation through time, and the cliff of Pascanu et al. (2013).

The notation of lesson 05 with a time step t = 1 … T for a layer, and one W, U, b for all of them:

    z_t = W h_{t−1} + U x_t + b,    h_t = φ(z_t),    the state starts at z_0 = h_0
    D_t = diag φ′(z_t) and D_0 = I,    J_t = ∂z_t/∂z_{t−1} = W D_{t−1}
    δ_t = ∂loss/∂z_t,    δ_{t−1} = J_tᵀ δ_t + e_{t−1},    δ_T = e_T
    ∂loss/∂W = Σ_t δ_t h_{t−1}ᵀ,    ∂loss/∂U = Σ_t δ_t x_tᵀ,    ∂loss/∂b = Σ_t δ_t

e_t is what the loss hears from step t directly, ∂loss/∂z_t with all later states held fixed; it is zero but for
e_T when only the last state is judged. Arrays count as the symbols do: z[t], h[t], delta[t] for t = 0 … T, and
x[t−1] is x_t. States are (n,) or a batch (batch, n); time comes first, (T + 1, n) or (T + 1, batch, n).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from vanishing.mlp import ACTIVATIONS, draw


@dataclass(frozen=True)
class RNN:
    """A recurrent network: W (n, n), U (n, m), b (n,) and the name of its activation, one of mlp.ACTIVATIONS."""

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray
    activation: str = "tanh"

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"The activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}.")

    @classmethod
    def random(cls, n, rng, m=1, activation="tanh", ensemble="gaussian", gain=1.0, input_gain=1.0, bias=0.0):
        """W from mlp.draw; U such that standard normal x_t drive each unit with standard deviation `input_gain`."""
        W = draw(ensemble, (n, n), rng, gain)
        U = input_gain / np.sqrt(m) * rng.normal(size=(n, m))
        return cls(W, U, bias * rng.normal(size=n), activation)

    @classmethod
    def linear(cls, W):
        """h_t = W h_{t−1} + x_t: no activation, no bias, an input for each unit."""
        W = np.asarray(W, dtype=float)
        return cls(W, np.eye(len(W)), np.zeros(len(W)), "linear")

    def forward(self, x, h0=None):
        """Return z and h, each (T + 1, …, n), for inputs x (T, …, m); an integer x is that many steps without input.

        `h0` (…, n) is the state at t = 0, zeros when not given.
        """
        T, n = (x, len(self.b)) if np.isscalar(x) else (len(x), len(self.b))
        drive = np.zeros((T, n)) if np.isscalar(x) else np.asarray(x, dtype=float) @ self.U.T  # (T, …, n)
        h0 = np.zeros(drive.shape[1:]) if h0 is None else np.asarray(h0, dtype=float)
        shape = np.broadcast_shapes(h0.shape, drive.shape[1:])
        phi = ACTIVATIONS[self.activation].phi
        z, h = np.empty((2, T + 1, *shape))
        z[0] = h[0] = h0
        for t in range(1, T + 1):
            z[t] = h[t - 1] @ self.W.T + drive[t - 1] + self.b
            h[t] = phi(z[t])
        return z, h

    def slopes(self, z):
        """What stands on the diagonals of D_0 … D_T, the shape of z: ones at t = 0, then φ′(z_t)."""
        slopes = ACTIVATIONS[self.activation].slope(z)
        slopes[0] = 1.0
        return slopes

    def backward(self, z, e):
        """δ_0 … δ_T, the shape of z, for e_0 … e_T of the same shape, or for e_T alone (…, n)."""
        e, slopes = np.asarray(e, dtype=float), self.slopes(z)
        delta = np.zeros_like(z)
        if e.ndim == z.ndim:
            delta += e
        else:
            delta[-1] = e
        for t in range(len(z) - 1, 0, -1):
            delta[t - 1] += delta[t] @ self.W * slopes[t - 1]
        return delta

    def gradients(self, x, h, delta):
        """∂loss/∂W (n, n), ∂loss/∂U (n, m) and ∂loss/∂b (n,), summed over time and batch; x as in `forward`."""

        def flat(a):
            return a.reshape(-1, a.shape[-1])

        above = flat(delta[1:])
        dU = np.zeros_like(self.U) if np.isscalar(x) else above.T @ flat(np.asarray(x, dtype=float))
        return above.T @ flat(h[:-1]), dU, above.sum(axis=0)

    def jacobian(self, z):
        """∂z_{t+1}/∂z_t = W diag φ′(z_t) at z (…, n), shape (…, n, n); `jacobians` knows that D_0 = I."""
        return self.W * ACTIVATIONS[self.activation].slope(z)[..., None, :]

    def jacobians(self, z):
        """Yield J_1 … J_T along the trajectory z (T + 1, …, n), one (…, n, n) at a time; list() keeps them."""
        for d in self.slopes(z)[:-1]:
            yield self.W * d[..., None, :]


def spectral_radius(A):
    """ρ(A), the largest absolute value of an eigenvalue, for A (…, n, n); a float for one matrix."""
    return np.abs(np.linalg.eigvals(A)).max(axis=-1)


def nonnormal(eigenvalues, strength, rng):
    """A random real matrix Q (Λ + strength · N) Qᵀ with the given real `eigenvalues` (n,), shape (n, n).

    N is strictly upper triangular with standard normal entries, Q is orthogonal (Haar): a Schur form. With
    strength 0 the matrix is symmetric. Computed eigenvalues that coincide are only good to about 1e-16 ** (1/n).
    """
    n = len(eigenvalues)
    Q = draw("orthogonal", (n, n), rng)
    return Q @ (np.diag(eigenvalues) + strength * np.triu(rng.normal(size=(n, n)), 1)) @ Q.T


def cliff(theta, T=50, z0=0.5, target=0.7):
    """Loss (…,) and its gradient (…, 2) of the smallest recurrent network, for theta (…, 2) = (w, b).

    z_t = w σ(z_{t−1}) + b from z_0, loss (σ(z_T) − target)²; the gradient by backpropagation through time. With
    T = 50 this is figure 6 of Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063.
    """
    w, b = np.moveaxis(np.asarray(theta, dtype=float), -1, 0)
    h = np.empty((T + 1, *w.shape))
    h[0] = expit(z0)
    for t in range(1, T + 1):
        h[t] = expit(w * h[t - 1] + b)
    error = h[T] - target
    factors = np.empty((T, *w.shape))  # δ_T, then J_T … J_2: their running product is δ_T … δ_1
    factors[0] = 2 * error * h[T] * (1 - h[T])
    factors[1:] = w * h[T - 1 : 0 : -1] * (1 - h[T - 1 : 0 : -1])
    delta = np.cumprod(factors, axis=0)[::-1]
    return error**2, np.stack([(delta * h[:-1]).sum(axis=0), delta.sum(axis=0)], axis=-1)


def clipped(g, threshold):
    """`g` (…, n) with every vector that is longer than `threshold` shortened to it; the direction stays."""
    length = np.linalg.norm(g, axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return g * np.minimum(1.0, threshold / length)


def descend(loss_and_gradient, theta, eta, steps, threshold=np.inf):
    """Gradient descent θ ← θ − η · clipped(∇, threshold); yields (θ, loss, ‖∇‖), the norm before clipping.

    `theta` (…, n) holds one start, or several that run side by side; the first yield is the start, and `steps` more
    follow.
    """
    theta = np.array(theta, dtype=float)
    for step in range(steps + 1):
        loss, g = loss_and_gradient(theta)
        yield theta, loss, np.linalg.norm(g, axis=-1)
        if step < steps:
            theta = theta - eta * clipped(g, threshold)
