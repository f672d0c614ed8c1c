"""The book's page on what frameworks do by default, made of `frameworks.json`.

    python evidence/frameworks_page.py

writes `book/frameworks.md`; a test compares the page with the record byte for byte. A sentence that generalises stands
beside its condition in `holds`: from a record that says otherwise no page is made.
"""

import json
import math
import re
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD, PAGE = HERE / "frameworks.json", HERE.parent / "book" / "frameworks.md"
NAMES = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "keras_jax": "Keras on JAX",
    "keras_tensorflow": "Keras on TensorFlow",
    "jax": "JAX",
    "flax": "Flax nnx",
    "haiku": "Haiku",
    "equinox": "Equinox",
    "mlx": "MLX",
    "paddle": "PaddlePaddle",
    "tinygrad": "tinygrad",
    "sklearn": "scikit-learn",
}
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
KEPT = "\u00a0"  # a space at which no line breaks
PLAIN = {"RNN", "SimpleRNN", "SimpleCell", "VanillaRNN"}
EXACT_GELU = (1 + math.erf(1 / math.sqrt(2))) / 2  # at 1
TANH_GELU = (1 + math.tanh(math.sqrt(2 / math.pi) * 1.044715)) / 2


class Otherwise(ValueError):
    """The record no longer says what a sentence says."""


def holds(condition, sentence):
    """The sentence, if its condition is met."""
    if not condition:
        raise Otherwise(f"The record no longer bears out: {sentence}")
    return sentence


def page(record):
    """The whole page as text."""
    parts = (opening, dense, cells, products, losses, clips, norms, gelus, closing)
    blocks = "\n\n".join(part(record) for part in parts).split("\n\n")
    return "\n\n".join(map(_filled, blocks)) + "\n"


def pointers(record):
    """What lessons say of this page: {number of the lesson: sentence}."""
    link = "[What your framework does by default](../book/frameworks.md)"
    early, late = _cliffs(record)
    more = WORDS[_opened(_lstms(record))]
    silent, plain = _silent(record), [_middle(values) for _, cell, values in _cells(record) if cell in PLAIN]
    return {
        "03": f"{link} has this step for each: {late}, or {early}.",
        "04": f"{link}: from probabilities, {_and(silent)} give a gradient of exactly zero at logit 17.",
        "07": f"{link}: plain cells lose between {-max(plain):.0f} and {-min(plain):.0f} decades in a hundred steps.",
        "09": f"{link}: Keras and Haiku start with bias 1 and keep about {more} decades more.",
        "11": f"{link}: it is the new batch's weight in {_and(_sides(record)['new'])}.",
    }


def opening(record):
    """What the page is, and how it was measured."""
    made, budget = record["made"], record["budget"]
    return f"""# What your framework does by default

A network that nobody initialised starts with somebody's defaults, and they differ from library to library. This page
shows by how
much, as a gradient meets them.

Below each table stands what surprises in it and what to do about it. *Measured*: each set-up in an environment and a
process of
its own, on one thread of a processor ({made["system"]}, {made["machine"]}, Python {made["python"]}), in float32,
with every setting as it comes,
and {WORDS[budget["seeds"]]} seeds wherever something is drawn. [The versions](#versions) stand at the end, and yours
may differ:
`python evidence/frameworks.py` installs, measures and writes the record from which this page is made."""


def dense(record):
    """Factors per layer."""
    budget, having = record["budget"], _having(record, "dense")
    depth = budget["depth"]
    rows = []
    for name, found in having:
        per = [
            part for kind in ("relu", "tanh") for part in (_spread(found[kind]), _power(_mean(found[kind]) ** depth))
        ]
        rows.append([name, *per])
    third, plain = 1 / math.sqrt(6), 1 / math.sqrt(2)
    near = {f: [name for name, found in having if abs(_mean(found["relu"]) - f) < 0.01] for f in (third, plain)}
    haiku = _mean(record["set-ups"]["haiku"]["dense"]["relu"])
    low, high = _ends(record, "relu")
    tanh = _ends(record, "tanh")
    return _joined(
        f"""## {depth} dense layers

{depth} dense layers of width {budget["width"]} with default weights and biases, {budget["samples"]} normal inputs, a
normal gradient
sent in at the top. *Factor* is what one layer multiplies the gradient's length by: the geometric mean over the
layers and the seeds, and
[least, most] of a seed. *Left* is its power over all layers.
scikit-learn hands out no gradient; its weights were put through the same formulas in NumPy.""",
        _table(["", "ReLU: factor", "left", "tanh: factor", "left"], rows),
        "**What surprises.** "
        + holds(high < 0.9, "No default is made for ReLU.")
        + """ A ReLU layer multiplies by about $\\sqrt{n \\operatorname{Var}W / 2}$
([lesson 10](../lessons/10_initialization.ipynb)). """
        + holds(
            len(near[third]) > 1 and len(near[plain]) > 1,
            f"""Uniform weights between $\\pm 1/\\sqrt n$ make that $1/\\sqrt 6 = {third:.2f}$:
{_and(near[third])}. Weights of variance $1/n$ make it $1/\\sqrt 2 = {plain:.2f}$: {_and(near[plain])}.""",
        )
        + " "
        + holds(
            abs(haiku - 0.88 * plain) < 0.01,
            f"""Haiku means $1/n$, cuts the normal distribution off at two
deviations, does not make up for the cut, and gets {haiku:.2f}.""",
        )
        + f""" On paper these are the same network; between the most and the least that arrives lies a
factor of {_power((high / low) ** depth)}.""",
        f"""**What to do.** Draw the weights yourself, He's for ReLU, Xavier's or orthogonal ones for tanh, and set
biases to zero.
Do it all the more when you carry a network from one library to another: with tanh, too, the defaults lie between
{tanh[0]:.2f} and {tanh[1]:.2f}.""",
    )


def cells(record):
    """Recurrent cells over time."""
    budget, set_ups = record["budget"], record["set-ups"]
    rows = [
        [name, f"`{cell}`", _logs(values)] for name, found in _having(record, "cells") for cell, values in found.items()
    ]
    lstm = _lstms(record)
    keras = set_ups["keras_jax"]["cells"]
    flax = set_ups["flax"]["cells"]
    bias = _middle(keras["LSTM"]) - _middle(keras["LSTM(unit_forget_bias=False)"])
    apart = _middle(flax["LSTMCell"]) - _middle(flax["OptimizedLSTMCell"])
    return _joined(
        f"""## {budget["steps"]} steps of a recurrent cell

One layer of {budget["units"]} units over {budget["steps"]} steps of {budget["units"]} normal inputs, default
weights. The number is the logarithm to
base 10 of the Frobenius norm of $\\partial h_T / \\partial x_1$: the mean over the seeds, and [least, most].""",
        _table(["", "cell", "log₁₀ of what is left"], rows),
        """**What surprises.** An LSTM is no cure by itself. """
        + holds(
            max(lstm["shut"]) < -18 and min(lstm["open"]) > -12,
            f"""With forget biases of zero, or drawn around zero, less than 10⁻¹⁸ arrives, much as with a plain
cell whose matrix is orthogonal. Keras and Haiku set these biases to one, and keep about {WORDS[_opened(lstm)]}
decades more than
the best of the other LSTMs.""",
        )
        + holds(bias > 5, f" In Keras this one setting is worth {bias:.0f} decades.")
        + " "
        + holds(
            apart > 3,
            f"""Flax's two cells compute the same equations, and its manual calls their parameters compatible. As
they come they lie {apart:.0f} decades apart: `LSTMCell` draws an orthogonal matrix for each gate,
`OptimizedLSTMCell` one for all four at once, and
each gate's part of it is half as large.""",
        ),
        """**What to do.** Set the forget bias to one or more, in PyTorch the second quarter of `bias_ih_l0`, and
look at the recurrent
matrix's spectral radius ([lesson 07](../lessons/07_time_is_depth.ipynb), [lesson
09](../lessons/09_gates_and_hierarchies.ipynb)). Before you rely
on a memory of a hundred steps, measure it.""",
    )


def products(record):
    """The depth at which a float32 product is zero."""
    budget = record["budget"]
    rows = []
    for name, found in _having(record, "products"):
        for step in sorted(set(found.values())):
            rows.append([name, ", ".join(f"`{how}`" for how, at in found.items() if at == step), str(step)])
    early, late = _cliffs(record)
    soon = [name for name, found in _having(record, "products") if min(found.values()) == early]
    normal = math.ceil(126 * math.log(2) / -math.log(budget["factor"]))
    return _joined(
        f"""## The step at which float32 becomes zero

1.0 × {budget["factor"]} again and again, one call for each product, with both factors handed in at run time. The
number is the first step whose
result is exactly zero.""",
        _table(["", "how", "zero at step"], rows),
        "**What surprises.** "
        + holds(
            normal == early and late > early,
            f"""{_and(soon)} are {WORDS[late - early]} steps early, compiled or not. They flush subnormal numbers to
zero,
and step {early} is the first one that would be subnormal. So one and the same gradient can be exactly zero in JAX
and alive in PyTorch, on the
same processor ([lesson 03](../lessons/03_underflow.ipynb)).""",
        ),
        """**What to do.** Do not take "exactly zero" for a fact about the network before you know where your
library's cliff is. Measure small
gradients in float64, or keep logarithms. And do not fight for the subnormals: what lives there is mostly lost in the
weights' rounding anyway.""",
    )


def losses(record):
    """Binary cross-entropies."""
    tried = [(v["logit"], v["target"]) for v in _losses(record)[0]["values"]]
    head = ["", "loss", *(f"{z}".replace("-", "−") + (", target 1" if y else "") for z, y in tried)]
    exact = ["exact", "", *(_loss_cell(*_cross_entropy(z, y)) for z, y in tried)]
    rows = [
        [row["set-up"], f"`{row['name']}`" + (" after a `Reshape`" if row["reshaped"] else ""), *(
            _loss_cell(v["loss"], v["gradient"]) for v in row["values"]
        )]
        for row in _losses(record)
    ]  # fmt: skip
    given = _given(record)
    silent = _silent(record)
    broken = _distinct(row["set-up"] for row in given if any(_slope(row, z) == "nan" for z, _ in tried))
    logits = [row for row in _losses(record) if row["from"] == "logits"]
    found = {row["reshaped"]: _slope(row, 40) for row in given if row["set-up"] == NAMES["keras_tensorflow"]}
    torch = next(row for row in given if row["set-up"] == NAMES["torch"])["values"][-1]
    return _joined(
        """## Binary cross-entropy

A logit goes through a sigmoid and the library's loss on probabilities, or straight into its loss on logits. Each
entry is *loss /
gradient in the logit*, for target 0 unless the column says otherwise.""",
        _table(head, [exact, *rows]),
        "**What surprises.** "
        + holds(
            len(silent) > 2,
            f"""From probabilities, {_and(silent)} give a large loss and a gradient of exactly zero at logit 17
and above, where tried: in float32 the sigmoid is 1 there, and its slope is zero.""",
        )
        + " "
        + holds(
            len(broken) > 1,
            f"{_and(broken)} multiply zero by infinity instead, and one such sample makes every weight NaN.",
        )
        + " "
        + holds(
            found[False] == 1 and found[True] == 0,
            """Keras on TensorFlow is right as long as the sigmoid is the last thing before the loss,
since it then looks up the logits; a `Reshape` in between ends that without a word.""",
        )
        + " "
        + holds(
            abs(torch["loss"] - 40) < 0.01 and 1e-6 < abs(torch["gradient"]) < 1e-5,
            """At logit −40 and target 1 PyTorch has the right loss, and a
gradient that is hundreds of thousands of times too small.""",
        ),
        "**What to do.** "
        + holds(
            all(abs(abs(v["gradient"]) - 1) < 1e-3 for row in logits for v in row["values"]),
            """Take the sigmoid off and use the loss on logits: every one of them is right
at all logits tried ([lesson 04](../lessons/04_output_losses.ipynb)).""",
        )
        + """ Where a model must end in a probability, add the sigmoid outside of training.""",
    )


def clips(record):
    """Clipping by the norm."""
    limits = record["budget"]["limit"], record["budget"]["small limit"]
    right = {"large": limits[0] / 4, "small": limits[1] / 4}  # sixteen equal entries
    rows = [
        [name, f"`{how}`", *(_clip_cell(case, after, right) for case, after in found.items())]
        for name, given in _having(record, "clips")
        for how, found in given.items()
    ]
    every = [found for _, given in _having(record, "clips") for found in given.values()]
    kept = [f"`{how}`" for _, given in _having(record, "clips") for how, f in given.items() if f["small"][0] == 1e-23]
    nan = [how for _, given in _having(record, "clips") for how, f in given.items() if f["large"][0] == "nan"]
    return _joined(
        f"""## Clipping to a norm

Sixteen entries of 10²⁰ clipped to norm {limits[0]:.0f}, one infinite entry beside three ones clipped to norm
{limits[0]:.0f}, and sixteen entries of
10⁻²³ clipped to norm {_power(limits[1])}.""",
        _table(["", "function", "sixteen of 10²⁰", "one infinite, three ones", "sixteen of 10⁻²³"], rows),
        "**What surprises.** "
        + holds(
            not any(_right(f[case][0], right[case]) for f in every for case in right),
            """Not one of them is right in the first case, although 10²⁰ is far inside float32's range.""",
        )
        + """ The *square* is not: the norm becomes infinite, and one over infinity is zero. """
        + holds(
            nan,
            f"""The step is lost without a message, or, with {_and(_ticked(nan))}, all weights become NaN.""",
        )
        + " "
        + holds(
            kept,
            f"""In the third case the squares are zero instead, and {_and(_distinct(kept))}
see nothing to clip; the others answer with zeros.""",
        )
        + " "
        + holds(all(f["infinite"][0] == "nan" for f in every), "One infinite entry becomes NaN everywhere.")
        + """ Where the other entries become zero, one weight is spoilt at once, and the others in the next step.""",
        """**What to do.** Look at the norm before you clip, and skip the step if it is not finite. PyTorch has
`error_if_nonfinite=True` for that. With gradients of 10¹⁹ or 10⁻²³ take the norm in float64, or divide by the
largest entry first
([lesson 03](../lessons/03_underflow.ipynb)).""",
    )


def norms(record):
    """ε and running averages."""
    rows = []
    running = dict(_having(record, "running"))
    for name, found in _having(record, "norms"):
        epsilon = {entry["kind"]: _power(entry["epsilon"], exact=True) for entry in found.values()}
        [along] = running[name].values()
        averages = [f"{along['first']:g}", f"{along['late']:g}", along["momentum"], f"${along['variance']}$"]
        rows.append([name, *(epsilon.get(kind, "–") for kind in ("layer", "rms", "batch")), *averages])
    layer = _epsilons(record, "layer")
    keras, flax = (record["set-ups"][key]["norms"] for key in ("keras_jax", "flax"))
    left = [_after(entry["epsilon"]) for found in (keras, flax) for entry in found.values() if entry["kind"] == "layer"]
    new = {along["late"] for found in running.values() for along in found.values()}
    sides = {
        side: [n for n, found in running.items() for a in found.values() if a["momentum"] == side]
        for side in ("new", "old")
    }
    born = [name for name, found in running.items() for along in found.values() if along["first"] == 1]
    return _joined(
        """## ε and running averages of norms

ε from what a layer makes of a row of ±0.001. For batch norm also the weight of a new batch in the running mean, at
the first batch and at a late
one, and what the running variance divides by, for batches of $n$.""",
        _table(
            [
                "",
                "LayerNorm ε",
                "RMSNorm ε",
                "BatchNorm ε",
                "new batch: first",
                "late",
                "momentum is of the",
                "variance by",
            ],
            rows,
        ),
        "**What surprises.** "
        + holds(
            max(layer) / min(layer) > 900,
            f"""LayerNorm's ε goes from {_power(min(layer), exact=True)} to {_power(max(layer), exact=True)}. A
signal of size
0.001 leaves Keras's with a size of {left[0]:.2f} and Flax's with {left[1]:.2f}, where 1 is meant.""",
        )
        + " "
        + holds(
            new == {0.1, 0.01},
            f"""The weight of a new batch is 0.1 or 0.01. But the setting `momentum` means this weight in
{_and(sides["new"])}, and the weight of the old average in {_and(sides["old"])} (in Haiku it is called
`decay_rate`).""",
        )
        + " "
        + holds(
            born,
            f"""{_and(born)} begin with the first batch's own statistics, the others with mean 0 and variance 1.
(Haiku has no default
for this weight; it was given one tenth.)""",
        ),
        """**What to do.** When you port a network, write ε and momentum down as numbers, and turn 0.99 into 0.01
where the meaning changes. Keep what enters a
norm well above $\\sqrt\\varepsilon$ ([lesson 11](../lessons/11_normalization.ipynb)).""",
    )


def gelus(record):
    """Exact or approximate."""
    rows = [
        [name, f"`{how}`", f"{value:.7f}", _kind(value)]
        for name, found in _having(record, "gelus")
        for how, value in found.items()
    ]
    keras = record["set-ups"]["keras_jax"]["gelus"]
    kinds = {how: _kind(value) for how, value in keras.items()}
    return _joined(
        f"""## GELU

The value at 1: {EXACT_GELU:.7f} for the exact one, {TANH_GELU:.7f} for the approximation with tanh.""",
        _table(["", "function", "at 1", "which"], rows),
        "**What surprises.** "
        + holds(
            kinds["activations.gelu"] != kinds["ops.gelu"],
            """Keras has both under one name: `activations.gelu` is exact, `ops.gelu` is not.""",
        )
        + f""" The difference, {_power(EXACT_GELU - TANH_GELU)}, is far above
float32's rounding, so two ports of one
network do not agree to more than three or four digits.""",
        """**What to do.** Say which one you mean: most take an argument for it. When outputs of a ported
network differ in the fourth digit,
look here first.""",
    )


def closing(record):
    """Versions, and what is missing."""
    rows, absent = [], []
    for name, part in _named(record):
        if "failed" in part:
            absent.append(f"- {name}: {part['failed']}.")
            continue
        rows.append([name, ", ".join(f"{package} {version}" for package, version in part["versions"].items())])
        absent += [f"- {name}, {tool}: {said}." for tool, said in part["missing"].items() if said.startswith("failed")]
    parts = ["## Versions", _table(["", "measured with"], rows)]
    if absent:
        parts += ["Not in the tables:", "\n".join(absent)]
    parts.append(
        """JAX stays at the last version for this Python. Several of these surprises stand in `findings/` as scripts
of a few lines, which
install one library and show one thing."""
    )
    return _joined(*parts)


# What the parts share


def _named(record):
    return [(NAMES[key], part) for key, part in record["set-ups"].items()]


def _having(record, tool):
    return [(name, part[tool]) for name, part in _named(record) if tool in part]


def _losses(record):
    """A row for each loss: set-up, name, from what, values; a `Reshape` between is told apart from the name."""
    rows = []
    for set_up, found in _having(record, "losses"):
        for name, row in found.items():
            name, _, between = name.partition(", a ")
            rows.append({"set-up": set_up, "name": name, "reshaped": bool(between)} | row)
    return rows


def _given(record):
    """The losses that are given probabilities and have a gradient."""
    return [r for r in _losses(record) if r["from"] == "probabilities" and r["values"][0]["gradient"] is not None]


def _silent(record):
    """Who gives a gradient of exactly zero at logit 17, and the sigmoid is the last thing before the loss."""
    return [row["set-up"] for row in _given(record) if _slope(row, 17) == 0 and not row["reshaped"]]


def _cells(record):
    return [(name, cell, values) for name, found in _having(record, "cells") for cell, values in found.items()]


def _sides(record):
    """Who means the new batch's weight by `momentum`, and who the old average's."""
    sides = {"new": [], "old": []}
    for name, found in _having(record, "running"):
        for along in found.values():
            sides[along["momentum"]].append(name)
    return sides


def _slope(row, logit):
    return next(v["gradient"] for v in row["values"] if v["logit"] == logit)


def _cross_entropy(z, y):
    """Exact loss and gradient in the logit."""
    return math.log1p(math.exp(-abs(z))) + max(z, 0) - y * z, 1 / (1 + math.exp(-z)) - y


def _ends(record, activation):
    means = [_mean(found[activation]) for _, found in _having(record, "dense")]
    return min(means), max(means)


def _lstms(record):
    """Middles of the default LSTMs, those that open their forget gates and those that do not."""
    sides = {"open": [], "shut": []}
    for key, part in record["set-ups"].items():
        for cell, values in part.get("cells", {}).items():
            if "LSTM" in cell:
                opened = key == "haiku" or (key.startswith("keras") and "False" not in cell)
                sides["open" if opened else "shut"].append(_middle(values))
    return sides


def _opened(lstm):
    """Decades between the least that LSTMs with open forget gates keep and the most of the others, to a whole one."""
    return round(min(lstm["open"]) - max(lstm["shut"]))


def _cliffs(record):
    steps = [step for _, found in _having(record, "products") for step in found.values()]
    return min(steps), max(steps)


def _epsilons(record, kind):
    return [
        entry["epsilon"] for _, found in _having(record, "norms") for entry in found.values() if entry["kind"] == kind
    ]


def _after(epsilon, size=1e-3):
    return size / math.sqrt(size**2 + epsilon)


def _mean(values):
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def _middle(logs):
    return sum(logs) / len(logs)


def _spread(values):
    return f"{_mean(values):.3f} [{min(values):.3f},{KEPT}{max(values):.3f}]"


def _logs(values):
    if None in values:
        return "exactly zero"
    return f"{_middle(values):.1f} [{min(values):.1f},{KEPT}{max(values):.1f}]".replace("-", "−")


def _power(value, exact=False):
    """A power of ten in the book's type, with one leading digit; exact: 1.2 × 10⁻⁷ where one digit would not do."""
    if 0.01 <= value < 1 and not exact:
        return f"{value:.2f}"
    lead, _, exponent = f"{value:.1e}".partition("e")
    if not exact or lead.endswith(".0"):
        lead, _, exponent = f"{value:.0e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if lead == "1" else f"{lead} × 10{raised}".replace(" ", KEPT)


def _tex(value):
    lead, _, exponent = f"{value:.0e}".partition("e")
    return f"10^{{{int(exponent)}}}" if lead == "1" else f"{lead} \\cdot 10^{{{int(exponent)}}}"


def _number(value):
    """A loss or a slope as the tables show it."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return {"nan": "**NaN**", "inf": "**∞**"}[value]
    if value == 0:
        return "**0**"
    if abs(value) < 1e-3:
        return ("−" if value < 0 else "") + _power(abs(value), exact=True)
    return f"{value:.4g}".replace("-", "−")


def _loss_cell(loss, gradient):
    return f"{_number(loss)} / {_number(gradient)}".replace(" ", KEPT)


def _right(value, right):
    return isinstance(value, float) and abs(value / right - 1) < 0.01


def _clip_cell(case, after, right):
    first, other = after
    if case == "infinite":
        return {("nan", "nan"): "all NaN"}.get((first, other), f"{_entry(first)}, the others {_entry(other)}")
    if _right(first, right[case]):
        return "right"
    return "unclipped" if first == {"large": 1e20, "small": 1e-23}[case] else f"all {_entry(first)}"


def _entry(value):
    return {"nan": "NaN", "inf": "∞"}.get(value) if isinstance(value, str) else f"{abs(value):g}"


def _kind(value):
    return "exact" if abs(value - EXACT_GELU) < abs(value - TANH_GELU) else "**tanh**"


def _ticked(names):
    return [f"`{name}`" for name in _distinct(names)]


def _distinct(names):
    return list(dict.fromkeys(names))


def _and(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _table(head, rows):
    lines = [head, ["---"] * len(head), *_unrepeated(rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _unrepeated(rows):
    """Rows whose first cell is empty where it says what stands above."""
    before = None
    for first, *rest in rows:
        yield [first if first != before else "", *rest]
        before = first


def _joined(*parts):
    return "\n\n".join(parts)


def _filled(block):
    """A paragraph with its lines broken anew; tables, headings and lists as they are."""
    if block.startswith(("|", "#", "- ")):
        return block
    return textwrap.fill(re.sub(r"[ \n]+", " ", block.strip()), 120, break_long_words=False, break_on_hyphens=False)


def main():
    """Write the page."""
    PAGE.write_text(page(json.loads(RECORD.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
