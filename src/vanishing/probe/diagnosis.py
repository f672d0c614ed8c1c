"""What ails a network, in plain sentences, from the numbers that `vanishing.probe` took of it in one record.

Each rule looks at the rows of one record; vanishing.probe.history puts records and facts together. The thresholds are
rules of thumb, set where healthy networks of this course and of benchmarks/sick stay clear of them: they are for
alarm, and the table is for judgement. Layers are compared by the gradient that reaches their outputs, δ_l, since a
gradient in weights has the size of the layer's input in it, too; and only with the heads that they lead to.
"""

import math

import numpy as np

from vanishing.numerals import power

VANISHED = 1e-4  # of the last layer's gradient
EXPLODED = 1e2  # times the last layer's gradient
SATURATED = 0.5  # share of outputs with less than 1 % of the largest slope
DEAD = 0.8  # share of units; deep random ReLU layers have up to a half of them off for all samples, and are alive
FEW = 32  # samples that are too few to call a unit dead
SILENT = 0.05  # |∂loss/∂z · z| over the loss
FAST = 0.1  # a step over its weights; about 0.001 is usual
YOUNG = 0.3  # of the length that weights of variance 1/n_in have: below it, a step is measured by this
UNBORN = 0.01  # the same, below which a layer is held to have been started at zero on purpose
LARGE_INPUT = 10.0  # root mean square
STEPS = 5  # time steps from which a trend in time is read
MANY_RANGES, THREE = 6, 3  # how many ranges of numbers, and how many names, are told one by one
START = {  # what lets a gradient pass layers with this activation (Glorot & Bengio 2010; He et al. 2015)
    "sigmoid": "take ReLU with He's weights instead, batch norm in front of each, or weights four times as large with"
    " biases that centre them",
    "tanh": "start with Xavier's or orthogonal weights",
    "relu": "start with He's weights",
    "softmax": "take ReLU, and softmax for the output alone",
}
SHAPED = ("sigmoid", "tanh", "hardsigmoid", "softmax")


class Finding(str):
    """A sentence about a network; `kind` names the illness, `layers` are the numbers of the layers concerned.

    `symptom` is the sentence without its advice. Of a whole run, `first` is the backward pass whose record had it first
    and `records` in how many it was.
    """

    def __new__(cls, kind, layers, text, symptom=None, first=None, records=1):
        finding = super().__new__(cls, text)
        finding.kind, finding.layers, finding.symptom = kind, tuple(layers), symptom or text
        finding.first, finding.records = first, records
        return finding

    def __reduce__(self):
        return Finding, (self.kind, self.layers, str(self), self.symptom, self.first, self.records)


def examine(rows, situation):
    """All findings about the Rows of one record, the gravest first; an empty list is good news.

    situation  `loss`; `source`, the root mean square of the input; `head`, Σ |∂loss/∂z · z| in the last layer's output;
               `last`, the number of that layer. NaN and 0 stand for what is not known. Also, if known: `rate`, the
               learning rate of the step.
    """
    if broken := list(not_finite(rows, situation)):
        return broken
    rules = (unheard, underflow, silent, vanishing, exploding, in_time, dead, saturated, step_size)
    found = [finding for rule in rules for finding in rule(rows, situation)]
    kinds = {finding.kind for finding in found}
    if any(kind.startswith("exploding") for kind in kinds):  # the step is not to blame
        kinds.discard("fast")
    if "underflow" in kinds:
        kinds -= {"silent loss", "vanishing", "lost in rounding"}
    return [finding for finding in found if finding.kind in kinds]


def not_finite(rows, situation):
    """Infinity or NaN: where it begins, and on which side."""
    loss, source = situation["loss"], situation["source"]
    bad = [row for row in rows if row.overflow]
    judged = situation.get("judged", not math.isnan(loss))
    if not bad and not math.isinf(loss) and not (math.isnan(loss) and judged):
        return
    if situation.get("fed", False) and not math.isfinite(source):
        yield Finding("not finite", [], "The input itself holds infinity or NaN: look at the data.")
        return
    sick = [row for row in bad if not math.isnan(row.weight) and not math.isfinite(row.weight)]
    out = [row for row in bad if "output" in row.broken or not row.broken]
    if sick and out:
        text = f"{layers_of(sick)} {verb(sick, 'has', 'have')} weights that are infinite or NaN"
        yield Finding("not finite", _numbers(sick), f"{text}: the step before has broken them.")
    elif out:
        first = _innermost(out)
        size = " (float16 ends at 65504: compute it in float32 or bfloat16)" if first.half else ""
        text = f"an output or a gradient is infinite or not a number; it begins in the output of layer {first.number}"
        yield Finding("not finite", _numbers(bad), f"{layers_of(bad)}: {text}{size}.")
    elif not math.isfinite(loss):
        word = "infinite" if math.isinf(loss) else "not a number"
        if not bad and math.isinf(loss):
            yield Finding("not finite", [], "The loss is infinite, and all outputs are finite: a logarithm of zero?")
        else:
            text = f"All outputs are finite and the loss is {word}: it comes from the loss itself"
            logits = situation.get("judge", "") in ("cross_entropy", "binary_cross_entropy_with_logits")
            why = "look at its targets and weights" if logits else "use the loss that takes logits"
            yield Finding("not finite", _numbers(bad), f"{text} (log 0, 0/0): {why}.")
    else:
        heard = [row for row in rows if not math.isnan(row.delta) or "gradient" in row.broken]
        whole = heard and all("gradient" in row.broken for row in heard[-1:])
        if whole:
            text = "All outputs and the loss are finite, and the gradient is NaN from the top: the derivative of the"
            text += " loss itself is not finite (the root of zero, a norm of zero, 0 · log 0); add a small ε inside it"
        else:
            top = bad[-1]
            text = "All outputs are finite; going back, the gradient is first infinite or NaN at"
            text += f" {layers_of([top]).lower()}"
        yield Finding("not finite", _numbers(bad), f"{text}.")


def _innermost(rows):
    """The first row of a layer that none of the others lies within: what holds layers is called before they are."""
    read = {k for row in rows for k in row.parents or ()}
    for row in rows:
        whole = row.name == "model" and row.number not in read
        if not any(other is not row and (whole or other.name.startswith(f"{row.name}.")) for other in rows):
            return row
    return rows[0]


def unheard(rows, situation):
    """Trainable layers that were called and have no gradient, while others do."""
    some = situation.get("reached", ())
    got = [row for row in rows if not math.isnan(row.gradient)]
    lost = [row for row in rows if row.trainable and math.isnan(row.gradient) and row.number not in some]
    if got and lost:
        why = "not used for the loss, or cut off from it by detach or no_grad"
        yield Finding("unheard", _numbers(lost), f"{layers_of(lost)} got no gradient, though trainable: {why}.")


def underflow(rows, situation):
    """Gradients below the smallest number of float16 (lesson 03)."""
    half = [row for row in rows if row.half and not math.isnan(row.delta)]
    lost = [row for row in half if row.delta == 0]
    alive = [row for row in half if row.dead == 1]
    if lost and not alive and situation["loss"] != 0 and not _flat(rows):
        text = f"{layers_of(lost)} {verb(lost, 'receives', 'receive')} zero, in float16, which has no numbers below 6 ×"
        advice = "scale the loss up (GradScaler), or compute in bfloat16"
        yield Finding(
            "underflow", _numbers(lost), f"{text} 10⁻⁸: the gradients are lost there; {advice}.", f"{text} 10⁻⁸."
        )


def _flat(rows):
    return any(row.phi in SHAPED and row.saturated >= SATURATED for row in rows)


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
            text = f"{layers_of([row])}: {row.saturated:.0%} of the {row.phi} outputs are saturated, and the loss of"
            text += f" {short(situation['loss'])} hardly hears what goes into them (relative rate {short(share)})"
            advice = "cross-entropy on the pre-activations does not fall silent"
            yield Finding("silent loss", [row.number], f"{text}; {advice}.")


class _Ways:
    """Which layers lead to which, and what each is to be compared with."""

    def __init__(self, rows):
        self.rows = {row.number: row for row in rows}
        matrices = [row.number for row in rows if row.matrix]
        guess = dict(zip(matrices[1:], matrices, strict=False))  # where nobody has said, one layer feeds the next
        self.parents = {}
        for row in rows:
            given = row.parents
            if given is None:
                given = (guess[row.number],) if row.number in guess else ()
            self.parents[row.number] = tuple(k for k in given if k in self.rows and k != row.number)
        self.children = {k: [] for k in self.rows}
        for k, some in self.parents.items():
            for j in some:
                self.children[j].append(k)
        self.tops = {}

    def size(self, k):
        """What a layer receives; NaN where that is not known.

        What a norm divides by its size receives the inverse of that size, which ails nobody: it counts as if it had
        been of size one.
        """
        row, on = self.rows[k], self.children[k]
        if row.rms > 0 and on and all("Norm" in self.rows[j].kind for j in on):
            return row.delta * row.rms
        return row.delta

    def top(self, k):
        """The largest gradient among the heads that a layer leads to."""
        if k not in self.tops:
            seen, todo, best = {k}, [k], 0.0
            while todo:
                j = todo.pop()
                on = [c for c in self.children[j] if c not in seen]
                seen.update(on)
                todo += on
                if not self.children[j] and self.size(j) > best:
                    best = self.size(j)
            self.tops[k] = best
        return self.tops[k]

    def low(self, k, seen=()):
        """Whether next to nothing reaches a layer; of one that was not heard, whether all that it reads is low."""
        size = self.size(k)
        if not math.isnan(size):
            return size < VANISHED * self.top(k)
        below = [j for j in self.parents[k] if j not in seen]
        return all(self.low(j, (*seen, k)) for j in below) if below else None

    def starved(self, k):
        """Whether a low layer lies on a path that is low as a whole, and is no faint branch beside a sound one."""
        below = [low for j in self.parents[k] if (low := self.low(j)) is not None]
        if self.parents[k]:
            return all(below)
        source = self.rows[k].source
        beside = [
            row.number for row in self.rows.values() if source and row.source == source and not self.parents[row.number]
        ]
        return all(self.low(j) is not False for j in beside)

    def unborn(self, k):
        """Whether all ways up from a layer pass weights that were started at zero."""
        seen, todo = {k}, [k]
        while todo:
            above = self.children[todo.pop()]
            if not above:
                return False
            on = [c for c in above if c not in seen and not _started_at_zero(self.rows[c])]
            seen.update(on)
            todo += on
        return True


def _started_at_zero(row):
    return row.shut or row.weight < UNBORN * row.natural or (row.weight == 0 and row.gradient > 0)


def vanishing(rows, situation):
    """Layers that receive next to nothing of what the last layer receives."""
    every = rows
    rows, sizes = _profile(rows)
    if len(rows) < 2:
        return
    if not all(map(math.isnan, (row.delta for row in rows))):
        ways = _Ways(every)
        low = [k for k, row in enumerate(rows) if ways.low(row.number) and ways.starved(row.number)]
        low = [k for k in low if not ways.unborn(rows[k].number)]
        top = max((ways.top(rows[k].number) for k in low), default=0)
    else:
        top = sizes[-1]
        low = [k for k, size in enumerate(sizes) if size < VANISHED * top]
    if low and top > 0:
        some, most = [rows[k] for k in low], max(sizes[k] for k in low) / top
        size = f"less than {power(math.floor(math.log10(most)) + 1)} of" if most > 0 else "nothing of"
        text = f"{layers_of(some)} {verb(some, 'receives', 'receive')} {size} the last layer's gradient"
        yield Finding("vanishing", _numbers(some), f"{text}: {'; '.join(_why_less(rows, sizes, low))}.", f"{text}.")


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
    left, steps = (sizes[low[0]] / sizes[-1] if sizes[-1] > 0 else 0), max(1, len(rows) - 1 - low[0])
    rate = f"a factor of {short(left ** (1 / steps))} per layer" if left > 0 else "down to zero"
    most = next((phi for phi in START if sum(row.phi == phi for row in passed) > len(passed) / 2), None)
    if most == "sigmoid":
        return f"{rate}, under sigmoids, whose slope is a quarter at most", START[most]
    if most == "softmax":
        return f"{rate}, under a softmax between layers, which divides what it is given among all units", START[most]
    if narrow := _narrow(rows):
        return f"{rate}{narrow}", "widen them, or add identity paths"
    signal = [row.rms for row in rows if row.rms > 0]
    if signal and signal[-1] < 0.01 * signal[0]:
        rate += f", and the signal shrinks as well, from {short(signal[0])} to {short(signal[-1])}: weights too small"
    return (rate, START[most]) if most else (rate,)


def _narrow(rows):
    """A warning when ReLU layers are too narrow for their number: var log|δ|² is about 5 L / n (lesson 10)."""
    widths = [row.width for row in rows if row.phi == "relu"]
    if not widths or 5 * sum(1 / w for w in widths) < 4:
        return ""
    return f", in {len(widths)} ReLU layers of width {min(widths)}, which are narrow for their number"


def exploding(rows, situation):
    """A gradient that grows on its way down."""
    every = rows
    rows, sizes = _profile(rows)
    if len(rows) < 2:
        return
    if all(map(math.isnan, (row.delta for row in rows))):
        tops = [sizes[-1]] * len(rows)
    else:
        ways = _Ways(every)
        tops, sizes = [ways.top(row.number) for row in rows], [ways.size(row.number) for row in rows]
    grown = [size / top if top > 0 else 0.0 for size, top in zip(sizes, tops, strict=True)]
    top = int(np.argmax(grown))
    growth = grown[top]
    if growth > EXPLODED:
        rate = growth ** (1 / max(1, len(rows) - 1 - top))
        text = f"{layers_of(rows[top : top + 1])} receives {short(growth)} times the last layer's gradient"
        signal = [row.rms for row in rows if row.rms > 0]
        why = "weights too large"
        if signal and max(signal) > 30 * signal[0]:
            ends = f"from {short(signal[0])} to {short(max(signal))}"
            why = f"the signal grows as well, {ends}: {why}, or residual branches without a scale"
        full = f"{text}, a factor of {short(rate)} per layer: {why}."
        yield Finding("exploding", [rows[top].number], full, f"{text}.")


def in_time(rows, situation):
    """A gradient that vanishes or explodes over the calls of a shared module, or along a sequence."""
    for row in rows:
        times = np.array(row.times)
        if len(times) < STEPS or not times.max() > 0 or not row.chained:
            continue
        last = times[times > 0][-1]
        where = f"{layers_of([row])}: over its {len(times)} steps in time the gradient"
        if times.max() > EXPLODED * last:
            back = f"grows to {short(times.max() / last)} times its size at the last one, going back in time"
            yield Finding(
                "exploding in time",
                [row.number],
                f"{where} {back}: bound its recurrent weights; clipping only shortens the steps.",
            )
        elif times[0] < VANISHED * times.max():
            left = f"falls to {short(times[0] / times.max())} of its largest value at the first one"
            yield Finding("vanishing in time", [row.number], f"{where} {left}: the beginning is not learned from.")


def dead(rows, situation):
    """Layers of ReLU units that are off whatever comes in."""
    some = [row for row in rows if row.dead >= DEAD and row.samples >= FEW and row.width != 1]
    if some:
        text = f"{layers_of(some)}: {_share([row.dead for row in some])} of the ReLU units are off for every sample"
        yield Finding("dead", _numbers(some), f"{text}, and let no gradient through.")


def saturated(rows, situation):
    """Layers below the head whose sigmoid or tanh is flat for most of its inputs."""
    some = [row for row in rows if row.saturated >= SATURATED and row.phi not in ("", "softmax")]
    some = [row for row in some if row.number != situation["last"]]
    if not some:
        return
    text = f"{layers_of(some)}: {_share([row.saturated for row in some])} of the {some[0].phi} outputs are saturated"
    why = f"what goes into them has a root mean square of {short(some[0].rms)}, for large weights or biases"
    if some[0].number == 1 and situation["source"] > LARGE_INPUT:
        why = f"the network's inputs have a root mean square of {short(situation['source'])}: scale them"
    yield Finding("saturated", _numbers(some), f"{text}; {why}.")


def pace(row):
    """The length of a step over that of the weights, or over what weights have that were not started near zero."""
    floor = YOUNG * row.natural
    if not row.weight >= 0 or math.isnan(floor) or row.weight >= floor:
        return row.update
    return row.update * row.weight / floor if row.weight > 0 else math.nan


def step_size(rows, situation):
    """Steps that are large, or lost in rounding, beside the weights that they change."""
    rows = [row for row in rows if row.matrix and row.trainable]
    if fast := [row for row in rows if pace(row) > FAST]:
        most = short(max(pace(row) for row in fast))
        text = f"{layers_of(fast)} {verb(fast, 'moves', 'move')} by up to {most} times the weights in one step"
        yield Finding("fast", _numbers(fast), f"{text}, where 0.001 is usual: lower the learning rate.", f"{text}.")
    lost = [row for row in rows if row.update < row.rounding and row.gradient > 0]
    lost = [row for row in lost if situation.get("still", {}).get(row.number, 1.0) > 0.5]
    if lost and situation.get("rate", math.nan) != 0:
        text = f"{layers_of(lost)} {verb(lost, 'moves', 'move')} by less than {short(lost[0].rounding)} of the weights"
        text += " in one step, which rounding swallows"
        advice = "keep the weights and their sums in float32" if lost[0].rounding > 1e-6 else "the step is too short"
        yield Finding("lost in rounding", _numbers(lost), f"{text}: {advice}.", f"{text}.")


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


def verb(some, one, many):
    return one if len(some) == 1 else many


def layers_of(rows):
    """'Layer 3 (stem)', 'Layers 1-3, 5 (a … d)' or '36 of the layers 4-104 (blocks.0–11.attn.q)'."""
    numbers, parts = _numbers(rows), []
    for k in numbers:
        if parts and parts[-1][1] == k - 1:
            parts[-1][1] = k
        else:
            parts.append([k, k])
    text = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)
    if len(parts) > MANY_RANGES:
        return f"{len(rows)} of the layers {numbers[0]}-{numbers[-1]} ({names_of([row.name for row in rows])})"
    return f"{verb(rows, 'Layer', 'Layers')} {text} ({names_of([row.name for row in rows])})"


def names_of(names):
    """Names of layers in few words: 'stem', 'stem … head', 'blocks.0–11.attn.q, blocks.0–11.mlp.up'.

    Names that differ in one number alone are one name with a range there. Of more than THREE such names, or where no
    two can be taken together, the first and the last stand for all.
    """
    blocks = {}
    for name in names:
        parts = name.split(".")
        places = [k for k, part in enumerate(parts) if part.isdigit() and k < len(parts) - 1]
        key = tuple("#" if k in places[:1] else part for k, part in enumerate(parts))
        blocks.setdefault(key, []).append(parts[places[0]] if places else "")
    summed = [".".join(key).replace("#", _span(numbers)) for key, numbers in blocks.items()]
    if len(names) > 2 and len(summed) < len(names) and len(summed) <= THREE:
        return ", ".join(summed)
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _span(numbers):
    """'0–11', or '0–3, 7' in braces, or the number itself."""
    spans = []
    for n in sorted({int(n) for n in numbers if n}):
        if spans and spans[-1][1] == n - 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    text = ",".join(f"{a}" if a == b else f"{a}–{b}" for a, b in spans)
    return f"{{{text}}}" if len(spans) > 1 else text


def _share(values):
    """'54%' or '50 to 54%'."""
    least, most = f"{min(values):.0%}", f"{max(values):.0%}"
    return most if least == most else f"{least[:-1]} to {most}"


def short(v):
    """A number to two digits: 0.24, 57, 3.1 × 10⁴; also infinite and nan."""
    if not math.isfinite(v):
        return "nan" if math.isnan(v) else "infinite"
    if v == 0 or 1e-3 <= abs(v) < 1e4:
        return f"{v:.0f}" if abs(v) >= 10 else f"{v:.2g}"
    mantissa, exponent = f"{v:.1e}".split("e")
    return f"{mantissa} × {power(int(exponent))}"
