"""The singular spectrum of a long product A_K ⋯ A_1, and its growth rates, by QR re-orthonormalisation.

A product that has been formed in floating point knows its singular values only down to about 1e-16 of the largest.
Here no product is formed: the factors act on an orthonormal frame one at a time, Q is taken out by a QR
decomposition after each, and lengths are kept as logarithms, so no direction overflows, underflows or drowns:

    A_l Q_{l−1} = Q_l R_l,    A_K ⋯ A_1 Q_0 = Q_K R_K ⋯ R_1

Lesson 06 uses it for the Jacobians of a deep network, lesson 08 for those of a long trajectory: there the mean of
`qr_logs` over the steps is the Lyapunov spectrum (Benettin et al. 1980). Logarithms are natural unless a name says
log10.
"""

import numpy as np
from scipy.special import digamma


def qr_logs(factors, Q=None):
    """Return ln |diag R_l| for each factor, shape (K, k), and the last frame Q_K, shape (n_K, k).

    `factors` are matrices A_1, A_2, … of shapes (n_l, n_{l−1}), or any iterable that yields them, as a trajectory
    does; none is kept. `Q` (n_0, k) has orthonormal columns, no more of them than any n_l, and is the identity when
    not given. The sum of the first j columns is the logarithm of what happened to a j-dimensional volume; −inf where
    a direction is lost exactly. The mean over the rows tends to the growth rates (Lyapunov exponents), largest
    first; to have them sooner, leave out the first rows, in which the frame turns into place.
    """
    logs = []
    for A in factors:
        Q, _, diagonal = _step(A, Q)
        logs.append(diagonal)
    return np.array(logs), Q


def log10_spectrum(factors):
    """log10 of the singular values of the product A_K ⋯ A_1 of square `factors`, largest first, shape (n,).

    One QR pass gives R_K ⋯ R_1 as a diagonal, whose logarithms may span hundreds of decades, times a triangle with
    entries of ordinary size; one-sided Jacobi rotations turn its rows until they are orthogonal (Drmač & Veselić 2008).
    What comes out belongs to factors that differ from the given ones by rounding. In a random product each value,
    however small, is then exact to about K·1e-16 times the condition number of one factor; where late factors undo
    many decades of what early ones did, no method with this precision sees it. ValueError unless the factors are
    invertible square matrices of one size.
    """
    factors = [np.asarray(A, dtype=float) for A in factors]
    n = len(factors[0])
    if any(A.shape != (n, n) for A in factors):
        raise ValueError("The factors must be square matrices of one size.")
    # A frame in general position: from the identity, factors that are diagonal would keep their order for ever.
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0]
    logs, rows = np.zeros(n), np.eye(n)  # R_l ⋯ R_1 is diag(e^logs) @ rows
    below = np.tri(n, k=-1, dtype=bool)
    for A in factors:
        Q, R, diagonal = _step(A, Q)
        if not np.isfinite(diagonal).all():
            raise ValueError("A factor is singular: its product has a singular value 0, which has no logarithm.")
        after = logs + diagonal
        rows = R * np.exp(np.where(below, -np.inf, logs - after[:, None])) @ rows
        logs = after
    return np.sort(_rotate(rows, logs))[::-1] / np.log(10)


def gaussian_exponents(n):
    """The n growth rates per layer, in natural log, of a product of n × n Gaussian matrices with entries N(0, 1/n).

    λ_i = ½ (ln(2/n) + ψ((n−i+1)/2)), i = 1 … n, largest first (Newman 1986): the mean of ln R_ii, since n R_ii² is
    a chi-square with n−i+1 degrees of freedom.
    """
    return 0.5 * (np.log(2 / n) + digamma(np.arange(n, 0, -1) / 2))


def _step(A, Q):
    """The new frame, R and ln |diag R| for one factor A acting on the frame Q (None is the identity)."""
    A = np.asarray(A, dtype=float)
    Q, R = np.linalg.qr(A if Q is None else A @ Q)
    with np.errstate(divide="ignore"):
        return Q, R, np.log(np.abs(np.diagonal(R)))


def _rotate(rows, logs, tol=1e-13, sweeps=60):
    """The logarithms of the singular values of diag(e^logs) @ rows, by one-sided Jacobi rotations of pairs of rows.

    The rotation is the textbook's, written with the ratio r of the two scales so that r may underflow to 0.
    """
    n = len(rows)
    length = np.linalg.norm(rows, axis=1)
    rows, logs = rows / length[:, None], logs + np.log(length)
    circle, half = np.arange(n + n % 2), (n + 1) // 2  # a round-robin of all rows; with n odd, row n is a bye
    for _ in range(sweeps):
        worst = 0.0
        for _ in circle[1:]:
            i, j = circle[:half], circle[half:][::-1]
            i, j = i[(i < n) & (j < n)], j[(i < n) & (j < n)]
            i, j = np.where(logs[i] >= logs[j], i, j), np.where(logs[i] >= logs[j], j, i)  # i is the longer row
            r, g = np.exp(logs[j] - logs[i]), (rows[i] * rows[j]).sum(axis=1)  # ratio of scales, cosine
            worst = max(worst, abs(g).max(initial=0))
            with np.errstate(divide="ignore"):
                a = (1 - r**2) / (2 * abs(g))
            turn = np.where(g == 0, 0, -np.sign(g) / np.maximum(a + np.hypot(a, r), 1e-300))
            new_i, new_j = rows[i] - (r**2 * turn)[:, None] * rows[j], rows[j] + turn[:, None] * rows[i]
            for k, new in ((i, new_i), (j, new_j)):
                length = np.linalg.norm(new, axis=1)
                rows[k], logs[k] = new / length[:, None], logs[k] + np.log(length / np.hypot(1, r * turn))
            circle = np.concatenate([circle[:1], circle[-1:], circle[1:-1]])
        if worst < tol:
            return logs
    raise RuntimeError(f"{sweeps} sweeps of rotations did not settle the spectrum.")
