"""Reference answers of lesson 23 against torch's formats, its scaler and its clipping."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import answer

few = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)


@few
@given(seed=seeds, decade=st.integers(-5, 6))
def test_to_e4m3_is_torchs_for_float32(seed, decade):
    x = (np.random.default_rng(seed).normal(size=20) * 10.0**decade).astype(np.float32)
    right = torch.tensor(x).to(torch.float8_e4m3fn).double().numpy()
    np.testing.assert_array_equal(answer("23.1")(x.astype(float)), right)


def test_every_byte_and_every_tie_in_e4m3():
    values = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).double().numpy()
    values = np.unique(values[np.isfinite(values)])
    ties = (values[1:] + values[:-1]) / 2
    np.testing.assert_array_equal(answer("23.1")(values), values)
    np.testing.assert_array_equal(answer("23.1")(ties), torch.tensor(ties).to(torch.float8_e4m3fn).double().numpy())
    above = np.nextafter(ties, np.inf)
    np.testing.assert_array_equal(answer("23.1")(above), values[1:])


@few
@given(seed=seeds, size=st.integers(1, 5), many=st.integers(1, 4), decade=st.integers(-30, 30))
def test_block_scales_are_the_smallest_that_fit(seed, size, many, decade):
    x = np.random.default_rng(seed).normal(size=(3, size * many)) * 10.0**decade
    s = answer("23.2")(x, size)
    assert s.shape == (3, many)
    assert (np.log2(s) % 1 == 0).all()
    share = np.abs(x) / np.repeat(s, size, axis=1)
    assert (share <= 448).all()
    assert (share.reshape(3, many, size).max(2) > 224).all()


@few
@given(seed=seeds, bits=st.integers(1, 8), decade=st.integers(-20, 20))
def test_coins_are_right_on_average_and_stay_in_the_format(seed, bits, decade):
    x = np.random.default_rng(seed).normal() * 10.0**decade
    coins = (np.arange(2000) + 0.5) / 2000
    found = answer("23.3")(np.full(2000, x), coins, bits)
    assert found.min() <= x <= found.max()
    assert found.mean() == pytest.approx(x, rel=2e-3)
    again = answer("23.3")(found, np.zeros(2000), bits)
    np.testing.assert_array_equal(again, found)


@few
@given(seed=seeds, interval=st.integers(1, 5), start=st.integers(0, 17))
def test_the_scale_walks_as_torchs_grad_scaler_does(seed, interval, start):
    rng = np.random.default_rng(seed)
    peaks = 65504 / 2.0**start * 2.0 ** rng.uniform(-2, 2, size=30)
    peaks[rng.integers(30, size=3)] = [np.inf, np.nan, 0]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**start, growth_interval=interval)
    weight, right = torch.zeros(1, requires_grad=True), []
    sgd = torch.optim.SGD([weight], lr=0.0)
    for peak in peaks:
        scaler.scale(torch.zeros(1))  # begins
        right.append(scaler.get_scale())
        scaled = right[-1] * peak
        weight.grad = torch.tensor([scaled if scaled <= 65504 else np.inf]).float()
        scaler.step(sgd)
        scaler.update()
    np.testing.assert_array_equal(answer("23.4")(peaks, 2.0**start, interval), right)


@few
@given(seed=seeds, scale=st.sampled_from([1024.0, 8192.0, 65536.0]), limit=st.sampled_from([1e-4, 1e-2, 10.0]))
def test_amp_step_is_torchs_unscale_and_clip(seed, scale, limit):
    rng = np.random.default_rng(seed)
    w, g = rng.normal(size=6).astype(np.float32), (9000 * rng.normal(size=6)).clip(-6e4, 6e4).astype(np.float16)
    weight = torch.tensor(w, requires_grad=True)
    weight.grad = torch.tensor(g).float() / scale
    torch.nn.utils.clip_grad_norm_([weight], limit)
    torch.optim.SGD([weight], lr=0.5).step()
    np.testing.assert_allclose(answer("23.5")(w, g, scale, 0.5, limit), weight.detach().numpy(), rtol=1e-4, atol=1e-5)
