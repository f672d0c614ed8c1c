"""What a probe took of each layer: a row of numbers, and rows as a table of plain text."""

import math
from dataclasses import dataclass

NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """One layer in one record. NaN stands for what was not seen or does not apply.

    number     place in the order of first calls, from 1
    name, kind its name in the model, the class of its module
    gradient   length of the loss's gradient in its weights, as in .grad after the backward pass; biases do not count
    delta      length of the loss's gradient in its output (all calls together): δ_l where the layer is affine
    rms        root mean square of its output
    activation length of its output
    phi        the activation function that was applied next: "relu", "tanh", …, or ""
    saturated  share of that function's outputs where its slope is below 1 % of its largest (sigmoid and tanh; for a
               softmax the share of its rows with a probability above 0.99), from at most some 2¹⁴ values a call
    dead       share of ReLU units that were off for every sample of the record
    samples    how many samples `dead` was judged by
    update     length of the optimiser's step in its weights over the length of the weights before it, from at most some
               2¹⁴ entries of each (whole rows, evenly spaced)
    width      number of units of its output
    calls      how often it was called
    times      length of the loss's gradient at each time step: by call for a module that was called several times (in
               its output), by step of the sequence for RNN, LSTM and GRU (in their input); else empty
    matrix     whether it has weights with two or more dimensions
    trainable  whether any of its weights asks for a gradient
    overflow   whether an output or a gradient was infinite or not a number
    rounding   largest relative error of rounding a weight in its type, 2⁻²⁴ for float32
    """

    number: int
    name: str
    kind: str
    gradient: float = NAN
    delta: float = NAN
    rms: float = NAN
    activation: float = NAN
    phi: str = ""
    saturated: float = NAN
    dead: float = NAN
    samples: int = 0
    update: float = NAN
    width: int = 0
    calls: int = 0
    times: tuple = ()
    matrix: bool = True
    trainable: bool = True
    overflow: bool = False
    rounding: float = 2**-24


COLUMNS = {  # heading -> what stands below it
    "layer": lambda row: f"{row.number} {row.name}",
    "kind": lambda row: row.kind + ("" if row.trainable else ", frozen"),
    "grad W": lambda row: _cell(row.gradient, ".1e"),
    "grad out": lambda row: _cell(row.delta, ".1e"),
    "rms out": lambda row: _cell(row.rms, ".2g"),
    "then": lambda row: row.phi,
    "saturated": lambda row: _cell(row.saturated, ".0%"),
    "dead": lambda row: _cell(row.dead, ".0%"),
    "step / W": lambda row: _cell(row.update, ".1e"),
}


def _cell(value, form):
    return "" if math.isnan(value) else f"{value:{form}}"


def table(rows):
    """Lines of a table of rows, with the columns that have anything to say."""
    columns = {head: [write(row) for row in rows] for head, write in COLUMNS.items()}
    columns = {head: cells for head, cells in columns.items() if any(cells)}
    lines = [[] for _ in range(len(rows) + 1)]
    for head, cells in columns.items():
        wide = max(map(len, [head, *cells]))
        for line, cell in zip(lines, [head, *cells], strict=True):
            line.append(cell.ljust(wide) if head in ("layer", "kind", "then") else cell.rjust(wide))
    return ["  ".join(line).rstrip() for line in lines]


def alt(rows):
    """What is to be seen in the plot of rows."""
    parts = []
    for name, text in (("gradient", "gradient in the weights"), ("delta", "gradient in the output"), ("rms", "output")):
        seen = [getattr(row, name) for row in rows if getattr(row, name) > 0]
        if seen:
            parts.append(f"{text} from {seen[0]:.1e} in the first to {seen[-1]:.1e} in the last")
    return f"Sizes over {len(rows)} layers, log axis: {'; '.join(parts) or 'nothing above zero'}."
