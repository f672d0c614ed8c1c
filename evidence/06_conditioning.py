"""Lesson 06: spectra of products for ten times the networks, ten times the depth and other widths."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.mlp import MLP, draw
from vanishing.spectra import gaussian_exponents, log10_spectrum, qr_logs


def said(values):
    values = np.asarray(values)
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"


def alikeness(ensemble, depth, n, seed):
    """Median |cosine| of what 200 random errors become behind `depth` layers."""
    rng = np.random.default_rng(seed)
    delta = rng.normal(size=(200, n))
    for W in draw(ensemble, (depth, n, n), rng):
        delta = delta @ W
        delta /= np.linalg.norm(delta, axis=1, keepdims=True)
    return np.median(np.abs(delta @ delta.T)[np.triu_indices(200, 1)])


@claim(
    "Behind 50 Gaussian layers it is 0.64, behind a hundred 0.83",
    budget="20 networks, width 64",
    tried="50 networks; 500 layers and 1000 layers (5 networks); width 128 (5 networks, 200 layers)",
)
def everybody_says_the_same():
    fifty, hundred = ([alikeness("gaussian", L, 64, seed) for seed in range(50)] for L in (50, 100))
    deep, deeper, wide = (
        [alikeness("gaussian", L, n, seed) for seed in range(5)] for L, n in ((500, 64), (1000, 64), (200, 128))
    )
    held = abs(np.mean(fifty) - 0.64) < 0.06 and abs(np.mean(hundred) - 0.83) < 0.1 and np.mean(deep) > 0.95
    return bool(held), (
        f"50 layers {said(fifty)}, 100 layers {said(hundred)}; 500 layers {said(deep)}, 1000 {said(deeper)}; "
        f"width 128 at 200 layers {said(wide)}"
    )


@claim(
    "orthogonal layers leave it there",
    budget="5 networks, up to 100 layers, width 64",
    tried="50 networks; 1000 layers; width 128",
)
def orthogonal_layers():
    found = [alikeness("orthogonal", 50, 64, seed) for seed in range(50)]
    deep, wide = alikeness("orthogonal", 1000, 64, 0), alikeness("orthogonal", 50, 128, 0)
    return max(*found, deep) < 0.1, f"{said(found)}; 1000 layers {deep:.2f}; width 128 {wide:.2f}"


@claim(
    "The formula and five seeds agree.",
    budget="5 products of 50 layers, width 64",
    tried="50 products; 500 layers (5 products); width 32 (20 products)",
)
def newman():
    held, found = True, []
    for n, L, seeds in ((64, 50, 50), (64, 500, 5), (32, 50, 20)):
        rates = np.array(
            [qr_logs(draw("gaussian", (L, n, n), np.random.default_rng(s)))[0].mean(axis=0) for s in range(seeds)]
        )
        z = (rates.mean(axis=0) - gaussian_exponents(n)) / (rates.std(axis=0, ddof=1) / seeds**0.5)
        off = np.sqrt(np.mean(z**2))
        held &= bool(off < 2)
        found.append(f"n = {n}, {L} layers, {seeds} products: off by {off:.1f} standard errors (rms over all {n})")
    return held, "; ".join(found)


@claim(
    "Each layer multiplies the condition number by fifteen, that is 1.18 decades",
    budget="the formula, width 64",
    tried="10 networks of 50 layers; 500 layers (1 network); width 32 (10 networks), where it is less",
)
def condition_number():
    def per_layer(L, n, seed):
        return np.ptp(log10_spectrum(draw("gaussian", (L, n, n), np.random.default_rng(seed)))) / L

    many, deep = [per_layer(50, 64, seed) for seed in range(10)], per_layer(500, 64, 0)
    narrow = [per_layer(50, 32, seed) for seed in range(10)]
    return bool(abs(np.mean(many) - 1.18) < 0.08 and abs(deep - 1.18) < 0.06), (
        f"{said(many)} a layer; 500 layers {deep:.2f}; width 32 {said(narrow)}"
    )


@claim(
    "One millionth is left: half is lost per layer.",
    budget="5 networks, 20 layers, width 64",
    tried="50 networks; 200 layers (5 networks); width 256 (5 networks)",
)
def spectral():
    def rate(L, n, seed):
        rng, v, log = np.random.default_rng(seed), None, 0.0
        for _ in range(L):
            v = rng.normal(size=n) if v is None else v
            v = draw("spectral", (n, n), rng) @ (v / np.linalg.norm(v))
            log += np.log(np.linalg.norm(v))
        return np.exp(log / L)

    many, deep, wide = (
        [rate(L, n, seed) for seed in range(seeds)] for L, n, seeds in ((20, 64, 50), (200, 64, 5), (20, 256, 5))
    )
    return bool(abs(np.mean(many) - 0.508) < 0.01 and 0.48 < np.mean(wide) < 0.52), (
        f"kept per layer {np.mean(many):.3f}; 200 layers {np.mean(deep):.3f}; width 256 {np.mean(wide):.3f}"
    )


def tanh_spectra(ensemble, r, L, n, seed):
    """log10 of the singular values of L tanh layers at an input of length r."""
    rng = np.random.default_rng(seed)
    net = MLP.random([n] * (L + 2), rng, "tanh", ensemble)
    x = rng.normal(size=n)
    z, _ = net.forward(r * x / np.linalg.norm(x))
    return log10_spectrum(net.jacobians(z)[1:])


@claim(
    "there the bound is void, and the measured condition number is about $10^3$",
    budget="5 orthogonal tanh networks of 50 layers, r = 8, width 64",
    tried="30 networks; 500 layers (2 networks); width 128 at r = 11.3, the same input per unit (3 networks)",
)
def tanh_orthogonal():
    many = [np.ptp(tanh_spectra("orthogonal", 8.0, 50, 64, seed)) for seed in range(30)]
    deep = [np.ptp(tanh_spectra("orthogonal", 8.0, 500, 64, seed)) for seed in range(2)]
    wide = [np.ptp(tanh_spectra("orthogonal", 128**0.5, 50, 128, seed)) for seed in range(3)]
    return bool(abs(np.mean(many) - 3.07) < 0.15), (
        f"log10 {said(many)}; 500 layers {said(deep)}; width 128 {said(wide)}"
    )


@claim(
    "For Gaussian weights its logarithm is 61.2",
    budget="5 tanh networks of 50 layers, r = 8, width 64",
    tried="20 networks; width 32 at r = 5.7 (5 networks)",
)
def tanh_gaussian():
    many = [np.ptp(tanh_spectra("gaussian", 8.0, 50, 64, seed)) for seed in range(20)]
    narrow = [np.ptp(tanh_spectra("gaussian", 32**0.5, 50, 32, seed)) for seed in range(5)]
    return bool(abs(np.mean(many) - 61.2) < 2), f"{said(many)}; width 32 {said(narrow)}"


@claim(
    "As the library delivers it, its mean is −0.203",
    budget="2000 matrices, 16 by 16",
    tried="20,000 matrices; 64 by 64 (2000), where it is smaller",
)
def corner():
    rng = np.random.default_rng(1)
    many = np.linalg.qr(rng.normal(size=(20_000, 16, 16)))[0][:, 0, 0].mean()
    wide = np.linalg.qr(rng.normal(size=(2000, 64, 64)))[0][:, 0, 0].mean()
    return bool(abs(many + 0.203) < 0.006), f"{many:.3f}; 64 by 64 {wide:.3f}"
