"""The singular spectrum of a long product A_K ⋯ A_1, and its growth rates, by QR re-orthonormalisation.

A product that has been formed in floating point knows its singular values only down to about 1e-16 of the largest.
Here no product is formed: the factors act on an orthonormal frame one at a time, Q is taken out by a QR
decomposition after each, and the lengths are kept as logarithms, so no direction overflows, underflows or drowns:

    A_l Q_{l−1} = Q_l R_l,    A_K ⋯ A_1 Q_0 = Q_K R_K ⋯ R_1

Lesson 06 uses it for the Jacobians of a deep network, lesson 08 for those of a long trajectory: there the mean of
`qr_logs` over the steps is the Lyapunov spectrum (Benettin et al. 1980). Logarithms are natural unless the name says log10.
"""

import numpy as np
from scipy.special import digamma


def qr_logs(factors, Q=None):
    """Return ln |diag R_l| for each factor, shape (K, k), and the last frame Q_K, shape (n_K, k).

    `factors` are matrices A_1, A_2, … of shapes (n_l, n_{l−1}), or any iterable that yields them, as a trajectory
    does; none is kept. `Q` (n_0, k) has orthonormal columns, all k ≤ n_l of them, and is the identity when not given.
    The sum of the first j columns is ln of what happened to a j-dimensional volume; −inf where a direction is lost
    exactly. The mean over the rows tends to the Lyapunov exponents, largest first (discard a transient).
    """
    logs = []
    for A in factors:
        Q, diagonal, _ = _step(A, Q)
        logs.append(diagonal)
    return np.array(logs), Q


def log10_spectrum(factors, tol=1e-7, sweeps=200):
    """log10 of the singular values of the product A_K ⋯ A_1 of square `factors`, largest first, shape (n,).

    The triangles R_K, …, R_1 of one pass have the product's singular values. Transposed and in reverse order they
    go through the next pass, and so on to and fro (Stewart 1997), until the sums of their log-diagonals change by
    less than `tol`, in natural log. Each value is as exact as QR makes it: with a relative error of about K·1e-16
    times the condition number of one factor, however small the value. ValueError for a factor that is not square,
    RuntimeError when `sweeps` passes are not enough.
    """
    factors = [np.asarray(A, dtype=float) for A in factors]
    if any(A.ndim != 2 or A.shape != (len(A), len(A)) or len(A) != len(factors[0]) for A in factors):
        raise ValueError("The factors must be square matrices of one size.")
    before = None
    for _ in range(sweeps):
        Q, triangles, total = None, [], 0.0
        for A in factors:
            Q, diagonal, R = _step(A, Q)
            triangles.append(R.T)
            total = total + diagonal
        if before is not None and np.allclose(total, before, rtol=0, atol=tol):
            return np.sort(total)[::-1] / np.log(10)
        factors, before = triangles[::-1], total
    raise RuntimeError(f"{sweeps} passes did not settle the spectrum to {tol:g}.")


def gaussian_exponents(n):
    """The n growth rates per layer, in natural log, of a product of n × n Gaussian matrices with entries N(0, 1/n).

    λ_i = ½ (ln(2/n) + ψ((n−i+1)/2)), i = 1 … n, largest first (Newman 1986): the mean of ln R_ii, since R_ii² is a
    chi-square of n−i+1 degrees of freedom, divided by n.
    """
    return 0.5 * (np.log(2 / n) + digamma(np.arange(n, 0, -1) / 2))


def _step(A, Q):
    """The new frame, ln |diag R| and R for one factor A acting on the frame Q (None is the identity)."""
    A = np.asarray(A, dtype=float)
    Q, R = np.linalg.qr(A if Q is None else A @ Q)
    with np.errstate(divide="ignore"):
        return Q, np.log(np.abs(np.diagonal(R))), R
