"""Lesson 20's measured claims, tried at ten times their budget.

Not tried: other texts; encoders after training; learned gains in the norms; float32.
"""

from functools import cache

import numpy as np
import torch

from coursekit.proving.evidence import claim
from vanishing import twins
from vanishing.attention import Recipe, Transformers, attention_alone, heard, mean_loss, training

torch.set_num_threads(1)
LOSS = twins.ln_back, twins.cross_entropy, twins.batch_gradient
PARTS = {
    part.__name__: part
    for part in (twins.ln_back, twins.cross_entropy, twins.batch_gradient, twins.clip_by_global_norm)
}
LARGE = {
    "nothing": Recipe(rate=0.1),
    "QK-norm": Recipe(rate=0.1, qk_norm=True),
    "soft-capping": Recipe(rate=0.1, cap=5.0),
    "z-loss": Recipe(rate=0.1, z_loss=1e-2),
    "clipping": Recipe(rate=0.1, clip=0.5),
    "sandwich norm": Recipe("sandwich", rate=0.1),
    "a tenth of the rate": Recipe(rate=0.01),
}


@cache
def run(recipe, seeds, steps, **sizes):
    """Losses (steps, M) and the sharpest block's entropies (steps, M)."""
    taken = list(training(recipe, PARTS, seeds, steps, **sizes))
    return np.array([step.loss for step in taken]), np.array([step.entropy for step in taken])


def end(recipe, seeds, steps, **sizes):
    """Median over seeds of the mean loss over the last ten steps, and of the last entropy."""
    loss, entropy = run(recipe, seeds, steps, **sizes)
    return np.median(loss[-10:].mean(0)), np.median(entropy[-1])


def rise(loss, first=5):
    """How far each loss (steps, M) rises above its lowest so far, after the first steps: (M,)."""
    lowest = np.minimum.accumulate(loss)
    return (loss[first:] - lowest[first - 1 : -1]).max(0)


MANY, OTHERS = tuple(range(50)), tuple(range(5, 10))


def one_head(d, c, seed, T=16, n=64):
    """Median share that passes a query's softmax, gradient in W_Q, W_K over W_V, the two loudest queries' share."""
    normal = np.random.default_rng(seed).normal
    X = torch.tensor(normal(size=(T, n)))
    W = torch.tensor(normal(size=(3, d, n)) / n**0.5, requires_grad=True)
    Q, K, V = X @ W.mT
    S = c * Q @ K.T
    A = torch.softmax(S, -1)
    Q.retain_grad(), S.retain_grad(), A.retain_grad()
    (A @ V).backward(torch.tensor(normal(size=(T, d))))
    size = W.grad.norm(dim=(1, 2))
    loud = Q.grad.square().sum(1)
    two = (loud.topk(2).values.sum() / loud.sum()).item()
    return (S.grad.norm(dim=1) / A.grad.norm(dim=1)).median().item(), (size[:2].norm() / size[2]).item(), two


@claim(
    "at 512 the logits of a *typical* query hear about a thousandth of what they would (among 64 tokens, a hundredth).",
    budget="20 heads, 16 tokens of 64 entries",
    tried="200 heads; 64 tokens; tokens of 256 entries",
)
def near_ties_shout():
    rows = {}
    for name, heads, sizes in (
        ("200 heads", 200, {}),
        ("64 tokens", 50, {"T": 64}),
        ("256 entries", 50, {"n": 256}),
    ):
        bare, scaled = (
            np.median([one_head(512, c, seed, **sizes) for seed in range(heads)], 0) for c in (1.0, 512**-0.5)
        )
        rows[name] = scaled[0] / bare[0]
    held = 30 < rows["64 tokens"] < 300 and all(300 < rows[name] < 3000 for name in ("200 heads", "256 entries"))
    return held, "; ".join(f"{name}: {less:.0f} times less" for name, less in rows.items())


@claim(
    "The gradient of the weights as a whole does **not** vanish: it is larger, and it differs from head to head by a "
    "factor of ten and more. So the folklore is half right: two queries carry most of it, and chance decides which.",
    budget="20 heads, 16 tokens of 64 entries",
    tried="200 heads; tokens of 256 entries",
)
def two_carry_most():
    texts, held = [], True
    for heads, n in ((200, 64), (50, 256)):
        bare, scaled = (np.array([one_head(512, c, k, n=n) for k in range(heads)]) for c in (1.0, 512**-0.5))
        more, spread = np.median(bare[:, 1]) / np.median(scaled[:, 1]), bare[:, 1].max() / bare[:, 1].min()
        two = np.median(bare[:, 2]), np.median(scaled[:, 2])
        held &= more > 1.5 and spread > 10 and two[0] > 0.6 and two[1] < 0.45
        texts.append(f"{heads} heads of {n} entries: {more:.1f} times, spread {spread:.0f}, two of 16 {two[0]:.2f}")
    return held, "; ".join(texts)


@claim(
    "Four layers of attention alone; with the input added it takes dozens.",
    budget="5 seeds, 8 tokens, width 32",
    tried="50 seeds; 32 tokens; width 128",
)
def tokens_become_one():
    def layers(identity, seeds, most, **sizes):
        found = [attention_alone(most, seed, identity, **sizes) for seed in range(seeds)]
        return int((np.median(found, 0) > 1e-12).sum())

    rows = {
        name: (layers(0.0, seeds, 30, **sizes), layers(1.0, seeds, 199, **sizes))
        for name, seeds, sizes in (
            ("50 seeds", 50, {}),
            ("32 tokens", 10, {"tokens": 32}),
            ("width 128", 10, {"d": 128}),
        )
    }
    held = all(alone in (4, 5) and 20 < added < 100 for alone, added in rows.values())
    return held, "; ".join(f"{name} {alone} and {added}" for name, (alone, added) in rows.items())


SIZES = (("50 seeds", 50, 48, {}), ("width 64", 5, 48, {"d": 64}), ("32 tokens", 5, 48, {"tokens": 32}))
SIZES = (*SIZES, ("96 blocks", 5, 96, {}))


@claim(
    "In post-LN the top block's queries and keys hear less than a million-millionth of what the ReLU network beside "
    "them hears, which looks healthy.",
    budget="5 seeds, 48 blocks, 32 units, 8 tokens",
    tried="50 seeds; 64 units; 32 tokens; 96 blocks",
)
def post_ln_falls_silent():
    rows, least = {}, []
    for name, seeds, blocks, sizes in SIZES:
        found = heard(Recipe("post"), *LOSS, range(seeds), blocks, **sizes)
        rows[name] = np.median(found.queries_keys[:, -1] / found.mlp[:, -1])
        least.append(found.mlp[:, -1].min())
    text = "; ".join(f"{name} {share:.0e}" for name, share in rows.items())
    return max(rows.values()) < 1e-12 and min(least) > 0.1, f"{text}; the ReLU network hears {min(least):.1f} at least"


@claim(
    "Pre-LN and sandwich norm lose about two digits.",
    budget="5 seeds, 48 blocks, 32 units, 8 tokens",
    tried="50 seeds; 64 units; 32 tokens; 96 blocks",
)
def two_digits():
    rows = {}
    for name, seeds, blocks, sizes in SIZES:
        for norm in ("pre", "sandwich"):
            asked = heard(Recipe(norm), *LOSS, range(seeds), blocks, **sizes).queries_keys
            rows[f"{norm}, {name}"] = np.median(np.log10(asked[:, 0] / asked[:, -1]))
    held = all(1 < lost < 3 for lost in rows.values())
    return held, "; ".join(f"{name} {lost:.1f}" for name, lost in rows.items())


@claim(
    "A quiet branch keeps tokens apart in post-LN and pre-LN alike. In sandwich norm no scale of the weights can "
    "quiet it: the norm behind undoes it.",
    budget="5 seeds, 48 blocks, 32 units, 8 tokens",
    tried="50 seeds; 64 units; 32 tokens; 96 blocks; sandwich norm with and without the scale",
)
def quiet_branches():
    rows = {}
    for name, seeds, blocks, sizes in SIZES:
        scale = (2 * blocks) ** -0.5
        for recipe in (Recipe("post", scale=scale), Recipe("pre", scale=scale), Recipe.deepnorm(blocks)):
            found = heard(recipe, *LOSS, range(seeds), blocks, **sizes).apart[:, -1].min()
            rows[name] = min(rows.get(name, 1.0), found)
    with_and_without = [heard(Recipe("sandwich", scale=s), *LOSS, range(50), 48).apart[:, -1] for s in (96**-0.5, 1.0)]
    sandwich = np.median(with_and_without, 1)
    text = "; ".join(f"{name} {apart:.2f}" for name, apart in rows.items())
    held = min(rows.values()) > 0.5 and abs(sandwich[0] / sandwich[1] - 1) < 0.1
    return held, f"smallest distance: {text}; sandwich norm {sandwich[0]:.3f} with the scale, {sandwich[1]:.3f} without"


@claim(
    "which makes each of them $\\sqrt2$ smaller: a weaker branch, a slower collapse.",
    budget="lesson 12's encoder, 5 seeds",
    tried="this lesson's encoder with those three matrices √2 smaller, 50 seeds",
)
def torchs_own_encoder():
    model = Transformers(Recipe("post"), twins.ln_back, MANY, 48)
    with torch.no_grad():
        for block in model.blocks:
            for name in ("WQ", "WK", "WV"):
                block[name] /= 2**0.5
    h = torch.tensor(np.random.default_rng(3).normal(size=(50, 4, 8, 32)))
    labels = torch.tensor(np.random.default_rng(4).integers(10, size=32))
    mean_loss(*LOSS[1:])(model(h)[0].flatten(1, 2), labels).sum().backward()
    top = model.blocks[-1]
    found = (top["WQ"].grad.square() + top["WK"].grad.square()).flatten(1).sum(1).sqrt().numpy()
    return 1e-9 < np.median(found) < 1e-6, f"{found.min():.0e} to {found.max():.0e}, median {np.median(found):.0e}"


@claim(
    "Yet all four end about where doing nothing ends. The smaller rate saves the loss, and so does sandwich norm, "
    "*with its attention shut*.",
    budget="5 seeds, 2 blocks, width 32, 40 steps",
    tried="50 seeds; 4 blocks (5 other seeds)",
)
def who_keeps_the_loss():
    held, texts = True, []
    for name, seeds, sizes in (("50 seeds", MANY, {}), ("4 blocks", OTHERS, {"blocks": 4})):
        ends = {remedy: end(recipe, seeds, 40, **sizes) for remedy, recipe in LARGE.items()}
        losses = {remedy: loss for remedy, (loss, _) in ends.items()}
        four = [losses[remedy] for remedy in ("QK-norm", "soft-capping", "z-loss", "clipping")]
        saved = max(losses["sandwich norm"], losses["a tenth of the rate"])
        held &= max(abs(loss - losses["nothing"]) for loss in four) < 0.15 and saved < min(four) - 0.1
        held &= ends["sandwich norm"][1] < 0.1 < 0.5 < min(ends[remedy][1] for remedy in ("QK-norm", "soft-capping"))
        texts.append(f"{name}: " + ", ".join(f"{remedy} {loss:.2f} ({e:.2f})" for remedy, (loss, e) in ends.items()))
    return held, "loss (entropy); " + "; ".join(texts)


@claim(
    "with ten times as many steps it ends a third of a nat below doing nothing, sandwich norm a quarter; soft-capping "
    "gains a tenth, z-loss and clipping nothing, and the smaller rate ends another quarter below QK-norm.",
    budget="5 seeds, 400 steps",
    tried="5 other seeds",
)
def in_the_long_run():
    loss = {remedy: end(recipe, OTHERS, 400)[0] for remedy, recipe in LARGE.items()}
    gain = {remedy: loss["nothing"] - value for remedy, value in loss.items()}
    held = 0.25 < gain["QK-norm"] < 0.45 and 0.15 < gain["sandwich norm"] < 0.35 and 0.03 < gain["soft-capping"] < 0.2
    held &= max(gain["z-loss"], gain["clipping"]) < 0.06
    held &= 0.15 < loss["QK-norm"] - loss["a tenth of the rate"] < 0.4
    return held, ", ".join(f"{remedy} {value:.2f}" for remedy, value in loss.items())


@claim(
    "after the first five steps no loss rose by more than one above its lowest so far.",
    budget="5 seeds, 7 recipes, 40 and 400 steps",
    tried="50 seeds and 40 steps; 5 other seeds and 400 steps",
)
def no_spikes():
    short = max(rise(run(recipe, MANY, 40)[0]).max() for recipe in LARGE.values())
    long = max(rise(run(recipe, OTHERS, 400)[0]).max() for recipe in LARGE.values())
    return max(short, long) < 1, f"largest rise {short:.2f} in 40 steps, {long:.2f} in 400"


@claim(
    "After the first five steps hardly one loss in a hundred rose by more than one above its lowest so far; in runs "
    "ten times as long, five of each, none did.",
    budget="5 seeds, 7 recipes, 40 and 400 steps",
    tried="50 seeds and 40 steps; 5 other seeds and 400 steps",
)
def hardly_a_spike():
    short = np.array([rise(run(recipe, MANY, 40)[0]) for recipe in LARGE.values()])
    long = max(rise(run(recipe, OTHERS, 400)[0]).max() for recipe in LARGE.values())
    text = f"{np.sum(short > 1)} of {short.size} runs of 40 steps, largest rise {short.max():.2f}"
    return np.mean(short > 1) < 0.01 and long < 1, f"{text}; largest in 400 steps {long:.2f}"


@claim(
    "At the smaller rate warm-up costs a tenth at most. At the larger rate it gains a little more than a tenth, and "
    "the smaller rate alone gains more.",
    budget="5 seeds, 2 post-LN blocks, 40 steps",
    tried="50 seeds",
)
def warm_up():
    loss = {
        (rate, warmup): end(Recipe("post", rate=rate, warmup=warmup), MANY, 40)[0]
        for rate in (0.01, 0.03)
        for warmup in (0, 20)
    }
    held = 0 < loss[0.01, 20] - loss[0.01, 0] < 0.11 and 0.1 < loss[0.03, 0] - loss[0.03, 20] < 0.2
    held &= loss[0.01, 0] < loss[0.03, 20]
    return held, "; ".join(f"rate {r}, warm-up {w}: {value:.2f}" for (r, w), value in loss.items())


@claim(
    "With ten times as many steps (warm-up still 20) it gains two tenths at the larger rate, and the smaller rate "
    "without it still ends four tenths lower.",
    budget="5 seeds, 2 post-LN blocks, 400 steps",
    tried="5 other seeds",
)
def warm_up_in_the_long_run():
    at = {
        (rate, warmup): end(Recipe("post", rate=rate, warmup=warmup), OTHERS, 400)[0]
        for rate, warmup in ((0.03, 0), (0.03, 20), (0.01, 0))
    }
    held = 0.1 < at[0.03, 0] - at[0.03, 20] < 0.35 and 0.25 < at[0.03, 20] - at[0.01, 0] < 0.55
    return held, "; ".join(f"rate {r}, warm-up {w}: {value:.2f}" for (r, w), value in at.items())
