"""The recurrence of this course, run backwards, and its dual, run forwards.

    backwards   δ_{l−1} = J_lᵀ δ_l + e_{l−1},   l = L … 1
    forwards    τ_l = J_l τ_{l−1} + s_l,        l = 1 … L

In a network J_l = ∂z_l/∂z_{l−1} and δ_l = ∂loss/∂z_l; e_l is what the loss hears from z_l past all later layers. Under
other names the first line is the discrete adjoint of a solver of differential equations and the costate equation of
optimal control (Bryson & Ho 1975, chapter 2); the second is the global error of the solver, driven by its local errors.
They are dual: with e = 0 and τ_0 = 0, δ_Lᵀ τ_L = Σ_l δ_lᵀ s_l, exactly but for rounding.
"""


def backward_recurrence(J, delta, e=None):
    """The list δ_0 … δ_L for J = [J_1 … J_L] and δ_L = `delta`.

    J_l is (n_l, n_{l−1}), anything that has `.T` and `@`; δ_l is (n_l,).
    e = [e_0 … e_{L−1}] are the sources: none, if it is not given.
    """
    L = _length(J, e)
    deltas = [None] * L + [delta]
    for k in range(L, 0, -1):
        deltas[k - 1] = J[k - 1].T @ deltas[k]
        if e is not None:
            deltas[k - 1] = deltas[k - 1] + e[k - 1]
    return deltas


def forward_recurrence(J, tau, s=None):
    """The list τ_0 … τ_L for J = [J_1 … J_L] and τ_0 = `tau`; s = [s_1 … s_L] are the sources, if there are any."""
    taus = [tau]
    for k in range(_length(J, s)):
        taus.append(J[k] @ taus[k])
        if s is not None:
            taus[-1] = taus[-1] + s[k]
    return taus


def _length(J, sources):
    if sources is not None and len(sources) != len(J):
        raise ValueError(f"{len(J)} Jacobians need as many sources, not {len(sources)}.")
    return len(J)
