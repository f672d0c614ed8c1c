"""Lesson 10's measured claims, tried at ten times their budget. What it proves (He's rule in the mean) is not tried."""

import numpy as np
from scipy.special import digamma, polygamma
from scipy.stats import binom

from coursekit.proving.evidence import claim
from vanishing.meanfield import chi, gradient_path, resting_chi, variance_path
from vanishing.mlp import MLP


def he(n_in, n_out):
    return 2 / n_in


def exact(n, L=50):
    """Variance and mean of ln(‖δ_0‖²/‖δ_L‖²) in He networks of ReLU layers: sums of ln (2/n) χ²_B."""
    B = np.arange(1, n + 1)
    p = binom.pmf(B, n, 0.5)
    mean, var = digamma(B / 2) + np.log(4 / n), polygamma(1, B / 2)
    spread = (L - 1) * (p @ (var + mean**2) - (p @ mean) ** 2) + var[-1]
    return spread, (L - 1) * (p @ mean) + mean[-1]


@claim(
    "The exact sums hold.",
    budget="200 to 1000 networks, depth 50, widths 20, 50, 100",
    tried="5000 networks of width 20, 2000 of width 50; depth 100 at width 20",
)
def sums_hold():
    rng, rows, held = np.random.default_rng(100), [], True
    for n, L, draws in ((20, 50, 5000), (50, 50, 2000), (20, 100, 1000)):
        logs = gradient_path([n] * (L + 1), rng, he, draws=draws)[:, 0] * np.log(10)
        dead, logs = np.sum(logs == -np.inf), logs[logs > -np.inf]  # a whole layer off: L / 2**n of all networks
        var, mean = exact(n, L)
        off = [(logs.var() - var) / (var * np.sqrt(2 / draws)), (logs.mean() - mean) / np.sqrt(var / draws)]
        held &= max(map(abs, off)) < 4
        found = f"variance {logs.var():.2f} (exact {var:.2f}), mean {logs.mean():.2f} ({mean:.2f}), {dead} dead"
        rows.append(f"n {n}, L {L}: {found}")
    return held, "; ".join(rows)


@claim(
    "more often than not it lies below it",
    budget="40 networks of width 200, one for each place on the plane",
    tried="10 networks for each place; width 400",
)
def one_network_lies_below():
    def share(n, draws):
        rng, below = np.random.default_rng(30), []
        for w in (0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5):
            for b in (0.0, 0.1, 0.3, 0.6, 1.0):
                theory = 40 * np.log10(resting_chi(w, b))
                paths = gradient_path([n] * 61, rng, lambda i, o, w=w: w**2 / i, "tanh", b, draws=draws)
                below += list(paths[:, 20] - paths[:, 60] < theory)
        return np.mean(below)

    shares = share(200, 10), share(400, 1)
    return min(shares) > 0.5, f"below in {shares[0]:.0%} of 400 networks, in {shares[1]:.0%} of 40 of width 400"


@claim(
    "For ReLU only two fifths go, to first order",
    budget="150 networks, width 50, depth 50",
    tried="600 networks; width 100",
)
def two_fifths_go():
    def ratio(n, draws):
        spread = {}
        for ensemble in ("gaussian", "orthogonal"):
            rng, kept = np.random.default_rng(70), []
            for _ in range(draws):
                net = MLP.random([n] * 51, rng, "ReLU", ensemble, np.sqrt(2))
                z, _ = net.forward(rng.normal(size=n))
                ends = [d @ d for d in net.backward(z, rng.normal(size=n))]
                kept.append(np.log(ends[0] / ends[-1]))
            spread[ensemble] = np.var(kept)
        return spread["orthogonal"] / spread["gaussian"]

    ratios = ratio(50, 600), ratio(100, 150)
    return all(0.45 < r < 0.75 for r in ratios), (
        f"{ratios[0]:.2f} of the variance stays at width 50 (600 networks), {ratios[1]:.2f} at width 100; theory 3/5"
    )


@claim(
    "The decay is a **power of the depth**, not an exponential",
    budget="5 networks of width 300, depths 10 to 100",
    tried="theory to depth 5000; 50 networks of depth 100; width 1000; orthogonal weights",
)
def a_power_of_the_depth():
    rng = np.random.default_rng(2)
    theory = [L * np.prod(chi(variance_path(1.0, L - 2, 1.0, 0.0), 1.0)) for L in (100, 1000, 5000)]

    def mean(n, draws):
        return 100 * np.mean(10 ** gradient_path([n] * 101, rng, lambda i, o: 1 / i, "tanh", draws=draws)[:, 0])

    many, wide, kept = mean(300, 50), mean(1000, 3), []
    for _ in range(20):
        net = MLP.random([300] * 101, rng, "tanh", "orthogonal", 1.0)
        z, _ = net.forward(rng.normal(size=300))
        ends = [d @ d for d in net.backward(z, rng.normal(size=300))]
        kept.append(100 * ends[0] / ends[-1])
    found = (
        f"L times what is left: theory {theory[0]:.2f}, {theory[1]:.2f}, {theory[2]:.2f} at L = 100, 1000, 5000; "
        f"networks at L = 100: {many:.2f} (50 of width 300), {wide:.2f} (3 of width 1000), {np.mean(kept):.2f} "
        "(20 orthogonal)"
    )
    return all(0.3 < value < 1.5 for value in [*theory, many, wide, np.mean(kept)]), found


@claim(
    "With He's weights both *vanish*, by more than thirteen decades",
    budget="the theory of infinite width, 50 layers, pre-activations that begin at q = 1",
    tried="20 networks each of widths 100 and 200, 3 of width 800, fed with standard normal inputs (q = 2)",
)
def decades_of_gelu_and_silu():
    rows, rng = {}, np.random.default_rng(80)
    for name in ("GELU", "SiLU"):
        for n, draws in ((100, 20), (200, 20), (800, 3)):
            rows[name, n] = np.median(gradient_path([n] * 51, rng, lambda i, o: 2 / i, name, draws=draws)[:, 0])
    found = "; ".join(f"{name}, width {n}: 10^{value:.1f}" for (name, n), value in rows.items())
    return max(rows.values()) < -13, f"median networks keep: {found}"


@claim(
    "With He's weights both *vanish*, GELU by some eleven decades and SiLU by thirteen",
    budget="9 networks of width 200, 50 layers",
    tried="90 other networks of width 200; width 100; width 800; 100 layers",
)
def he_is_not_for_gelu():
    rng = np.random.default_rng(81)

    def median(name, n, draws, L=50):
        return np.median(gradient_path([n] * (L + 1), rng, lambda i, o: 2 / i, name, draws=draws)[:, 0])

    rows = {
        name: [median(name, 200, 90), median(name, 100, 30), median(name, 800, 3), median(name, 200, 5, 100)]
        for name in ("GELU", "SiLU")
    }
    found = "; ".join(
        f"{name}: 10^{a:.1f} in the median of 90 networks, 10^{b:.1f} at width 100, 10^{c:.1f} at 800, 10^{d:.1f} "
        "after 100 layers"
        for name, (a, b, c, d) in rows.items()
    )
    gelu, silu = rows["GELU"], rows["SiLU"]
    return max(gelu[:3]) < -10 and max(silu[:3]) < -12.5 and gelu[3] < -20 and silu[3] < -20, found


@claim(
    "fan in leaves twice the ratio of the ends, and fan out twice one",
    budget="30 networks, widths 512 to 10 in 16 layers",
    tried="300 networks of each; 100 of 8 layers; another pair of ends, 100 to 400",
)
def the_ends_count():
    rng, rows, held = np.random.default_rng(40), [], True
    for ends, L, draws in (((512, 10), 16, 300), ((512, 10), 8, 100), ((100, 400), 16, 100)):
        widths = list(np.round(np.geomspace(*ends, L + 1)).astype(int))
        for rule, due in ((lambda i, o: 2 / i, 2 * widths[-1] / widths[0]), (lambda i, o: 2 / o, 2)):
            kept = 10 ** gradient_path(widths, rng, rule, draws=draws)[:, 0]
            error = kept.std() / draws**0.5
            held &= abs(kept.mean() - due) < 4 * error
            rows.append(f"{kept.mean():.3f} +- {error:.3f} (due {due:.3f})")
    return held, "fan in and fan out, in pairs: " + "; ".join(rows)
