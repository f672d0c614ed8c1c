"""Small formats against torch's, their scales, coins that are right on average, and trainings that survive them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vanishing import twins
from vanishing.eight_bits import SMALL, Recipe, Trained, powers_of_two, quantised, scaled, step_by_step, train

LOSS = twins.cross_entropy, twins.batch_gradient
DTYPES = {
    "e4m3": torch.float8_e4m3fn,
    "e5m2": torch.float8_e5m2,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
few = settings(max_examples=50, deadline=None, derandomize=True)


@pytest.mark.parametrize("name", DTYPES)
def test_rounding_is_torchs_inside_the_format(name):
    form, rng = SMALL[name], np.random.default_rng(0)
    top = np.log2(form.largest)
    x = rng.choice([-1, 1], 4000) * 2.0 ** rng.uniform(np.log2(form.smallest) - 3, top, 4000)
    x = x.astype(np.float32).astype(float)  # torch goes through float32, and rounds twice otherwise
    np.testing.assert_array_equal(quantised(x, name), torch.tensor(x).to(DTYPES[name]).double().numpy())


@pytest.mark.parametrize("name", ["e4m3", "e5m2"])
def test_every_byte_is_a_fixed_point_and_every_tie_goes_to_an_even_one(name):
    values = torch.arange(256, dtype=torch.uint8).view(DTYPES[name]).double().numpy()
    values = np.unique(values[np.isfinite(values)])
    np.testing.assert_array_equal(quantised(values, name), values)
    ties = (values[1:] + values[:-1]) / 2
    np.testing.assert_array_equal(quantised(ties, name), torch.tensor(ties).to(DTYPES[name]).double().numpy())
    assert (values.max(), values[values > 0].min()) == (SMALL[name].largest, SMALL[name].smallest)


def test_four_bits_by_hand():
    np.testing.assert_array_equal(quantised(np.concatenate([E2M1, -E2M1]), "e2m1"), np.concatenate([E2M1, -E2M1]))
    ties = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0]
    np.testing.assert_array_equal(quantised(ties, "e2m1"), [0, 1, 1, 2, 2, 4, 4])


def test_what_is_too_large_saturates_and_nan_stays():
    np.testing.assert_array_equal(quantised([1e9, -np.inf, np.nan], "e4m3"), [448, -448, np.nan])


def test_a_number_just_above_a_tie_is_rounded_once():
    assert quantised(1.0625 + 1e-12, "e4m3") == 1.125
    assert torch.tensor(1.0625 + 1e-12, dtype=torch.float64).to(torch.float8_e4m3fn).double() == 1.0


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_rounding_keeps_the_shape_and_leaves_its_argument(shape):
    x = np.full(shape, 1.03)
    assert quantised(x, "e4m3").shape == shape
    assert (x == 1.03).all()


def test_an_unknown_format_is_refused():
    with pytest.raises(KeyError):
        quantised([1.0], "e3m4")


def test_a_window_in_doublings():
    assert SMALL["e4m3"].doublings == pytest.approx(17.807, abs=1e-3)
    assert SMALL["e5m2"].smallest_normal == 2.0**-14


@few
@given(x=st.floats(-500, 500), name=st.sampled_from(["e2m1", "e4m3", "e5m2"]))
def test_a_coin_chooses_between_two_neighbours_and_is_right_on_average(x, name):
    x = float(np.clip(x, -SMALL[name].largest, SMALL[name].largest))
    coins = (np.arange(1000) + 0.5) / 1000
    found = quantised(np.full(1000, x), name, coins)
    assert len(set(found.tolist())) <= 2
    assert found.mean() == pytest.approx(x, abs=1e-3 * max(abs(x), SMALL[name].smallest))
    np.testing.assert_array_equal(quantised(found, name), found)


@pytest.mark.parametrize("block", ["tensor", "row", 1, 2, 3, 5])
@pytest.mark.parametrize("axis", [-1, -2])
def test_scales_are_the_smallest_powers_of_two_that_fit(block, axis):
    x = np.random.default_rng(0).normal(size=(2, 4, 5)) * 10.0 ** np.arange(-2, 3)
    x[0, 0, 0] = 448 * 2.0**7
    s = np.broadcast_to(powers_of_two(x, "e4m3", block, axis), x.shape)
    assert (np.log2(s) % 1 == 0).all()
    assert (np.abs(x / s) <= 448).all()
    groups = {"tensor": (-2, -1), "row": axis, 1: ()}
    if block in groups:
        assert (np.abs(2 * x / s).max(groups[block]) > 448).all()
    else:
        first = np.take(np.abs(2 * x / s), range(min(block, x.shape[axis])), axis).max(axis)
        assert (first > 448).all()


def test_one_scale_is_none_and_zeros_have_some():
    assert powers_of_two(np.ones((2, 2)), "e4m3", "none") == 1.0
    np.testing.assert_array_equal(scaled(np.zeros((2, 2)), "e4m3", "row"), np.zeros((2, 2)))


def test_a_whole_scale_changes_nothing_where_nothing_is_lost():
    x = np.random.default_rng(1).normal(size=(1, 6, 6))
    np.testing.assert_array_equal(scaled(x, "e4m3", "tensor"), quantised(64 * x, "e4m3") / 64)
    np.testing.assert_array_equal(scaled(x, "e4m3", 7), scaled(x, "e4m3", "row"))


def test_an_outlier_drowns_its_own_block_alone():
    x = np.ones((1, 32))
    x[0, 0] = 1000
    assert (scaled(x, "e2m1", "row") == 0).sum() == 31
    assert (scaled(x, "e2m1", 16) == 0).sum() == 15


def test_recipes_refuse_what_is_not_there():
    with pytest.raises(ValueError, match="one of e2m1"):
        Recipe(forward="e3m4")
    for block in ("rows", 0, -1, True, 2.5):
        with pytest.raises(ValueError, match="block"):
            Recipe(block=block)


def test_widths_are_those_of_the_products_and_of_the_weights():
    assert Recipe().widths() == (64, 64)
    assert Recipe("e2m1", "e5m2", kept="bfloat16").widths() == (8, 16)
    assert Recipe("e4m3", "float16", kept="e4m3").widths() == (16, 8)


def test_an_exact_training_is_autograds():
    from vanishing.trials import digits

    run = train(Recipe(), *LOSS, seeds=[4], steps=3, widths=(64, 5, 10), batch=8)
    rng = np.random.default_rng([23, 4])
    W = [torch.tensor(rng.normal(size=s) * (2 / s[0]) ** 0.5, requires_grad=True) for s in ((64, 5), (5, 10))]
    x, y, x_test, y_test = digits()
    for some, seen in zip(rng.integers(len(x), size=(3, 8)), run.course[:, 0], strict=True):
        loss = torch.nn.functional.cross_entropy(torch.relu(x[some] @ W[0]) @ W[1], y[some])
        assert loss.item() == pytest.approx(seen)
        for w, g in zip(W, torch.autograd.grad(loss, W), strict=True):
            w.data -= 0.05 * g
    logits = torch.relu(x @ W[0]) @ W[1]
    assert torch.nn.functional.cross_entropy(logits, y).item() == pytest.approx(run.loss[0])
    right = (torch.relu(x_test @ W[0]) @ W[1]).argmax(1) == y_test
    assert right.double().mean().item() == run.accuracy[0]


def test_seeds_share_nothing_but_time():
    both, alone = (train(Recipe("e4m3", "e5m2", "row"), *LOSS, seeds=s, steps=3) for s in ([1, 2], [2]))
    np.testing.assert_allclose(both.loss[1], alone.loss[0], rtol=1e-9)


def test_a_loss_scale_that_fits_is_taken_out_again():
    plain, larger = (train(Recipe(loss_scale=s), *LOSS, seeds=[1], steps=3) for s in (1.0, 2.0**12))
    np.testing.assert_allclose(plain.loss, larger.loss, rtol=1e-12)


def test_kept_weights_stand_still_to_nearest_and_move_with_coins():
    near, coin, exact = (
        train(Recipe(kept=kept, stochastic=chance), *LOSS, steps=60)
        for kept, chance in (("e4m3", False), ("e4m3", True), ("float64", False))
    )
    assert isinstance(near, Trained)
    assert np.median(near.loss) > 1.5 * np.median(coin.loss)
    assert np.median(coin.loss) < 1.2 * np.median(exact.loss)


def test_noise_and_blocks_learn():
    for block in ("tensor", 16):
        run = train(Recipe("e4m3", "e4m3", block, noisy=True), *LOSS, seeds=[1], steps=60)
        assert run.course[-10:].mean() < 0.6 * run.course[:3].mean()


def test_step_by_step():
    nearest, coins = step_by_step("bfloat16", 2.0**-12, 200, seeds=300)
    assert (nearest == 1).all()
    assert coins.shape == (300, 201)
    assert coins[:, -1].mean() == pytest.approx(1 - 200 * 2.0**-12, abs=0.01)
