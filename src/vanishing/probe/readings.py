"""What a probe took of each layer: a row of numbers, rows as a table of plain text, and how records are kept."""

import math
from dataclasses import dataclass

import numpy as np

NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """One layer in one record. NaN stands for what was not seen or does not apply.

    number     place in the order of first calls, from 1
    name, kind its name in the model, the class of its module
    gradient   length of the loss's gradient in its weights, as the optimiser used it (after clipping and unscaling);
               where no optimiser stepped, as in .grad after the backward pass. Biases do not count. NaN where this
               backward pass left no gradient
    raw        the same after the backward pass, before anybody clipped or unscaled it
    delta      length of the loss's gradient in its output (all calls together): δ_l where the layer is affine
    rms        root mean square of its output
    activation length of its output
    phi        the activation function that was applied to its output: "relu", "tanh", …, or ""
    saturated  share of that function's outputs where its slope is below 1 % of its largest (sigmoid and tanh; for a
               softmax the share of its rows with a probability above 0.99), from at most some 2¹⁴ values a call
    dead       share of ReLU units that were off for every sample of the record
    samples    how many samples `dead` was judged by
    update     length of the optimiser's step in its weights over the length of the weights before it, from at most some
               2¹⁴ entries of each (whole rows, evenly spaced; of a large embedding, rows that were looked up)
    weight     length of those weights before the step
    natural    what that length would be if their variance were 1/n_in
    width      number of units of its output
    calls      how often it was called
    times      length of the loss's gradient at each time step: by call for a module that was called several times (in
               its output), by step of the sequence for RNN, LSTM and GRU (in their input); else empty
    matrix     whether it has weights with two or more dimensions
    trainable  whether any of its weights asks for a gradient
    overflow   whether an output or a gradient was infinite or not a number
    broken     where: "output", "gradient", both with a space between, or ""
    rounding   largest relative error of rounding a weight in its type, 2⁻²⁴ for float32; 0 for whole numbers
    half       whether its output was float16
    parents    numbers of the layers whose outputs made up its input; None where that is not known
    source     layers with the same number here read the same input of the network; 0 where they read none
    chained    whether its calls follow from one another, as steps in time do
    shut       whether one of its weights was zero throughout at first, so that nothing passes it
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
    raw: float = NAN
    weight: float = NAN
    natural: float = NAN
    broken: str = ""
    half: bool = False
    parents: tuple | None = None
    source: int = 0
    chained: bool = True
    shut: bool = False


# A record in memory: one of these for each layer, and `times` beside them where there are any.
PHIS = ("", "relu", "relu6", "sigmoid", "tanh", "hardsigmoid", "hardtanh", "softmax", "softplus")
PHIS += ("leaky_relu", "elu", "selu", "gelu", "silu", "log_softmax")
KEPT = np.dtype(
    [(name, "f8") for name in ("gradient", "raw", "delta", "activation", "saturated", "update", "weight")]
    + [(name, "f4") for name in ("entries", "dead", "samples")]
    + [("calls", "u2"), ("phi", "u1"), ("flags", "u1")]
)
OUTPUT, GRADIENT, HALF = 1, 2, 4  # flags
NOTHING_FOLDED = (NAN,) * 7 + (0, NAN, 0, 0, 0, 0)
NOTHING_KEPT = np.array([NOTHING_FOLDED], dtype=KEPT)[0]


class Shelf:
    """Records in bounded memory: the first half of `keep` stays (a hundred at most), the others thin out evenly.

    Whenever there are more than `keep`, every second one of the later records goes, so that the distance between those
    that stay doubles. The last record is always there. ValueError for `keep` below 10.
    """

    def __init__(self, keep):
        self.keep, self.first, self.stride, self.count = keep, min(100, keep // 2), 1, 0
        self.records, self._places = [], []

    def add(self, record):
        """Keep a record, as the last."""
        if self._places and not self._stays(self._places[-1]):
            self.records.pop(), self._places.pop()
        self.records.append(record)
        self._places.append(self.count)
        self.count += 1
        if len(self.records) > self.keep:
            self.stride *= 2
            left = [k for k, place in enumerate(self._places) if self._stays(place) or k == len(self._places) - 1]
            self.records[:] = [self.records[k] for k in left]
            self._places[:] = [self._places[k] for k in left]

    def _stays(self, place):
        return place < self.first or (place - self.first) % self.stride == 0

    def __len__(self):
        return len(self.records)


COLUMNS = {  # heading -> what stands below it
    "layer": lambda row: f"{row.number} {row.name}",
    "kind": lambda row: row.kind + ("" if row.trainable else ", frozen"),
    "grad W": lambda row: _cell(row.gradient, ".1e"),
    "grad out": lambda row: _cell(row.delta, ".1e"),
    "rms out": lambda row: _cell(row.rms, ".2g"),
    "then": lambda row: row.phi,
    "saturated": lambda row: _cell(row.saturated, ".0%"),
    "dead": lambda row: _cell(row.dead, ".0%"),
    "step / W": lambda row: _cell(row.update if row.matrix else NAN, ".1e"),
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
