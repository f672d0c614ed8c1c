"""The formats against NumPy's and PyTorch's own account, and the products against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from vanishing.floats import FORMATS, depth_of_zero, descents, is_zero, plain_factor, powers, rounded, train_digits


def nearest(x, form):
    """The fraction `x` > 0 rounded to the format, ties to even: by integers alone."""
    exponent = x.numerator.bit_length() - x.denominator.bit_length()  # 2^exponent ≤ x, or one too high
    exponent = max(form.low, exponent - (x < Fraction(2) ** exponent))
    step = Fraction(2) ** (exponent - form.bits + 1)
    return round(x / step) * step  # round() of a fraction goes to even


def walk(a, form, steps):
    """a⁰ … a^steps, rounded at each step, in fractions."""
    factor, path = nearest(Fraction(a), form), [Fraction(1)]
    for _ in range(steps):
        path.append(nearest(path[-1] * factor, form) if path[-1] else Fraction(0))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_limits_are_those_of_torch(name):
    form = FORMATS[name]
    info = torch.finfo(form.dtype)
    assert (form.largest, form.smallest_normal, form.unit) == (info.max, info.tiny, info.eps / 2)
    zero = torch.zeros((), dtype=form.dtype)
    assert torch.nextafter(zero, zero + 1).item() == form.smallest_subnormal == 2.0**form.last


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_limits_are_those_of_numpy(name):
    info = np.finfo(name)
    form = FORMATS[name]
    assert (form.largest, form.smallest_normal, form.smallest_subnormal) == (
        float(info.max),
        float(info.smallest_normal),
        float(info.smallest_subnormal),
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("a", [0.1, 0.25, 0.3, 0.5, 0.77, 0.9])
def test_powers_equal_exact_fractions_rounded_at_each_step(name, a):
    steps = 180 if name != "float64" else 1100
    exact = walk(a, FORMATS[name], steps)
    assert powers(a, steps, name).tolist() == [float(x) for x in exact]


def test_powers_of_many_factors_at_once():
    table = powers([[0.1, 0.5]], 60, "float32")
    assert table.shape == (1, 2, 61)
    np.testing.assert_array_equal(table[0, 1], powers(0.5, 60, "float32"))


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_powers_in_numpy_agree(name):
    value, factor = np.dtype(name).type(1), np.dtype(name).type(0.1)
    with np.errstate(under="ignore"):
        for expected in powers(0.1, 50, name):
            assert float(value) == expected
            value = value * factor


@pytest.mark.parametrize(
    ("a", "depths"),
    [
        (0.1, [8, 41, 46, 324]),
        (0.2, [11, 58, 65, 463]),
        (0.25, [13, 67, 75, 538]),
        (0.5, [25, 134, 150, 1075]),
        (0.6, [np.inf] * 4),
        (0.9, [np.inf] * 4),
    ],
)
def test_depths_of_zero(a, depths):
    assert [depth_of_zero(a, name) for name in FORMATS] == depths


def test_flushing_is_what_the_processor_does():
    depths = [depth_of_zero(a, "float32", flush=True) for a in (0.1, 0.25, 0.5, 0.9)]
    assert depths == [38, 64, 127, 829]
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor has no flush-to-zero mode")
    try:
        plain = powers(0.1, 50, "float32")
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(plain, powers(0.1, 50, "float32", flush=True))
    assert np.float32(1e-38) * np.float32(0.1) > 0


def test_an_endless_walk_is_refused():
    with pytest.raises(RuntimeError, match="neither vanished nor came to rest"):
        depth_of_zero(0.999, "float32", limit=10)


@pytest.mark.parametrize("name", FORMATS)
def test_is_zero_is_exact_rounding(name):
    form = FORMATS[name]
    for a in (0.1, 0.25, 0.5, 0.37):
        k = next(k for k in range(1, 2000) if nearest(Fraction(a) ** k, form) == 0)
        assert is_zero(a, k, name)
        assert not is_zero(a, k - 1, name)


@pytest.mark.parametrize("name", FORMATS)
def test_plain_factors_obey_the_closed_form(name):
    rng = np.random.default_rng(5)
    for _ in range(30):
        a = plain_factor(rng, name)
        assert depth_of_zero(a, name) == int(np.ceil((FORMATS[name].last - 1) / np.log2(a)))


def test_rounded_goes_to_even_and_to_infinity():
    assert rounded([2049.0, 2051.0, 70000.0, 2.0**-25], "float16").tolist() == [2048.0, 2052.0, np.inf, 0.0]
    assert float(rounded(1 + 2.0**-8, "bfloat16")) == 1.0
    with pytest.raises(KeyError):
        rounded(1.0, "float8")


def test_descents_are_the_walks_up_to_each_depth():
    tables = descents([0.1, 0.9], [20, 50])
    walk = tables["in the format"]
    assert walk.shape == (4, 2, 2, 2, 51)
    np.testing.assert_array_equal(walk[2, 0, 0, 0, :21], powers(0.1, 20, "float32"))
    assert np.isnan(walk[..., 0, 21:]).all()
    assert tables["dead"][2, :, :, 0].tolist() == [[46, np.inf], [38, 829]]
    exact = np.broadcast_to(tables["exact"], walk.shape)
    np.testing.assert_allclose(exact[3, 0, :, 1], walk[3, 0, :, 1], rtol=1e-13)


def test_training_in_float64_absorbs_nothing_and_matches_plain_autograd():
    run = train_digits(torch.float64, torch.float64, steps=3, eta=0.1, seeds=2, width=8, batch=20)
    assert run.loss.shape == run.unchanged.shape == (3, 2)
    assert run.unchanged.max() < 0.01
    X, y = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    rng = np.random.default_rng(3)
    W = [torch.from_numpy(rng.normal(size=s) / s[1] ** 0.5)[1].requires_grad_() for s in ((2, 64, 8), (2, 8, 10))]
    for step in range(3):
        rows = rng.integers(len(X), size=(2, 20))[1]
        loss = torch.nn.functional.cross_entropy(torch.relu(X[rows] / 16 @ W[0]) @ W[1], y[rows])
        assert loss.item() == pytest.approx(run.loss[step, 1], rel=1e-12)
        grads = torch.autograd.grad(loss, W)
        W = [(w - 0.1 * g).detach().requires_grad_() for w, g in zip(W, grads, strict=True)]
    hits = (torch.relu(X / 16 @ W[0]) @ W[1]).argmax(dim=1) == y
    assert hits.double().mean().item() == pytest.approx(run.accuracy[1])


def test_bfloat16_weights_stand_still_and_a_master_copy_moves():
    bf16 = train_digits(torch.bfloat16, torch.bfloat16, steps=5, seeds=2)
    master = train_digits(torch.float32, torch.bfloat16, steps=5, seeds=2)
    assert bf16.unchanged.min() > 0.9
    assert master.unchanged.max() < 0.01
