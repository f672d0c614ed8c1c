"""Lengths of tensors against NumPy's in float64, where float32 sums of squares under- or overflow."""

import math

import numpy as np
import pytest
import torch

from vanishing.probe.lengths import length, lengths, scaled_length, together

KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64]


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_length_is_that_of_the_entries(dtype):
    t = torch.randn(7, 11, generator=torch.Generator().manual_seed(1)).to(dtype)
    exact = np.linalg.norm(t.to(torch.complex128 if t.is_complex() else torch.float64).numpy())
    assert length(t) == pytest.approx(exact, rel=1e-6)
    assert lengths([t, 2 * t]) == pytest.approx([exact, 2 * exact], rel=1e-6)


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e-23, 1e-13, 1e-11, 1.0, 1e14, 1e16, 1e25, 1e38])
def test_no_square_is_lost(size):
    t = torch.full((16,), size)
    exact = np.linalg.norm(t.double().numpy())
    assert exact == pytest.approx(4 * size, rel=1e-2)
    assert length(t) == pytest.approx(exact, rel=1e-6)
    assert lengths([t, torch.ones(4)]) == pytest.approx([exact, 2.0], rel=1e-6)
    assert scaled_length(t.clamp(max=1e37)).item() == pytest.approx(
        min(exact, 4e37), rel=1e-2 if size < 1e-37 else 1e-6
    )


def test_small_entries_beside_large_ones():
    t = torch.tensor([3.0, 4.0, *[1e-23] * 100])
    assert length(t) == pytest.approx(5.0, rel=1e-7)


def test_what_is_not_finite_stays_so():
    assert math.isnan(length(torch.tensor([1.0, math.nan])))
    assert lengths([torch.tensor([1.0, math.inf])]) == [math.inf]


def test_sparse_tensors_count_each_place_once():
    t = torch.sparse_coo_tensor([[0, 2, 2]], [3.0, 1.0, 3.0], (5,), check_invariants=True)
    assert length(t) == 5.0


def test_nothing_has_length_zero_and_no_parts_have_none():
    assert length(torch.zeros(0)) == 0
    assert lengths([]) == []
    assert together([3.0, torch.tensor(4.0)]) == 5.0
    assert math.isnan(together([]))


def test_no_graph_is_kept():
    t = torch.ones(4, requires_grad=True)
    assert length(t) == 2.0
    assert lengths([t * 1.0]) == [2.0]
