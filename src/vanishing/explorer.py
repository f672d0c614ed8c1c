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

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from vanishing import style

STATS = ("first", "last", "min", "max")
_SPECIAL = {"nan": 0, "-inf": 1, "inf": 2}  # 16-bit codes; on a log axis -inf is the logarithm of an exact zero


@dataclass(frozen=True)
class Slider:
    """A row of numbers to slide over: `label`, `values`, how to write one (a format or a function), where to start."""

    label: str
    values: object
    fmt: object = "{:g}"
    start: object = None

    choice = False

    def texts(self):
        """Each value as the reader sees it."""
        write = self.fmt if callable(self.fmt) else self.fmt.format
        return [re.sub(r"^-", "−", write(v)) for v in np.asarray(self.values).tolist()]

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
        """Say in one sentence what is wrong with the arguments, if anything is."""
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
        for axis, values in ((self.x, xs), (self.y, [])):
            limits = [v for v in (axis.lo, axis.hi) if v is not None]
            if axis.log and any(v <= 0 for v in [*values, *limits]):
                raise ValueError(f"The log axis {axis.label!r} needs values and limits above zero.")

    def _parse(self, caption):
        """The caption as a list of texts and of references to sliders, curves and facts."""
        labels, parts = [s.label for s in self.sliders], []
        for i, piece in enumerate(re.split(r"\{([^{}]*)\}", caption)):
            name, _, stat = piece.rpartition(":")
            if i % 2 == 0:
                parts += [piece] if piece else []
            elif piece in labels:
                parts.append({"slider": labels.index(piece)})
            elif piece in self.facts:
                table = self.facts[piece]
                words = [v if isinstance(v, str) else _significant(v) for v in table.ravel().tolist()]
                parts.append({"fact": words, "shape": table.shape})
            elif name in self.curves and stat in STATS:
                parts.append({"curve": list(self.curves).index(name), "stat": stat})
            else:
                known = [*labels, *self.facts, *(f"{c}:last" for c in self.curves)]
                raise ValueError(f"The caption's {{{piece}}} is unknown; there are {{{'}, {'.join(known)}}}.")
        return parts

    @cached_property
    def _packed(self):
        """The curves as (list of {name, shape, lo, step, digits}, base64 text of the table)."""
        heads, codes = [], []
        for name, values in self.curves.items():
            head, code = _encode(values, self.y.log)
            heads.append({"name": name, "shape": values.shape[:-1], **head})
            codes.append(np.diff(code, axis=-1, prepend=np.uint16(0)).ravel())
        codes = np.concatenate(codes)
        planes = (codes >> 8).astype(np.uint8).tobytes() + (codes & 255).astype(np.uint8).tobytes()
        return heads, base64.b64encode(gzip.compress(planes, 9, mtime=0)).decode()

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
        heads, text = self._packed
        planes = np.frombuffer(gzip.decompress(base64.b64decode(text)), np.uint8).reshape(2, -1)
        codes, n = (planes[0].astype(np.uint16) << 8 | planes[1]).reshape(-1, len(self.x.values)), 0
        for head in heads:
            rows = int(np.prod(head["shape"], dtype=int))
            if head["name"] == curve:
                at = [p if size > 1 else 0 for p, size in zip(positions, head["shape"], strict=True)]
                code = np.cumsum(codes[n + np.ravel_multi_index(at, head["shape"])], dtype=np.uint16)
                known = np.array([np.nan, -np.inf, np.inf])[np.minimum(code, 2)]
                return np.where(code < 3, known, head["lo"] + (code - 3.0) * head["step"])
            n += rows
        raise ValueError(f"There is no curve {curve!r}.")

    def caption_at(self, *positions):
        """The caption's text when the sliders stand at the indices `positions`."""
        words, heads = [], self._packed[0]
        for part in self._caption:
            if isinstance(part, str):
                words.append(part)
            elif "slider" in part:
                words.append(self.sliders[part["slider"]].texts()[positions[part["slider"]]])
            elif "fact" in part:
                at = [p if size > 1 else 0 for p, size in zip(positions, part["shape"], strict=True)]
                words.append(part["fact"][np.ravel_multi_index(at, part["shape"])])
            else:
                head = heads[part["curve"]]
                seen = self._plotted(head["name"], positions)
                seen = seen[~np.isnan(seen)]
                pick = {"first": lambda v: v[0], "last": lambda v: v[-1], "min": np.min, "max": np.max}
                words.append(_number(pick[part["stat"]](seen) if len(seen) else np.nan, head["digits"], self.y.log))
        return "".join(words)

    @cached_property
    def spec(self):
        """All that the page needs beside the table, as JSON data."""

        def axis(a, lo, hi):
            return {"label": a.label, "log": a.log, "lo": lo, "hi": hi}

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
            "caption": self._caption,
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
            limits.append([np.floor(y.min() + 1e-9), np.ceil(y.max() - 1e-9)])
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
        with mpl.rc_context(style.RC):
            fig = Figure(figsize=(6.8, 3.7), layout="constrained")
            ax = fig.subplots()
            xs = np.asarray(self.x.values, dtype=float)
            for i, name in enumerate(self.curves):
                values = self.value(name, *self.start)
                if self.kind == "bars":
                    ax.bar(xs, values, 0.86 * (xs[1] - xs[0]), color=style.COLOURS[i], alpha=0.6, label=name)
                elif np.isfinite(values).any():
                    (line,) = ax.plot(xs, values, label=name)
                    if len(self.curves) > 1:
                        style.label_line(ax, line)
            for label, y in self.references.items():
                ax.axhline(y, color=style.MUTED, linestyle=":", linewidth=1.2)
                ax.annotate(label, (0.01, y), (0, 4), ("axes fraction", "data"), "offset points", color=style.MUTED)
            if self.kind == "bars" and len(self.curves) > 1:
                ax.legend()
            for which, axis, (lo, hi) in zip("xy", (self.x, self.y), self._limits(), strict=True):
                if axis.log:
                    style.log_axis(ax, which)
                real = [10.0**lo, 10.0**hi] if axis.log else [lo, hi]
                ax.set(**{f"{which}lim": real, f"{which}label": axis.label})
            ax.set_title(self.title)
            return style.finish(fig, self.alt)

    @cached_property
    def html(self):
        """The whole figure: a custom element around the still figure, its colours, its script."""
        assets = {kind: files("vanishing").joinpath(f"explorer.{kind}").read_text("utf-8") for kind in ("js", "css")}
        dashes = "".join(
            f".c{i}{{--c:var(--c{i});--dash:{' '.join(f'{2 * d:g}' for d in dash) if dash[1] else 'none'}}}"
            for i, dash in enumerate(style.DASHES)
        )
        script = assets["js"].replace('"__CSS__"', json.dumps(dashes + assets["css"], ensure_ascii=False))
        name = "vanishing-explorer-" + hashlib.sha256((script + _LIGHT + _DARK).encode()).hexdigest()[:8]
        spec = json.dumps(self.spec, ensure_ascii=False, separators=(",", ":"))
        # The still figure is the element's own child: a live element hides it by having a shadow root, and a
        # viewer that strips unknown tags and scripts is left with it. All data come in attributes, so that
        # nothing but the still figure remains there, and no script waits for children to be parsed.
        return (
            f"<{name} data-spec='{escape(spec, quote=False).replace(chr(39), '&#39;')}' "
            f"data-table='{self._packed[1]}'>{self.still().html}"
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
    values = values.reshape((1,) * (len(lengths) - values.ndim) + values.shape)
    if values.ndim != len(lengths) or any(a not in (1, b) for a, b in zip(values.shape, lengths, strict=True)):
        raise ValueError(f"{name!r} has shape {values.shape}, which does not broadcast to {tuple(lengths)}.")
    return values


def _coordinates(values, log):
    """`values` as they lie along an axis: log10 on a log axis, where 0 becomes -inf."""
    with np.errstate(divide="ignore"):
        values = np.asarray(values, dtype=float)
        return np.log10(values) if log else values


def _short(values):
    """Floats as JSON numbers of at most seven digits, NaN as null."""
    return [None if np.isnan(v) else float(f"{v:.7g}") for v in values]


def _encode(values, log):
    """16-bit codes of `values` along the y axis, and the head {lo, step, digits} that decodes them.

    A step is 0.0002 decade if 65533 of them span the values, else as much as it takes (0.0008 over 50 decades);
    on a linear axis 1/16000 of the range, and 1 exactly for whole numbers.
    """
    v = _coordinates(values, log)
    finite = v[np.isfinite(v)] if np.isfinite(v).any() else np.zeros(1)
    lo, span = float(finite.min()), float(np.ptp(finite))
    if log:
        step = max(span / 65000, 0.0002)
        digits = 3 if step < 0.0003 else 2
    elif span < 65000 and (finite == np.round(finite)).all():
        step, digits = 1.0, 0
    else:
        step = span / 16000 or 1.0
        digits = int(np.clip(2 - np.floor(np.log10(np.abs(finite).max() or 1.0)), 0, 12))
    with np.errstate(invalid="ignore"):
        code = np.where(np.isfinite(v), np.round((v - lo) / step) + 3, 0)
    code[v == -np.inf], code[v == np.inf] = _SPECIAL["-inf"], _SPECIAL["inf"]
    return {"lo": lo, "step": step, "digits": digits}, code.astype(np.uint16)


def _number(v, digits, log):
    """A plotted coordinate in words: significant `digits` on a log axis, decimals on a linear one."""
    if np.isnan(v):
        return "–"
    if np.isinf(v):
        return "∞" if v > 0 else "0" if log else "−∞"
    if not log:
        return f"{float(f'{v * (1 + 1e-12):.{digits}f}') + 0.0:.15g}".replace("-", "−", 1)
    e = int(np.floor(v + 1e-12))
    m = float(f"{10.0 ** (v - e) * (1 + 1e-12):.{digits - 1}f}")
    if m >= 10:
        m, e = 1.0, e + 1
    if -3 <= e < 5:
        return f"{float(f'{m}e{e}'):.10g}"
    return style.power(e) if m == 1 else f"{m:g} × {style.power(e)}"


def _significant(v):
    """A number among the facts in words: whole numbers whole, others to three digits."""
    if np.isnan(v) or np.isinf(v):
        return "–" if np.isnan(v) else "∞" if v > 0 else "−∞"
    if isinstance(v, int) or v == 0:
        return str(int(v)).replace("-", "−")
    return ("−" if v < 0 else "") + _number(float(np.log10(abs(v))), 3, True)
