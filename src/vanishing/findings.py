"""What ails a network, in plain sentences, from the numbers that `vanishing.probe` took of it.

Each rule looks at the rows of one record. The thresholds are rules of thumb, set where healthy networks of this course
stay clear of them: they are for alarm, and the table is for judgement. Layers are compared by the gradient that reaches
their outputs, δ_l, since a gradient in weights has the size of the layer's input in it, too.
"""

import math

import numpy as np

from vanishing.style import power

VANISHED = 1e-4  # of the last layer's gradient
EXPLODED = 1e2  # times the last layer's gradient
SATURATED = 0.5  # share of outputs with less than 1 % of the largest slope
DEAD = 0.8  # share of units; deep random ReLU layers have up to a half of them off for all samples, and are alive
FEW = 16  # samples that are too few to call a unit dead
SILENT = 0.05  # |∂loss/∂z · z| over the loss
FAST = 0.1  # an update over its weights; about 0.001 is usual (a rule of thumb of Karpathy's)
LARGE_INPUT = 10.0  # root mean square
STEPS = 5  # time steps from which a trend in time is read
START = {  # what lets a gradient pass layers with this activation (Glorot & Bengio 2010; He et al. 2015)
    "sigmoid": "take ReLU with He's weights instead, or normalise in front of each",
    "tanh": "start with Xavier's or orthogonal weights",
    "relu": "start with He's weights",
}
SHAPED = ("sigmoid", "tanh", "hardsigmoid", "softmax")


class Finding(str):
    """A sentence about a network; `kind` names the illness, `layers` are the numbers of the layers concerned."""

    def __new__(cls, kind, layers, text):
        finding = super().__new__(cls, text)
        finding.kind, finding.layers = kind, tuple(layers)
        return finding


def examine(rows, situation):
    """All findings about the Rows of one record, the gravest first; an empty list is good news.

    situation  `loss`; `source`, the root mean square of the input; `head`, Σ |∂loss/∂z · z| in the last layer's output;
               `last`, the number of that layer. NaN and 0 stand for what is not known.
    """
    if broken := list(not_finite(rows, situation)):
        return broken
    rules = (unheard, silent, vanishing, exploding, in_time, dead, saturated, step_size)
    found = [finding for rule in rules for finding in rule(rows, situation)]
    loud = any(finding.kind.startswith("exploding") for finding in found)
    return [finding for finding in found if not (loud and finding.kind == "fast")]  # the step is not to blame


def not_finite(rows, situation):
    """Infinity or NaN in a gradient or an output."""
    if math.isinf(situation["loss"]):
        yield Finding("not finite", [], "The loss is infinite.")
    bad = [row for row in rows if row.overflow]
    if bad:
        text = "an output or a gradient is infinite or not a number"
        yield Finding("not finite", _numbers(bad), f"{_layers(bad)}: {text}.")


def unheard(rows, situation):
    """Trainable layers without any gradient."""
    got = [row for row in rows if not math.isnan(row.gradient)]
    lost = [row for row in rows if row.trainable and math.isnan(row.gradient)]
    if got and lost:
        why = "not used for the loss, or cut off from it by detach or no_grad"
        yield Finding("unheard", _numbers(lost), f"{_layers(lost)} got no gradient, though trainable: {why}.")


def silent(rows, situation):
    """A saturated output unit whose loss does not pay for it (lesson 04), or a loss that is flat altogether."""
    _, sizes = _profile(rows)
    if sizes and not any(sizes) and situation["loss"] != 0:
        yield Finding(
            "silent loss", _numbers(rows), "No layer receives any gradient: the loss is flat where it stands."
        )
        return
    share = situation["head"] / situation["loss"] if situation["loss"] > 0 else math.nan
    for row in rows:
        if row.number == situation["last"] and row.phi in SHAPED and row.saturated >= SATURATED and share < SILENT:
            text = f"{_layers([row])}: {row.saturated:.0%} of the {row.phi} outputs are saturated, and the loss of"
            text += f" {_short(situation['loss'])} hardly hears what goes into them (relative rate {_short(share)})"
            advice = "cross-entropy on the pre-activations does not fall silent"
            yield Finding("silent loss", [row.number], f"{text}; {advice}.")


def vanishing(rows, situation):
    """Layers that receive next to nothing of what the last layer receives."""
    rows, sizes = _profile(rows)
    if len(rows) < 2 or not sizes[-1] > 0:
        return
    low = [k for k, size in enumerate(sizes) if size < VANISHED * sizes[-1]]
    if low:
        some, most = [rows[k] for k in low], max(sizes[k] for k in low) / sizes[-1]
        size = f"less than {power(math.floor(math.log10(most)) + 1)} of" if most > 0 else "nothing of"
        text = f"{_layers(some)} {_verb(some, 'receives', 'receive')} {size} the last layer's gradient"
        yield Finding("vanishing", _numbers(some), f"{text}: {'; '.join(_why_less(rows, sizes, low))}.")


def _why_less(rows, sizes, low):
    """The likely cause of a vanishing gradient and, where the numbers tell it, what helps."""
    passed = rows[low[0] : low[-1] + 1]
    blocked = [row for row in passed if row.dead == 1]
    if blocked and min(sizes) == 0:
        cause = f"all ReLU units of layer {blocked[-1].number} are off{_narrow(rows)}"
        return cause, "lead an identity path past them, or widen the layer"
    shaped = [row for row in passed if row.phi in ("sigmoid", "tanh")]
    if shaped and np.mean([row.saturated for row in shaped]) > SATURATED / 2:
        share = np.mean([row.saturated for row in shaped])
        cause = f"saturated {shaped[0].phi} ({share:.0%} of its outputs have less than 1 % of the largest slope)"
        return cause, "scale down what goes into it, or normalise it"
    left, steps = sizes[low[0]] / sizes[-1], len(rows) - 1 - low[0]
    rate = f"a factor of {_short(left ** (1 / steps))} per layer" if left > 0 else "down to zero"
    most = next((phi for phi in START if sum(row.phi == phi for row in passed) > len(passed) / 2), None)
    if most == "sigmoid":
        return f"{rate}, under sigmoids, whose slope is a quarter at most", START[most]
    if narrow := _narrow(rows):
        return f"{rate}{narrow}", "widen them, or add identity paths"
    signal = [row.rms for row in rows if row.rms > 0]
    if signal and signal[-1] < 0.01 * signal[0]:
        rate += f", and the signal shrinks as well, from {_short(signal[0])} to {_short(signal[-1])}: weights too small"
    return (rate, START[most]) if most else (rate,)


def _narrow(rows):
    """A warning when ReLU layers are too narrow for their number: var log|δ|² is about 5 L / n (lesson 10)."""
    widths = [row.width for row in rows if row.phi == "relu"]
    if not widths or 5 * sum(1 / w for w in widths) < 4:
        return ""
    return f", in {len(widths)} ReLU layers of width {min(widths)}, which are narrow for their number"


def exploding(rows, situation):
    """A gradient that grows on its way down."""
    rows, sizes = _profile(rows)
    if len(rows) < 2 or not sizes[-1] > 0:
        return
    top = int(np.argmax(sizes))
    growth = sizes[top] / sizes[-1]
    if growth > EXPLODED:
        rate = growth ** (1 / (len(rows) - 1 - top))
        text = f"{_layers(rows[top : top + 1])} receives {_short(growth)} times the last layer's gradient"
        signal = [row.rms for row in rows if row.rms > 0]
        why = "weights too large"
        if signal and max(signal) > 30 * signal[0]:
            ends = f"from {_short(signal[0])} to {_short(max(signal))}"
            why = f"the signal grows as well, {ends}: {why}, or residual branches without a scale"
        yield Finding("exploding", [rows[top].number], f"{text}, a factor of {_short(rate)} per layer: {why}.")


def in_time(rows, situation):
    """A gradient that vanishes or explodes over the calls of a shared module, or along a sequence."""
    for row in rows:
        times = np.array(row.times)
        if len(times) < STEPS or not times.max() > 0:
            continue
        last = times[times > 0][-1]
        where = f"{_layers([row])}: over its {len(times)} steps in time the gradient"
        if times.max() > EXPLODED * last:
            back = f"grows to {_short(times.max() / last)} times its size at the last one, going back in time"
            yield Finding("exploding in time", [row.number], f"{where} {back}: bound its recurrent weights, or clip.")
        elif times[0] < VANISHED * times.max():
            left = f"falls to {_short(times[0] / times.max())} of its largest value at the first one"
            yield Finding("vanishing in time", [row.number], f"{where} {left}: the beginning is not learned from.")


def dead(rows, situation):
    """Layers of ReLU units that are off whatever comes in."""
    some = [row for row in rows if row.dead >= DEAD and row.samples >= FEW]
    if some:
        text = f"{_layers(some)}: {_share([row.dead for row in some])} of the ReLU units are off for every sample"
        yield Finding("dead", _numbers(some), f"{text}, and let no gradient through.")


def saturated(rows, situation):
    """Layers below the head whose sigmoid or tanh is flat for most of its inputs."""
    some = [row for row in rows if row.saturated >= SATURATED and row.phi not in ("", "softmax")]
    some = [row for row in some if row.number != situation["last"]]
    if not some:
        return
    text = f"{_layers(some)}: {_share([row.saturated for row in some])} of the {some[0].phi} outputs are saturated"
    why = f"what goes into them has a root mean square of {_short(some[0].rms)}, for large weights or biases"
    if some[0].number == 1 and situation["source"] > LARGE_INPUT:
        why = f"the network's inputs have a root mean square of {_short(situation['source'])}: scale them"
    yield Finding("saturated", _numbers(some), f"{text}; {why}.")


def step_size(rows, situation):
    """Steps that are large, or lost in rounding, beside the weights that they change."""
    rows = [row for row in rows if row.matrix and row.trainable]
    if fast := [row for row in rows if row.update > FAST]:
        most = _short(max(row.update for row in fast))
        text = f"{_layers(fast)} {_verb(fast, 'moves', 'move')} by up to {most} times the weights in one step"
        yield Finding("fast", _numbers(fast), f"{text}, where 0.001 is usual: lower the learning rate.")
    if lost := [row for row in rows if row.update < row.rounding]:
        text = f"{_layers(lost)} {_verb(lost, 'moves', 'move')} by less than {_short(lost[0].rounding)} of the weights"
        yield Finding("lost in rounding", _numbers(lost), f"{text} in one step, which rounding swallows.")


def _profile(rows):
    """The rows with weight matrices, and what each receives: δ where it is known for all of them, else the gradient."""
    rows = [row for row in rows if row.matrix]
    heard = [row for row in rows if not math.isnan(row.delta)]
    if heard:
        return heard, [row.delta for row in heard]
    heard = [row for row in rows if not math.isnan(row.gradient)]
    return heard, [row.gradient for row in heard]


def _numbers(rows):
    return [row.number for row in rows]


def _verb(some, one, many):
    return one if len(some) == 1 else many


def _layers(rows):
    """'Layer 3 (stem)' or 'Layers 1-3, 5 (a … d)'."""
    numbers, parts = _numbers(rows), []
    for k in numbers:
        if parts and parts[-1][1] == k - 1:
            parts[-1][1] = k
        else:
            parts.append([k, k])
    text = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)
    names = rows[0].name if len(rows) == 1 else f"{rows[0].name} … {rows[-1].name}"
    return f"{_verb(rows, 'Layer', 'Layers')} {text} ({names})"


def _share(values):
    """'54%' or '50 to 54%'."""
    least, most = f"{min(values):.0%}", f"{max(values):.0%}"
    return most if least == most else f"{least[:-1]} to {most}"


def _short(v):
    """A number to two digits: 0.24, 57, 3.1 × 10⁴."""
    if v == 0 or 1e-3 <= abs(v) < 1e4:
        return f"{v:.0f}" if abs(v) >= 10 else f"{v:.2g}"
    mantissa, exponent = f"{v:.1e}".split("e")
    return f"{mantissa} × {power(int(exponent))}"
