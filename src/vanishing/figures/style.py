"""The house figure style: one frame for every picture, with alt text, the same bytes every time."""

import base64
import io
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

import matplotlib as mpl
import numpy as np
from cycler import cycler
from IPython.display import display
from matplotlib import patheffects, ticker
from matplotlib.figure import Figure

from vanishing.numerals import power

# Okabe and Ito's hues, darkened (or, for dark pages, lightened) until a label in the line's own colour
# has a contrast of at least 4.5; each colour keeps one dash, so that neither carries the meaning alone.
COLOURS = ("#0068a9", "#bd4b00", "#007a5a", "#a23d7c", "#8a6200", "#4b5563")
COLOURS_DARK = ("#6bb8f7", "#ff9d66", "#4fd1a5", "#f09ccb", "#e8c04e", "#b8c1cd")
DASHES = ((1, 0), (6, 2), (1.6, 1.6), (7, 2, 1.6, 2), (11, 3), (3, 1.6))
INK, MUTED, GRID, PANEL = "#1f2933", "#52606d", "#e4e7eb", "#ffffff"

RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#9aa5b1",
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.5,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=[(0, d) if d[1] else "-" for d in DASHES]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "figure.dpi": 96,
    "figure.facecolor": PANEL,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "lines.markersize": 4.5,
    "lines.dash_capstyle": "butt",
    "lines.linewidth": 2.0,
    "lines.scale_dashes": True,
    "mathtext.fontset": "dejavusans",
    "savefig.facecolor": PANEL,
    "svg.fonttype": "path",
    "svg.hashsalt": "vanishing",
    "text.color": INK,
    "xtick.color": "#9aa5b1",
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.color": "#9aa5b1",
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 9.5,
}

# JupyterLab 4 builds the <img> of an image/png or image/svg+xml output without any alt attribute, whatever the
# metadata says, and refuses SVG in a notebook it does not trust; its HTML sanitiser keeps <figure> and <img alt>.
# So a figure is HTML, and brings its own dark mode: line figures are inverted, pictures keep their colours.
_DARK = (
    "<style>@media not print{html[data-theme=dark] .house-lines img,body[data-jp-theme-light=false] "
    ".house-lines img{filter:invert(.93) hue-rotate(180deg)}}</style>"
)
_FRAME = '<figure class="house-figure house-{kind}" style="margin:0">{image}</figure>'
_IMAGE = '<img alt="{alt}" src="{source}" width="{width}" style="max-width:100%;height:auto;border-radius:10px">'


# Settings belong to the whole process: while a bench draws in its thread, a cell's figure waits, and vice versa.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def house():
    """Apply the house style's matplotlib settings inside the block, which one thread at a time may enter."""
    with _ONE_AT_A_TIME, mpl.rc_context(RC):
        yield


@dataclass(frozen=True, repr=False)
class Still:
    """A finished figure: `html` with the image inside it, `alt` text, and whether it is a `picture`."""

    html: str
    alt: str
    picture: bool = False

    def __repr__(self):
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        metadata = {"alt": self.alt, "picture": self.picture}
        return {"text/html": self.html, "text/plain": self.alt}, {"text/html": metadata}


@contextmanager
def figure(alt, width=6.4, height=3.6, picture=False, **subplots):
    """Yield `(fig, ax)` in the house style (ax is an array when nrows or ncols say so); show it once at the end.

    `alt` says what is to be seen (20 characters at least, else ValueError); `width` and `height` are inches.
    Line figures become SVG; `picture=True` makes a PNG (scatter, heat maps), whose colours no dark mode turns.
    """
    check_alt(alt)
    with house():
        fig = Figure(figsize=(width, height), layout="constrained")
        yield fig, fig.subplots(**subplots)
        still = finish(fig, alt, picture)
    display(still)


def check_alt(alt):
    """Raise ValueError unless `alt` is a text of 20 characters or more."""
    if not isinstance(alt, str) or len(alt.strip()) < 20:
        raise ValueError("alt must say in at least 20 characters what is to be seen in the figure.")


def finish(fig, alt, picture=False):
    """Turn a matplotlib `fig` into a `Still`; the same figure gives the same bytes."""
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if axis.get_scale() == "log" and type(axis.get_major_locator()) is ticker.LogLocator:
                _decades(axis)
        _spread(fig, ax)
    image = io.BytesIO()
    if picture:
        fig.savefig(image, format="png", dpi=192, metadata={"Software": None})
        source = "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
    else:
        fig.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
        # Percent-encoded, not base64: a quarter shorter, and it still compresses and diffs as text.
        source = "data:image/svg+xml," + quote(_slim(image.getvalue().decode()), safe=" /:;=,'()!@*~+-.&")
    image = _IMAGE.format(alt=escape(alt), source=source.replace("&", "&amp;"), width=round(fig.get_figwidth() * 96))
    frame = _FRAME.format(kind="picture" if picture else "lines", image=image)
    return Still(frame if picture else _DARK + frame, alt, picture)


def log_axis(ax, which="y"):
    """Make axis `which` ("x" or "y") of `ax` logarithmic, with a few powers of ten as ticks over any span."""
    if which not in ("x", "y"):
        raise ValueError(f"which must be 'x' or 'y', not {which!r}.")
    getattr(ax, f"set_{which}scale")("log")
    _decades(getattr(ax, f"{which}axis"))


def label_line(ax, line, text=None, x=None, colour=None, dy=0.0):
    """Write `text` at the right end of `line` (a Line2D or a pair of arrays x, y), or above it at `x`.

    The text defaults to the line's label, `colour` to its colour; `dy` shifts it, in points.
    Labels at line ends are moved apart when the figure is finished. Returns the annotation.
    """
    drawn = hasattr(line, "get_xdata")
    xs, ys = line.get_data() if drawn else line
    xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    seen = np.isfinite(xs) & np.isfinite(ys) & ((ys > 0) | (ax.get_yscale() != "log"))
    if not seen.any():
        raise ValueError("The line has no finite point to put a label at.")
    at_end = x is None
    i = np.flatnonzero(seen)[-1] if at_end else np.flatnonzero(seen)[np.argmin(np.abs(xs[seen] - x))]
    label = ax.annotate(
        text if text is not None else line.get_label(),
        (xs[i], ys[i]),
        xytext=(6, dy) if at_end else (0, 5 + dy),
        textcoords="offset points",
        ha="left" if at_end else "center",
        va="center" if at_end else "bottom",
        color=colour or (line.get_color() if drawn else INK),
        path_effects=None if at_end else [patheffects.withStroke(linewidth=3, foreground=PANEL)],
        annotation_clip=False,
    )
    if at_end:
        label.set_gid("line-end")
    return label


class _Decades(ticker.Locator):
    """Ticks at powers of ten, one step apart; at 1, 2, 5 when the axis spans hardly more than a decade."""

    def __call__(self):
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin, vmax):
        """The ticks between `vmin` and `vmax`, at most eight of them."""
        low, high = np.log10([vmin, vmax])
        if high - low < 1.3:
            return [m * 10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1) for m in (1, 2, 5)]
        step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200) if (high - low) / s < 8)
        return 10.0 ** (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step)


def _decades(axis):
    axis.set_major_locator(_Decades())
    axis.set_major_formatter(ticker.FuncFormatter(_tick))
    axis.set_minor_locator(ticker.NullLocator())


def _tick(value, _):
    exponent = np.log10(value) if value > 0 else np.nan
    return power(round(exponent)) if abs(exponent - np.round(exponent)) < 1e-6 else f"{value:g}"


def _spread(fig, ax, gap=13.0):
    """Bring the labels at the line ends of `ax` inside its height and `gap` points at least apart."""
    labels = [text for text in ax.texts if text.get_gid() == "line-end"]
    if not labels:
        return
    for label in labels:  # one that lies far outside would leave no room for the axes
        label.set_in_layout(False)
    fig.draw_without_rendering()
    box, points = ax.get_window_extent(), 72 / fig.dpi
    ends = [ax.transData.transform(label.xy)[1] * points for label in labels]
    wanted = [
        np.clip(end + label.xyann[1], box.y0 * points, box.y1 * points) for end, label in zip(ends, labels, strict=True)
    ]
    for label, end, place in zip(labels, ends, apart(wanted, gap), strict=True):
        label.xyann = (label.xyann[0], place - end)
        label.set_in_layout(True)


def apart(places, gap):
    """The nearest `places` in the same order that lie at least `gap` apart."""
    order = np.argsort(places, kind="stable")
    blocks = []  # of labels pushed together: (sum of wanted starts, how many)
    for n, i in enumerate(order):
        blocks.append((places[i] - gap * n, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = (blocks[-1][0] + total, blocks[-1][1] + count)
    starts = [total / count for total, count in blocks for _ in range(count)]
    result = np.empty(len(places))
    result[order] = np.array(starts) + gap * np.arange(len(places))
    return result


def _slim(svg):
    """Leave out prologue, metadata, comments, line breaks, and digits beyond a hundredth of a point.

    Names of clip paths are hashes of coordinates to the last bit; they are numbered instead.
    """
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.S)
    names = dict.fromkeys(re.findall(r' id="(p[0-9a-f]{8,})"', svg))
    for k, name in enumerate(names):
        svg = svg.replace(name, f"clip{k}")
    svg = re.sub(r'(?<= )(?:d|x|y|points|width|height)="[^"]*"|translate\([^)]*\)', _round_numbers, svg)
    return re.sub(r"\s+", " ", svg).replace("> <", "><").replace("'", "&apos;").replace('"', "'")


def _round_numbers(text):
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", text[0])
