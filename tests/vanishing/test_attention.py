"""Transformers made of a learner's parts: against torch's own layers, side by side as alone, and what they promise."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vanishing import twins
from vanishing.attention import (
    EPS,
    LETTERS,
    Recipe,
    Transformers,
    _clip,
    apart,
    attention_alone,
    heard,
    layer_norm,
    mean_loss,
    prose,
    training,
)

PARTS = {
    part.__name__: part
    for part in (twins.ln_back, twins.cross_entropy, twins.batch_gradient, twins.clip_by_global_norm)
}
LOSS = twins.ln_back, twins.cross_entropy, twins.batch_gradient


def normal(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def test_the_norm_is_torchs_and_so_is_its_gradient():
    h, g = normal(2, 3, 5).requires_grad_(), normal(2, 3, 5, seed=1)
    own, right = layer_norm(twins.ln_back)(h), F.layer_norm(h, (5,), eps=EPS)
    torch.testing.assert_close(own, right)
    torch.testing.assert_close(torch.autograd.grad(own, h, g), torch.autograd.grad(right, h, g))


def test_the_norms_gradient_is_what_the_part_says():
    asked = []

    def part(z, gamma, g, eps):
        asked.append((z.shape, gamma.tolist(), eps))
        return 7 * g, None

    h = normal(2, 3, 5).requires_grad_()
    (below,) = torch.autograd.grad(layer_norm(part)(h).sum(), h)
    assert asked == [((6, 5), [1.0] * 5, EPS)]
    torch.testing.assert_close(below, torch.full_like(h, 7.0))


def test_the_loss_is_torchs_for_each_model():
    logits, labels = normal(3, 6, 4).requires_grad_(), torch.tensor([0, 1, 2, 3, 0, 1])
    own = mean_loss(twins.cross_entropy, twins.batch_gradient)(logits, labels)
    right = torch.stack([F.cross_entropy(one, labels) for one in logits])
    torch.testing.assert_close(own, right)
    g = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad(own, logits, g), torch.autograd.grad(right, logits, g))


def torchs(model, m, norm_first):
    """Torch's own encoder layers with the weights of one of the models."""
    layers = []
    for block in model.blocks:
        layer = torch.nn.TransformerEncoderLayer(
            8, 2, 32, 0.0, batch_first=True, norm_first=norm_first, bias=False, layer_norm_eps=EPS, dtype=torch.float64
        )
        with torch.no_grad():
            layer.self_attn.in_proj_weight.copy_(torch.cat([block[name][m].T for name in ("WQ", "WK", "WV")]))
            layer.self_attn.out_proj.weight.copy_(block["WO"][m].T)
            layer.linear1.weight.copy_(block["W1"][m].T)
            layer.linear2.weight.copy_(block["W2"][m].T)
        layers.append(layer)
    return layers


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("causal", [False, True])
def test_blocks_are_torchs(norm, causal):
    model = Transformers(Recipe(norm), twins.ln_back, (0, 1), 2, d=8, heads=2)
    h = normal(2, 3, 5, 8)
    _, passed, sharp = model(h, causal)
    assert len(passed) == 3
    assert len(sharp) == 2
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64) if causal else None
    for m in range(2):
        right = h[m]
        for layer in torchs(model, m, norm == "pre"):
            right = layer(right, src_mask=mask, is_causal=causal)
        torch.testing.assert_close(passed[-1][m], right)


def test_a_model_is_the_same_alone_and_side_by_side():
    recipe = Recipe("sandwich", qk_norm=True, clip=0.5, z_loss=0.01, warmup=2, rate=0.03)
    both = list(training(recipe, PARTS, (3, 4), steps=4, blocks=1, d=8, tokens=6, batch=2))
    for m, seed in enumerate((3, 4)):
        alone = list(training(recipe, PARTS, (seed,), steps=4, blocks=1, d=8, tokens=6, batch=2))
        for two, one in zip(both, alone, strict=True):
            assert [part[m] for part in two[:3]] == pytest.approx([part[0] for part in one[:3]], rel=1e-9)


def test_the_future_is_not_heard():
    model = Transformers(Recipe(), twins.ln_back, (0,), 2, d=8, heads=2)
    h = normal(1, 1, 6, 8)
    changed = h.clone()
    changed[:, :, 4:] = -h[:, :, :2]
    first, other = model(h, causal=True)[0], model(changed, causal=True)[0]
    torch.testing.assert_close(first[:, :, :4], other[:, :, :4])
    assert not torch.allclose(first[:, :, 4:], other[:, :, 4:])


def test_logits_keep_their_bounds():
    h = 30 * normal(1, 2, 6, 8)
    for recipe, bound in ((Recipe("none", cap=2.0), 2.0), (Recipe("none", qk_norm=True), 2.0)):
        model = Transformers(recipe, twins.ln_back, (0,), 1, d=8, heads=2)
        weights, _ = model.look(model.blocks[0], h)
        spread = weights.amax(-1) - weights.amin(-1)
        assert float(spread.detach().max()) <= 2 * bound + 1e-9
        assert float(model.size) <= bound


def test_sharpness_of_equal_tokens_and_of_one_that_is_far_ahead():
    model = Transformers(Recipe("none"), twins.ln_back, (0,), 1, d=8, heads=2)
    level = model.attend(model.blocks[0], torch.ones(1, 2, 6, 8, dtype=torch.float64), True)[1]
    assert level.entropy.tolist() == pytest.approx([1.0])
    np.testing.assert_allclose(level.weights.sum(1), 1)
    sharp = model.attend(model.blocks[0], 1e4 * normal(1, 2, 6, 8), False)[1]
    assert float(sharp.entropy) < 0.05


def test_a_recipes_norm_has_a_name():
    with pytest.raises(ValueError, match="norm must be post, pre, sandwich or none, not 'both'"):
        Recipe("both")


def test_deepnorm_has_its_factors():
    recipe = Recipe.deepnorm(2, rate=0.1)
    assert (recipe.skip, recipe.scale, recipe.values) == pytest.approx((2**0.5, 0.5, 0.5))
    assert (recipe.norm, recipe.rate) == ("post", 0.1)
    model = Transformers(recipe, twins.ln_back, (0,), 1)
    plain = Transformers(Recipe("post"), twins.ln_back, (0,), 1)
    ratios = {name: float((model.blocks[0][name] / plain.blocks[0][name]).mean().detach()) for name in plain.blocks[0]}
    assert ratios == pytest.approx({"WQ": 1, "WK": 1, "WV": 0.5, "WO": 0.5, "W1": 0.5, "W2": 0.5})


def test_how_far_apart_tokens_are():
    assert apart(torch.ones(2, 3, 4, 5)) == pytest.approx([0, 0], abs=1e-15)
    assert apart(torch.eye(4, dtype=torch.float64)[None, None]) == pytest.approx([1])
    h = normal(1, 1, 4, 5)
    unit = F.normalize(h[0, 0], dim=-1)
    cosines = [float(unit[i] @ unit[j]) for i, j in itertools.combinations(range(4), 2)]
    assert apart(h) == pytest.approx([1 - np.mean(cosines)])


@pytest.mark.parametrize("seed", range(3))
def test_attention_alone_cubes_the_distance_of_tokens(seed):
    found = attention_alone(3, seed)
    assert len(found) == 4
    assert 2 < np.log(found[3]) / np.log(found[2]) < 5
    assert attention_alone(3, seed, identity=1.0)[3] > 0.1


def test_what_is_heard_before_the_first_step():
    found = heard(Recipe("post"), *LOSS, range(2), 24)
    assert found.queries_keys.shape == found.mlp.shape == found.apart.shape == (2, 24)
    assert (found.queries_keys[:, -1] < 1e-4 * found.mlp[:, -1]).all()
    quiet = heard(Recipe("post", scale=48**-0.5), *LOSS, range(2), 24)
    assert (quiet.apart[:, -1] > 0.5).all()


def test_each_model_is_clipped_by_itself():
    model = Transformers(Recipe(), twins.ln_back, (0, 1), 1, d=8, heads=2)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.grad[1] *= 1e-6
    small = model.readout.grad[1].clone()
    _clip(model, 0.5, twins.clip_by_global_norm)
    squares = sum(parameter.grad.square().flatten(1).sum(1) for parameter in model.parameters())
    assert float(squares[0]) == pytest.approx(0.25)
    torch.testing.assert_close(model.readout.grad[1], small)


def test_warm_up_begins_with_a_part_of_the_rate():
    options = {"steps": 3, "blocks": 1, "d": 8, "tokens": 6, "batch": 2}
    cold = [step.loss for step in training(Recipe(rate=0.0), PARTS, (0,), **options)]
    slow = [step.loss for step in training(Recipe(rate=0.1, warmup=10**9), PARTS, (0,), **options)]
    fast = [step.loss for step in training(Recipe(rate=0.1), PARTS, (0,), **options)]
    np.testing.assert_allclose(cold, slow, atol=1e-6)
    assert not np.allclose(cold, fast, atol=1e-3)


def test_the_prose_is_the_courses():
    text = prose()
    words = "".join(LETTERS[k] for k in text[:200].tolist())
    assert len(text) > 10_000
    assert "step size" in words
    assert set(text.tolist()) == set(range(len(LETTERS)))
