"""Lesson 12's measured claims, tried at ten times their budget.

Not tried: training of the encoders, which the lesson measures at initialisation.
"""

import torch

from coursekit.proving.evidence import claim
from vanishing.residual import encoder_gradients

torch.set_num_threads(1)


@claim(
    "In the *last* of 48 post-LN blocks they hear next to nothing, in every seed: "
    "five decades or more are lost, typically seven, upwards.",
    budget="5 seeds, 48 blocks, 32 units, 8 tokens",
    tried="50 seeds; 64 units; 32 tokens; 96 blocks",
)
def queries_fall_silent():
    def heard(seeds, L=48, **sizes):
        runs = [encoder_gradients(L, "post", seed, **sizes) for seed in range(seeds)]
        return max(run.queries_keys[1] / run.queries_keys[0] for run in runs), max(run.apart for run in runs)

    rows = [heard(50), heard(3, d=64), heard(3, tokens=32), heard(3, L=96)]
    return max(ratio for ratio, _ in rows) < 1e-4, "largest share last / first, and largest distance of tokens: " + (
        "; ".join(f"{ratio:.0e}, {apart:.0e}" for ratio, apart in rows) + " (50 seeds; 64 units; 32 tokens; 96 blocks)"
    )


@claim(
    "GPT-2's scale keeps tokens apart under both norms.",
    budget="5 seeds, 48 blocks, 32 units, 8 tokens",
    tried="50 seeds; 64 units; 96 blocks",
)
def a_scale_keeps_tokens_apart():
    def apart(seeds, L=48, **sizes):
        scale = (2 * L) ** -0.5
        return min(
            encoder_gradients(L, norm, s, scale, **sizes).apart for norm in ("post", "pre") for s in range(seeds)
        )

    rows = apart(50), apart(3, d=64), apart(3, L=96)
    return min(
        rows
    ) > 0.5, "smallest distance of tokens {:.2f} in 50 seeds, {:.2f} with 64 units, {:.2f} in 96 blocks".format(*rows)
