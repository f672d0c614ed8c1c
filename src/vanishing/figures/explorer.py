"""The explorer: Python computes a table for every position of the sliders, a page slices it without a kernel."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from vanishing.figures import style

STATS = {"first": lambda v: v[0], "last": lambda v: v[-1], "min": np.min, "max": np.max}


@dataclass(frozen=True)
class Slider:
    """Numbers to slide over: `label`, `values`, `fmt` (a format or a function) that writes one, `start` value."""

    label: str
    values: object
    fmt: object = "{:g}"
    start: object = None

    choice = False

    def texts(self):
        """Each value as the reader sees it."""
        write = self.fmt if callable(self.fmt) else self.fmt.format
        return [re.sub(r"^-", "−", write(v)) for v in np.asarray(self.values, dtype=object).tolist()]

    def position(self):
        """The index of `start`, the middle one when there is none; ValueError if it is not among the values."""
        if self.start is None:
            return 0 if self.choice else len(self.values) // 2
        same = [v == self.start if self.choice else np.isclose(v, self.start) for v in self.values]
        if not any(same):
            raise ValueError(f"start={self.start!r} is not one of the values of {self.label!r}.")
        return same.index(True)


@dataclass(frozen=True)
class Choice(Slider):
    """A few named options to choose from: `label`, `values`, `start`."""

    fmt: object = "{}"
    choice = True


@dataclass(frozen=True)
class Axis:
    """An axis: its `label` with units, the `values` along it (x only), `log`, fixed limits `lo` and `hi`."""

    label: str
    values: object = None
    log: bool = False
    lo: float | None = None
    hi: float | None = None


# JupyterLab takes the arrow keys for moving between cells, unless an element says that it needs them itself.
KEYS_ARE_OURS = "data-lm-suppress-shortcuts=true"


class Explorer:
    """Curves (or bars) over x that follow the sliders, live wherever a browser shows the output.

    title       the figure's name; alt: at least 20 characters on what is to be seen.
    curves      name -> array that broadcasts to (len(slider 1), len(slider 2), …, len(x)). NaN is not drawn,
                so a curve may end early; on a log y axis an exact 0 falls to the floor and is marked "0".
    caption     text with {slider}, {curve:last} (or first, min, max) and {fact}.
    facts       name -> array of numbers or words that broadcasts to (len(slider 1), …), for the caption.
    references  label -> y of a horizontal line.  marks: label -> x of a vertical line, a number or an array
                that broadcasts to (len(slider 1), …); NaN hides it.
    kind        "lines" or "bars".
    """

    def __init__(
        self, title, curves, sliders, x, y, caption, alt, kind="lines", references=None, marks=None, facts=None
    ):
        style.check_alt(alt)
        self.title, self.alt, self.kind, self.x, self.y = title, alt, kind, x, y
        self.sliders, self.references = list(sliders), dict(references or {})
        self._check(curves, facts or {})
        self.start = tuple(s.position() for s in self.sliders)
        lengths = [len(s.values) for s in self.sliders]
        xs = np.asarray(x.values, dtype=float)
        tables = {n: _table(n, v, [*lengths, len(xs)]) for n, v in curves.items()}
        self.curves = {n: np.broadcast_to(v, (*v.shape[:-1], len(xs))) for n, v in tables.items()}
        self.marks = {n: _table(n, v, lengths) for n, v in (marks or {}).items()}
        self.facts = {n: _table(n, v, lengths, float_only=False) for n, v in (facts or {}).items()}
        for name, values in self.curves.items():
            if y.log and (values < 0).any():
                raise ValueError(f"Curve {name!r} has negative values, which a log axis cannot show.")
        self._caption = self._parse(caption)

    def _check(self, curves, facts):
        """Raise ValueError, with one sentence, for arguments that do not fit."""
        if not isinstance(self.title, str) or not self.title.strip():
            raise ValueError("An explorer needs a title: it is the figure's accessible name.")
        if self.kind not in ("lines", "bars"):
            raise ValueError(f"kind must be 'lines' or 'bars', not {self.kind!r}.")
        if not curves or len(curves) > len(style.COLOURS):
            raise ValueError(f"An explorer draws 1 to {len(style.COLOURS)} curves, not {len(curves)}.")
        if not self.sliders:
            raise ValueError("An explorer needs at least one Slider or Choice.")
        names = [s.label for s in self.sliders] + list(curves) + list(facts)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"The name {name!r} is used twice among sliders, curves and facts.")
        for s in self.sliders:
            if len(s.values) == 0:
                raise ValueError(f"Slider {s.label!r} has no values.")
        xs = np.asarray([] if self.x.values is None else self.x.values, dtype=float)
        if xs.ndim != 1 or len(xs) < 2 or not (np.diff(xs) > 0).all():
            raise ValueError("The x axis needs at least two values, in increasing order.")
        for axis, places in ((self.x, xs), (self.y, self.references.values())):
            limits = [v for v in (axis.lo, axis.hi) if v is not None]
            if axis.log and any(v <= 0 for v in [*places, *limits]):
                raise ValueError(f"All values, limits and references on the log axis {axis.label!r} must be above 0.")

    def _parse(self, caption):
        """The caption as a list of texts, of sliders and of tables of words, one word for each position."""
        labels, parts = [s.label for s in self.sliders], []
        for i, piece in enumerate(re.split(r"\{([^{}]*)\}", caption)):
            name, _, stat = piece.rpartition(":")
            if i % 2 == 0:
                parts += [piece] if piece else []
            elif piece in labels:
                parts.append(labels.index(piece))
            elif piece in self.facts:
                parts.append(_words(self.facts[piece]))
            elif name in self.curves and stat in STATS:
                parts.append(_words(np.apply_along_axis(_over_x, -1, self.curves[name], STATS[stat])))
            else:
                known = [*labels, *self.facts, *(f"{curve}:{s}" for curve in self.curves for s in STATS)]
                raise ValueError(f"The caption's {{{piece}}} is none of {', '.join(known)}.")
        return parts

    @cached_property
    def _packed(self):
        """The curves' heads (name, shape, lo, step), the number of 16-bit codes, the table as base64 text."""
        heads, codes = [], []
        for name, values in self.curves.items():
            lo, step, code = _encode(values, self.y.log)
            heads.append({"name": name, "shape": values.shape[:-1], "lo": lo, "step": step})
            codes.append(np.diff(code, axis=-1, prepend=np.uint16(0)).ravel())
        codes = np.concatenate(codes)
        planes = (codes >> 8).astype(np.uint8).tobytes() + (codes & 255).astype(np.uint8).tobytes()
        words = [part.ravel().tolist() for part in self._caption if isinstance(part, np.ndarray)]
        table = gzip.compress(planes + _json(words).encode(), 9, mtime=0)
        return heads, codes.size, base64.b64encode(table).decode()

    def value(self, curve, *positions):
        """What the page draws of `curve` when the sliders stand at the indices `positions`: shape (len(x),).

        Decoded from the packed table, so that it can be compared with the exact values and with a browser.
        """
        with np.errstate(over="ignore"):
            plotted = self._plotted(curve, positions)
            return 10.0**plotted if self.y.log else plotted

    def _plotted(self, curve, positions):
        """The same in the coordinates of the y axis: log10 if it is logarithmic."""
        if len(positions) != len(self.sliders):
            raise ValueError(f"value needs {len(self.sliders)} slider positions, not {len(positions)}.")
        heads, size, text = self._packed
        planes = np.frombuffer(gzip.decompress(base64.b64decode(text))[: 2 * size], np.uint8).reshape(2, -1)
        codes, first = (planes[0].astype(np.uint16) << 8 | planes[1]).reshape(-1, len(self.x.values)), 0
        for head in heads:
            if head["name"] == curve:
                row = np.ravel_multi_index(_place(positions, head["shape"]), head["shape"])
                code = np.cumsum(codes[first + row], dtype=np.uint16)
                known = np.array([np.nan, -np.inf, np.inf])[np.minimum(code, 2)]
                return np.where(code < 3, known, head["lo"] + (code - 3.0) * head["step"])
            first += int(np.prod(head["shape"], dtype=int))
        raise ValueError(f"There is no curve {curve!r}.")

    def caption_at(self, *positions):
        """The caption's text when the sliders stand at the indices `positions`."""
        words = []
        for part in self._caption:
            if isinstance(part, int):
                words.append(self.sliders[part].texts()[positions[part]])
            else:
                words.append(part if isinstance(part, str) else str(part[_place(positions, part.shape)]))
        return "".join(words)

    @cached_property
    def spec(self):
        """Everything but the table that the page needs, as JSON data."""

        def axis(a, lo, hi):
            return {"label": a.label, "log": a.log, "lo": lo, "hi": hi}

        caption, tables = [], 0
        for part in self._caption:
            if isinstance(part, np.ndarray):
                caption.append({"words": tables, "shape": part.shape})
                tables += 1
            else:
                caption.append({"slider": part} if isinstance(part, int) else part)
        x, y = self._limits()
        log = np.log10 if self.y.log else float
        return {
            "title": self.title,
            "alt": self.alt,
            "bars": self.kind == "bars",
            "x": {**axis(self.x, *x), "values": _short(_coordinates(self.x.values, self.x.log))},
            "y": axis(self.y, *y),
            "sliders": [
                {"label": s.label, "texts": s.texts(), "start": at, "choice": s.choice}
                for s, at in zip(self.sliders, self.start, strict=True)
            ],
            "curves": self._packed[0],
            "size": self._packed[1],
            "caption": caption,
            "references": [{"label": n, "at": float(log(v))} for n, v in self.references.items()],
            "marks": [
                {"label": n, "shape": v.shape, "at": _short(_coordinates(v.ravel(), self.x.log))}
                for n, v in self.marks.items()
            ],
        }

    def _limits(self):
        """The fixed limits of x and y, in plotted coordinates: so that a change is seen as a change."""
        x = _coordinates(self.x.values, self.x.log)
        pad = 0.5 * (x[1] - x[0]) if self.kind == "bars" else 0.0
        limits = [[x[0] - pad, x[-1] + pad]]
        y = np.concatenate([_coordinates(v.ravel(), self.y.log) for v in self.curves.values()])
        y = np.append(y, _coordinates(list(self.references.values()), self.y.log))
        y = y[np.isfinite(y)] if np.isfinite(y).any() else np.zeros(1)
        if self.kind == "bars" and not self.y.log:
            y = np.append(y, 0.0)
        if self.y.log:
            limits.append([max(np.floor(y.min() + 1e-9), -307.0), min(np.ceil(y.max() - 1e-9), 308.0)])
        else:
            pad = 0.04 * (y.max() - y.min())
            limits.append([y.min() - pad * (y.min() != 0), y.max() + pad])
        for axis, pair in zip((self.x, self.y), limits, strict=True):
            for i, given in enumerate((axis.lo, axis.hi)):
                if given is not None:
                    pair[i] = _coordinates([given], axis.log)[0]
            if pair[0] >= pair[1]:
                pair[1] = pair[0] + 1.0
        return [[float(v) for v in pair] for pair in limits]

    def still(self):
        """The start position as a still figure in the house style, for pages where no script runs."""
        with style.house():
            fig = Figure(figsize=(6.8, 3.7), layout="constrained")
            ax = fig.subplots()
            for which, axis, (lo, hi) in zip("xy", (self.x, self.y), self._limits(), strict=True):
                if axis.log:
                    style.log_axis(ax, which)
                real = [10.0**lo, 10.0**hi] if axis.log else [lo, hi]
                ax.set(**{f"{which}lim": real, f"{which}label": axis.label})
            xs = np.asarray(self.x.values, dtype=float)
            for i, name in enumerate(self.curves):
                values = self.value(name, *self.start)
                if self.kind == "bars":
                    ax.bar(xs, values, 0.86 * (xs[1] - xs[0]), color=style.COLOURS[i], alpha=0.6, label=name)
                else:
                    (line,) = ax.plot(xs, values, label=name)
                    seen = np.isfinite(values) & (values > 0 if self.y.log else True)
                    if len(self.curves) > 1 and seen.any():
                        style.label_line(ax, line)
            for label, y in self.references.items():
                ax.axhline(y, color=style.MUTED, linestyle=":", linewidth=1.2)
                ax.annotate(label, (0.01, y), (0, 4), ("axes fraction", "data"), "offset points", color=style.MUTED)
            for label, table in self.marks.items():
                x = table[_place(self.start, table.shape)]
                if np.isfinite(x):
                    ax.axvline(x, color=style.MUTED, linestyle=":", linewidth=1.2)
                    ax.annotate(label, (x, 0.96), (4, 0), ("data", "axes fraction"), "offset points", color=style.MUTED)
            if self.kind == "bars" and len(self.curves) > 1:
                ax.legend()
            ax.set_title(self.title)
            return style.finish(fig, self.alt)

    @cached_property
    def html(self):
        """The whole figure: a custom element around the still figure, its colours, its script."""
        assets = {
            kind: files("vanishing.figures").joinpath(f"explorer.{kind}").read_text("utf-8") for kind in ("js", "css")
        }
        dashes = "".join(
            f".c{i}{{--c:var(--c{i});--dash:{' '.join(f'{2 * d:g}' for d in dash) if dash[1] else 'none'}}}"
            for i, dash in enumerate(style.DASHES)
        )
        script = assets["js"].replace('"__CSS__"', _json(dashes + assets["css"]))
        name = "vanishing-explorer-" + hashlib.sha256((script + _LIGHT + _DARK).encode()).hexdigest()[:8]
        spec = escape(_json(self.spec), quote=False).replace("'", "&#39;")
        # The still figure is the element's own child: a live element hides it by having a shadow root, and a
        # viewer that strips unknown tags and scripts is left with it. All data come in attributes, so that
        # nothing but the still figure remains there, and no script waits for children to be parsed.
        return (
            f"<{name} {KEYS_ARE_OURS} data-spec='{spec}' data-table='{self._packed[2]}'>{self.still().html}"
            f"<p>{escape(self.caption_at(*self.start))}</p></{name}>"
            f"<style>{_THEMES.format(name=name, light=_LIGHT, dark=_DARK)}</style>"
            f"<script>{script.replace('__NAME__', name)}</script>"
        )

    def _ipython_display_(self):
        display(style.Still(self.html, self.alt))


def _colours(colours, **more):
    pairs = {**{f"c{i}": c for i, c in enumerate(colours)}, **more}
    return "".join(f"--{k}:{v};" for k, v in pairs.items())


_LIGHT = "color-scheme:light;" + _colours(
    style.COLOURS, ink=style.INK, muted=style.MUTED, rule=style.GRID, edge="#9aa5b1", track="#d5dae0", panel="#fff"
)
_DARK = "color-scheme:dark;" + _colours(
    style.COLOURS_DARK, ink="#e6e9ed", muted="#a9b4c0", rule="#333a43", edge="#6b7785", track="#434c57", panel="#171b21"
)
# The book says its theme on <html>, JupyterLab and VS Code on <body>; elsewhere the reader's system decides.
_THEMES = (
    "{name}{{display:block;{light}}}@media screen{{html[data-theme=dark] {name},"
    "body[data-jp-theme-light=false] {name},body.vscode-dark {name}{{{dark}}}}}"
    "@media screen and (prefers-color-scheme:dark){{html:not([data-theme]) "
    "body:not([data-jp-theme-light],.vscode-light) {name}{{{dark}}}}}"
)


def _table(name, values, lengths, float_only=True):
    """`values` with one axis per slider (and x), each of full length or 1; ValueError if it does not fit."""
    values = np.asarray(values, dtype=float if float_only else None)
    shape = values.shape
    values = values.reshape((1,) * (len(lengths) - values.ndim) + shape)
    if values.ndim != len(lengths) or any(a not in (1, b) for a, b in zip(values.shape, lengths, strict=True)):
        raise ValueError(f"{name!r} has shape {shape}, which does not broadcast to {tuple(lengths)}.")
    return values


def _coordinates(values, log):
    """`values` as they lie along an axis: log10 on a log axis, where 0 becomes -inf."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(values, dtype=float)
        return np.log10(values) if log else values


def _short(values):
    """Floats as JSON numbers of at most seven digits, NaN and infinity as null."""
    return [float(f"{v:.7g}") if np.isfinite(v) else None for v in values]


def _json(data):
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _place(positions, shape):
    """Where the sliders' `positions` point in a table of that `shape`, 1 where a slider does not matter."""
    return tuple(p if size > 1 else 0 for p, size in zip(positions, shape, strict=True))


def _encode(values, log):
    """Lowest value, step and 16-bit codes of `values` along the y axis: 0 NaN, 1 -inf, 2 inf, 3 the lowest.

    A step is 0.0002 decade or, when 65000 of them do not span the values, as much as it takes (0.0008 over
    50 decades); on a linear axis 1/16000 of the range, and exactly 1 for whole numbers.
    """
    v = _coordinates(values, log)
    finite = v[np.isfinite(v)] if np.isfinite(v).any() else np.zeros(1)
    lo, span = float(finite.min()), float(np.ptp(finite))
    whole = not log and span < 65000 and (finite == np.round(finite)).all()
    step = max(span / 64000, 0.0002) if log else 1.0 if whole else span / 16000
    if whole or not span:
        lo, step = float(f"{lo:.12g}"), step or 1.0
    else:
        # Few digits, and a margin: a last bit that another machine rounds differently must not show.
        step = float(f"{1.006 * step:.3g}")
        lo = float(f"{(np.round(lo / step) - 1) * step:.12g}")
    code = np.zeros(v.shape, np.uint16)
    code[np.isfinite(v)] = np.round((finite - lo) / step) + 3 if np.isfinite(v).any() else 0
    code[v == -np.inf], code[v == np.inf] = 1, 2
    return lo, step, code


def _over_x(row, stat):
    seen = row[~np.isnan(row)]
    return stat(seen) if seen.size else np.nan


def _words(table):
    """An array of numbers or words as an array of words."""
    words = [v if isinstance(v, str) else number(v) for v in table.ravel().tolist()]
    return np.array(words, dtype=object).reshape(table.shape)


def number(v):
    """`v` as a caption writes it, to three digits: 0.0625, 57.7, 3325, 9.09 × 10⁻¹³; NaN is a dash."""
    if np.isnan(v):
        return "–"
    sign = "−" if v < 0 else ""
    v = abs(v)
    if np.isinf(v):
        return sign + "∞"
    if v == 0 or (isinstance(v, int) and v < 1e15):
        return f"{sign}{v:.0f}"
    mantissa, exponent = f"{v:.2e}".split("e")
    if 2 <= int(exponent) < 5:
        return f"{sign}{v:.0f}"
    if -3 <= int(exponent) < 2:
        return f"{sign}{float(f'{v:.3g}'):g}"
    ten = style.power(int(exponent))
    return sign + (ten if float(mantissa) == 1 else f"{float(mantissa):g} × {ten}")
