"""Reference answers of lesson 20 against torch's autograd and its own attention."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from reference import answer

few = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 9999)


@few
@given(seed=seeds, rows=st.integers(1, 4), n=st.integers(1, 6), sharp=st.sampled_from([0.0, 1.0, 30.0]))
def test_softmax_back(seed, rows, n, sharp):
    rng = np.random.default_rng(seed)
    s, g = torch.tensor(sharp * rng.normal(size=(rows, n)), requires_grad=True), rng.normal(size=(rows, n))
    p = F.softmax(s, dim=1)
    (right,) = torch.autograd.grad(p, s, torch.tensor(g))
    np.testing.assert_allclose(answer("20.1")(p.detach().numpy(), g), right, atol=1e-13)


@pytest.mark.parametrize(("n", "d", "v"), [(16, 4, 1 / 16), (64, 32, 0.1), (8, 100, 1.0)])
def test_logits_have_deviation_one_with_this_scale(n, d, v):
    rng = np.random.default_rng(1)
    logits = []
    for _ in range(3000):
        WQ, WK = v**0.5 * rng.normal(size=(2, d, n))
        x, y = rng.normal(size=(2, n))
        logits.append(answer("20.2")(n, d, v) * (WQ @ x) @ (WK @ y))
    assert np.std(logits) == pytest.approx(1, abs=0.1)


@few
@given(seed=seeds, T=st.integers(1, 5), d=st.integers(1, 4), m=st.integers(1, 4))
def test_attention_back_is_autograds(seed, T, d, m):
    rng = np.random.default_rng(seed)
    Q, K, V, G = (rng.normal(0, 2, size=(T, width)) for width in (d, d, m, m))
    parts = [torch.tensor(part, requires_grad=True) for part in (Q, K, V)]
    right = torch.autograd.grad(F.scaled_dot_product_attention(*parts), parts, torch.tensor(G))
    for own, other in zip(answer("20.3")(Q, K, V, G), right, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-12)


@few
@given(seed=seeds, T=st.integers(1, 6), far=st.sampled_from([1.0, 1e3]))
def test_causal_attention_is_torchs(seed, T, far):
    rng = np.random.default_rng(seed)
    Q, K, V = rng.normal(size=(T, 3)), far * rng.normal(size=(T, 3)), rng.normal(size=(T, 2))
    right = F.scaled_dot_product_attention(*map(torch.tensor, (Q, K, V)), is_causal=True)
    np.testing.assert_allclose(answer("20.4")(Q, K, V), right, atol=1e-12)


@few
@given(seed=seeds, size=st.sampled_from([1e-6, 1.0, 1e6]))
def test_qk_logits_are_bounded_cosines(seed, size):
    rng = np.random.default_rng(seed)
    Q, K = size * rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    right = F.cosine_similarity(torch.tensor(Q)[:, None], torch.tensor(K)[None], dim=-1, eps=0)
    own = answer("20.5")(Q, K, 3.0)
    np.testing.assert_allclose(own, 3 * right, rtol=1e-9)
    assert np.abs(own).max() <= 3 + 1e-12
