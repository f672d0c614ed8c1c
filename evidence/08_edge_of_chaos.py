"""Lesson 08's measured claims, tried at ten times their budget. Not tried: trained networks."""

import numpy as np

from coursekit.proving.evidence import claim
from vanishing.recurrent import RNN
from vanishing.spectra import qr_logs


def top_exponent(net, z, settle=100):
    """Mean growth of one direction per step along the trajectory z."""
    first = np.ones((len(net.b), 1)) / np.sqrt(len(net.b))
    return qr_logs(net.jacobians(z), first)[0][settle:, 0].mean()


def both_rates(seed, gain, n=100, steps=500, settle=100):
    """The forward and the backward rate of one network without input."""
    rng = np.random.default_rng(seed)
    net = RNN.random(n, rng, gain=gain)
    z, _ = net.forward(steps, rng.normal(size=n))
    logs = np.log(np.linalg.norm(net.backward(z, rng.normal(size=n)), axis=1))
    return top_exponent(net, z), (logs[settle] - logs[-settle]) / (len(logs) - 2 * settle)


def driven(seed, gain, strength, bias=0.0, n=100, steps=400):
    """The top exponent of one network under an input of this strength."""
    rng = np.random.default_rng(seed)
    net = RNN.random(n, rng, gain=gain, bias=bias, m=100, input_gain=strength)
    z, _ = net.forward(rng.normal(size=(steps, 100)), rng.normal(size=n))
    return top_exponent(net, z)


@claim(
    "The two rates agree to two hundredths per step, or better, in every network.",
    budget="5 seeds, 500 steps, 100 units, gains 0.5 to 2.5",
    tried="50 seeds; 1000 steps (at 5000 a gradient in chaos overflows); 200 units",
)
def rates_agree():
    gains = (0.5, 0.8, 1.0, 1.5, 2.0, 2.5)
    many = max(abs(np.subtract(*both_rates(seed, g))) for g in gains for seed in range(50))
    long = max(abs(np.subtract(*both_rates(seed, g, steps=1000))) for g in (0.8, 1.5, 2.0) for seed in range(3))
    wide = max(abs(np.subtract(*both_rates(seed, g, n=200))) for g in (0.8, 1.5, 2.0) for seed in range(3))
    return max(many, long, wide) < 0.025, (
        f"largest gap {many:.3f} in 50 seeds, {long:.3f} over 1000 steps, {wide:.3f} with 200 units"
    )


@claim(
    "Even deep in chaos most directions still shrink.",
    budget="1 network for each gain, 400 steps, 64 units",
    tried="10 seeds; 4000 steps; 128 units; gain 6",
)
def most_directions_shrink():
    def share(seed, gain, n=64, steps=400):
        rng = np.random.default_rng(seed)
        net = RNN.random(n, rng, gain=gain)
        z, _ = net.forward(steps, rng.normal(size=n))
        return np.mean(qr_logs(net.jacobians(z))[0][100:].mean(axis=0) > 0)

    shares = [
        max(share(seed, 3.0) for seed in range(10)),
        share(0, 3.0, steps=4000),
        share(0, 3.0, n=128),
        share(0, 6.0),
    ]
    return max(shares) < 0.5, "largest share of growing directions: " + (
        f"{shares[0]:.2f} in 10 seeds, {shares[1]:.2f} over 4000 steps, {shares[2]:.2f} of 128 units, "
        f"{shares[3]:.2f} at gain 6"
    )


@claim(
    "Here an input moves it to higher gains",
    budget="5 seeds, 400 steps, 100 units, input of strength 0.5",
    tried="50 seeds; 2000 steps; 200 units; strength 1",
)
def inputs_move_the_edge():
    def drop(seeds, **options):
        strength = options.pop("strength", 0.5)
        return np.mean(
            [
                driven(s, g, 0.0, **options) - driven(s, g, strength, **options)
                for s in range(seeds)
                for g in (1.2, 1.6, 2.0)
            ]
        )

    drops = [drop(50), drop(3, steps=2000), drop(3, n=200), drop(5, strength=1.0)]
    return min(drops) > 0, "mean fall of the exponent at gains 1.2 to 2: " + (
        f"{drops[0]:.3f} in 50 seeds, {drops[1]:.3f} over 2000 steps, {drops[2]:.3f} with 200 units, "
        f"{drops[3]:.3f} at strength 1"
    )


@claim(
    "The fifth *becomes* so: left alone it ends in a stable cycle, and the input throws it off its cycle into chaos.",
    budget="1 network, 600 steps, one input",
    tried="10 starts and 3000 steps without input; 10 other inputs of 600 steps; one of 6000",
)
def noise_brings_chaos():
    rng = np.random.default_rng(4)
    net = RNN.random(100, rng, gain=2.5, bias=1.5, m=100, input_gain=0.5)
    rest, moved = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        z, _ = net.forward(3000, rng.normal(size=100))
        gaps = np.linalg.norm(z[-1] - z[-101:-1], axis=1)
        rest.append((top_exponent(net, z[:700]), gaps.min()))
        z, _ = net.forward(rng.normal(size=(600, 100)), rng.normal(size=100))
        moved.append(top_exponent(net, z))
    z, _ = net.forward(rng.normal(size=(6000, 100)), rng.normal(size=100))
    moved.append(top_exponent(net, z))
    exponents, returns = np.transpose(rest)
    return exponents.max() < 0 < min(moved) and returns.max() < 1e-9, (
        f"left alone: exponent at most {exponents.max():.2f} from 10 starts, each back at an earlier state to within "
        f"{returns.max():.0e}; with input: {min(moved[:-1]):.2f} or more for 10 inputs, {moved[-1]:.2f} over 6000 steps"
    )


@claim(
    "An input keeps the state away from zero, so that $\\tanh'$ stays below one at every step, "
    "and after 100 steps there is nothing worth speaking of",
    budget="5 seeds, 100 units",
    tried="50 seeds; 300 units; strength 0.25",
)
def orthogonal_fades():
    def kept(seed, n=100, strength=0.5):
        rng = np.random.default_rng(seed)
        net = RNN.random(n, rng, input_gain=strength, ensemble="orthogonal", m=100)
        z, _ = net.forward(rng.normal(size=(100, 100)), rng.normal(size=n))
        delta = net.backward(z, rng.normal(size=n))
        return np.linalg.norm(delta[0]) / np.linalg.norm(delta[-1])

    left = [
        max(kept(s) for s in range(50)),
        max(kept(s, n=300) for s in range(5)),
        max(kept(s, strength=0.25) for s in range(5)),
    ]
    return max(left[:2]) < 1e-10 and left[2] < 1e-3, (
        f"at most {left[0]:.0e} is left in 50 seeds, {left[1]:.0e} with 300 units, {left[2]:.0e} at half the strength"
    )


@claim(
    "the decay is slow, a power of the time as in lesson 02: a few per cent are left after 500 steps",
    budget="5 seeds, 500 steps, 100 units, no input",
    tried="50 seeds; 5000 steps; 300 units",
)
def the_decay_is_a_power():
    def kept(seed, T=500, n=100):
        rng = np.random.default_rng(seed)
        net = RNN.random(n, rng, ensemble="orthogonal")
        z, _ = net.forward(T, rng.normal(size=n))
        delta = net.backward(z, rng.normal(size=n))
        return np.linalg.norm(delta[0]) / np.linalg.norm(delta[-1])

    many, wide = [kept(s) for s in range(50)], [kept(s, n=300) for s in range(5)]
    powers = [np.log10(kept(s, T=5000) / many[s]) for s in range(5)]  # of T, from 500 to 5000 steps
    near_half = max(abs(power + 0.5) for power in powers) < 0.25  # lesson 10's mean field: |delta| ~ T ** -0.5
    return 0.01 < min(many + wide) < max(many + wide) < 0.1 and near_half, (
        f"{min(many):.3f} to {max(many):.3f} left in 50 seeds, {min(wide):.3f} to {max(wide):.3f} with 300 units; from "
        f"500 to 5000 steps it falls as T to the power of {min(powers):.2f} to {max(powers):.2f}"
    )
