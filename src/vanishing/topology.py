"""The stiffest plane structure of a given volume: finite elements, filters, projection, adjoint, optimality criteria.

    design x ─ filter ─ z = Hx ─ projection ─ density ρ = P_β(z) ─ stiffness E(ρ) ─ K(E)u = f ─ compliance c = fᵀu

Elements are unit squares in plane stress, counted column by column from the top left; x, z, ρ and gradients by them
have one entry for each, shape (n,). Each node has two displacements, right and down. Everything is without units:
Young's modulus of the solid, the thickness and the load are 1, Poisson's ratio is 0.3.

Optimality criteria, sensitivity filter and the beam: Sigmund 2001 (doi:10.1007/s001580050176). Void stiffness,
density filter: Andreassen et al. 2011 (doi:10.1007/s00158-010-0594-7). Projection: Wang, Lazarov & Sigmund 2011
(doi:10.1007/s00158-010-0602-y). Greyness: Sigmund 2007 (doi:10.1007/s00158-006-0087-x). RAMP: Stolpe & Svanberg 2001
(doi:10.1007/s001580100129).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.linalg import solveh_banded
from scipy.optimize import brentq

VOID = 1e-9  # Young's modulus of an empty element: small, but K can be inverted


def simp(rho, p=3):
    """Young's modulus VOID + (1 − VOID) ρᵖ and its slope, which is 0 where there is no material."""
    return VOID + (1 - VOID) * rho**p, (1 - VOID) * p * rho ** (p - 1)


def ramp(rho, q=6):
    """Young's modulus VOID + (1 − VOID) ρ/(1 + q(1 − ρ)) and its slope, at least 1/(1 + q); as SIMP at ρ = ½."""
    d = 1 + q * (1 - rho)
    return VOID + (1 - VOID) * rho / d, (1 - VOID) * (1 + q) / d**2


def element_stiffness(nu=0.3):
    """Stiffness (8, 8) of a unit square with four nodes and E = 1: ∫ BᵀCB by 2 × 2 Gauss points.

    Nodes in the order top left, top right, bottom right, bottom left; right and down for each.
    """
    C = np.array([[1, nu, 0], [nu, 1, 0], [0, 0, (1 - nu) / 2]]) / (1 - nu**2)
    K, corners = np.zeros((8, 8)), np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for point in 0.5 + (corners - 0.5) / np.sqrt(3):
        near = 1 - abs(point - corners)  # the shape functions are near[:, 0] * near[:, 1]
        slope = (2 * corners - 1) * near[:, ::-1]  # their derivatives to the right and down, (4, 2)
        B = np.zeros((3, 8))
        B[0, ::2], B[1, 1::2] = slope.T
        B[2, 1::2], B[2, ::2] = slope.T
        K += B.T @ C @ B / 4
    return K


def filter_matrix(nelx, nely, radius):
    """The density filter H (n, n), sparse: row e averages the elements within `radius`, the nearer ones more."""
    column, row = np.divmod(np.arange(nelx * nely), nely)
    reach, i, j, weight = int(np.ceil(radius)) - 1, [], [], []
    for right in range(-reach, reach + 1):
        for down in range(-reach, reach + 1):
            x, y = column + right, row + down
            i.append(np.flatnonzero((x >= 0) & (x < nelx) & (y >= 0) & (y < nely)))
            j.append(i[-1] + right * nely + down)
            weight.append(np.full(i[-1].size, max(0.0, radius - np.hypot(right, down))))
    H = sparse.csr_array((np.concatenate(weight), (np.concatenate(i), np.concatenate(j))))
    return sparse.csr_array(H / H.sum(axis=1)[:, None])


@dataclass(frozen=True, eq=False)
class Structure:
    """A grid of `nelx` columns of `nely` elements with a `force` on each displacement, (2 nodes,).

    `held` are the numbers of the displacements that are kept at zero, `radius` is the filter's.
    """

    nelx: int
    nely: int
    force: np.ndarray
    held: np.ndarray
    radius: float

    @property
    def n(self):
        """The number of elements."""
        return self.nelx * self.nely

    @cached_property
    def H(self):
        """The density filter (n, n)."""
        return filter_matrix(self.nelx, self.nely, self.radius)

    @cached_property
    def back(self):
        """The filter's adjoint Hᵀ (n, n)."""
        return sparse.csr_array(self.H.T)

    @cached_property
    def volume_weights(self):
        """What each element's design adds to the mean of z = Hx, (n,): the mean is linear, so no filter need be run."""
        return self.back @ np.ones(self.n) / self.n

    @cached_property
    def element(self):
        """The stiffness of one solid element (8, 8)."""
        return element_stiffness()

    @cached_property
    def dofs(self):
        """The numbers of the displacements of each element's nodes, (n, 8)."""
        column, row = np.divmod(np.arange(self.n), self.nely)
        nodes = (column * (self.nely + 1) + row)[:, None] + [0, self.nely + 1, self.nely + 2, 1]
        return (2 * nodes[:, :, None] + [0, 1]).reshape(self.n, 8)

    @cached_property
    def free(self):
        """The numbers of the displacements that are not held."""
        return np.setdiff1d(np.arange(len(self.force)), self.held)

    @cached_property
    def assembly(self):
        """What turns moduli E (n,) into the lower diagonals of K: a sparse matrix, places in the band, its diagonals.

        K is linear in E, so assembling is one product. Numbered by columns, K has no entry further than 2·nely + 5
        from its diagonal: a narrow band, for which Cholesky's method needs no search for an ordering. The band is in
        LAPACK's order, column after column, so that nothing is copied.
        """
        number = np.full(len(self.force), -1)
        number[self.free] = np.arange(self.free.size)
        i, j = number[self.dofs][:, :, None], number[self.dofs][:, None, :]
        e, a, b = np.nonzero((j >= 0) & (i >= j))
        i, j = i[e, a, 0], j[e, 0, b]
        bands = int((i - j).max()) + 1
        places, row = np.unique(j * bands + i - j, return_inverse=True)
        return sparse.csr_array((self.element[a, b], (row, e)), shape=(places.size, self.n)), places, bands

    def displacement(self, E):
        """The solution u (2 nodes,) of K(E)u = f for the moduli E (n,) > 0."""
        A, places, bands = self.assembly
        K, u = np.zeros((self.free.size, bands)), np.zeros(len(self.force))
        K.ravel()[places] = A @ E
        u[self.free] = solveh_banded(K.T, self.force[self.free], lower=True, overwrite_ab=True, check_finite=False)
        return u

    def compliance(self, rho, law=simp):
        """The compliance fᵀu of the densities rho (n,), and its gradient by them (n,).

        `law` gives Young's modulus E and its slope, `simp` or `ramp`. The adjoint equation Kλ = f has the solution
        λ = u, hence ∂c/∂ρ_e = −λᵀ(∂K/∂ρ_e)u = −E′(ρ_e) u_eᵀ K_e u_e: n entries for the price of the one solution.
        """
        E, slope = law(rho)
        u = self.displacement(E)
        u_e = u[self.dofs]
        return float(self.force @ u), -slope * ((u_e @ self.element) * u_e).sum(axis=1)

    def image(self, values):
        """Values (n,) as a picture (nely, nelx)."""
        return np.reshape(values, (self.nelx, self.nely)).T


def mbb(nelx=60, nely=20, radius=2.4):
    """The right half of the MBB beam: symmetry on the left, a roller at the bottom right, a load at the top left."""
    force = np.zeros(2 * (nelx + 1) * (nely + 1))
    force[1] = 1
    return Structure(nelx, nely, force, np.append(np.arange(0, 2 * nely + 2, 2), len(force) - 1), radius)


def cantilever(nelx=60, nely=20, radius=2.4):
    """A beam clamped on the left, with a load in the middle of its right end; ValueError if nely is odd."""
    if nely % 2:
        raise ValueError(f"A cantilever's load needs a node at half height: nely must be even, not {nely}.")
    force = np.zeros(2 * (nelx + 1) * (nely + 1))
    force[2 * (nelx * (nely + 1) + nely // 2) + 1] = 1
    return Structure(nelx, nely, force, np.arange(2 * nely + 2), radius)


def projection(z, beta, eta=0.5):
    """P_β(z) = (tanh βη + tanh β(z − η)) / (tanh βη + tanh β(1 − η)); β = 0 leaves z as it is."""
    if not np.any(beta):
        return z
    return (np.tanh(beta * eta) + np.tanh(beta * (z - eta))) / (np.tanh(beta * eta) + np.tanh(beta * (1 - eta)))


def projection_slope(z, beta, eta=0.5):
    """P_β′(z) = β sech² β(z − η) / (tanh βη + tanh β(1 − η)), with all its digits however small it is."""
    if not np.any(beta):
        return np.ones_like(z)
    e = np.exp(-2 * beta * abs(z - eta))
    return 4 * beta * e / (1 + e) ** 2 / (np.tanh(beta * eta) + np.tanh(beta * (1 - eta)))


def greyness(rho):
    """Mean of 4ρ(1 − ρ): 0 for a design in black and white, 1 when every density is one half."""
    return float(np.mean(4 * rho * (1 - rho)))


def silent_share(gradient, tolerance=1e-6):
    """Share of the entries of `gradient` whose size is at most `tolerance` times the largest."""
    size = np.abs(gradient)
    return float(np.mean(size <= tolerance * size.max()))


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration at sharpness `beta`: design `x`, density `rho`, `compliance` c, and on the way back
    `delta` = ∂c/∂z, `dc` = ∂c/∂x and `dv` = ∂(volume)/∂x."""

    beta: float
    x: np.ndarray
    rho: np.ndarray
    compliance: float
    delta: np.ndarray
    dc: np.ndarray
    dv: np.ndarray


def evaluate(structure, x, beta, slope_beta=None, law=simp):
    """The whole chain, there and back, as a Step.

    With a `slope_beta` the way back takes the slope of that projection instead: a straight-through estimate.
    """
    z = structure.H @ x
    rho = projection(z, beta)
    c, dc_drho = structure.compliance(rho, law)
    slope = projection_slope(z, beta if slope_beta is None else slope_beta)
    delta = slope * dc_drho
    return Step(beta, x, rho, c, delta, structure.back @ delta, structure.back @ slope / structure.n)


def optimality_criteria(x, dc, dv, volume_of, volume, move):
    """The next design: x √(−dc/(λ dv)), no further than `move` and within [0, 1], with λ such that the volume fits.

    `volume_of` maps a design (n,) to its mean density. Where the moves allowed do not reach `volume`, the design
    comes as near as it can.
    """
    low, high = np.maximum(x - move, 0), np.minimum(x + move, 1)
    heard = (dc < 0) & (dv > 0) & (x > 0)
    if not heard.any():
        return low
    wish = np.full(len(x), -np.inf)  # logarithms, since gradients may span hundreds of powers of ten
    wish[heard] = np.log(x[heard]) + (np.log(-dc[heard]) - np.log(dv[heard])) / 2

    def design(shift):
        return np.minimum(np.maximum(np.exp(np.minimum(wish + shift, 0)), low), high)

    def excess(shift):
        return volume_of(design(shift)) - volume

    ends = -wish.max() - 40, -wish[heard].min()  # everything heard is `low` there (to 1e-17), and `high` here
    if excess(ends[0]) >= 0:
        return design(ends[0])
    if excess(ends[1]) <= 0:
        return design(ends[1])
    return design(brentq(excess, *ends, xtol=1e-10))


def optimise(structure, x, betas, move=0.03, volume=0.5, slope_beta=None, law=simp):
    """Yield a Step for each β of `betas` from the design x (n,) on, and one for the last update at the last β.

    Designs are rounded to 1e-4. A sharp projection magnifies what two computers round differently by ten powers of
    ten within fifty iterations, and the rounding keeps them on one path. ValueError for an x of another shape.
    """
    if np.shape(x) != (structure.n,):
        raise ValueError(f"The design has shape {np.shape(x)}, the structure has {structure.n} elements.")
    beta = 0
    for beta in betas:
        step = evaluate(structure, x, beta, slope_beta, law)
        yield step

        def volume_of(x, beta=beta):
            return projection(structure.H @ x, beta).mean() if beta else structure.volume_weights @ x

        x = optimality_criteria(x, step.dc, step.dv, volume_of, volume, move).round(4)
    yield evaluate(structure, x, beta, slope_beta, law)


def optimise_classic(structure, x, volume=0.5, move=0.2, change=0.01, at_most=2000):
    """Yield (x, compliance) for each iteration of the classic scheme, until no density moves by more than `change`.

    Nothing is projected, and the filter acts on the gradient, H(x ∂c/∂x)/x, instead of the design (Sigmund 2001,
    equation 5). What comes out is the gradient of nothing at all; it works nevertheless.
    """
    for _ in range(at_most):
        c, dc = structure.compliance(x)
        yield x, c
        dc = structure.H @ (x * dc) / np.maximum(x, 1e-3)
        new = optimality_criteria(x, dc, np.full(structure.n, 1 / structure.n), np.mean, volume, move)
        if np.abs(new - x).max() <= change:
            return
        x = new
