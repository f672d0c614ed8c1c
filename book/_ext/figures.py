"""Figures of the lessons as a page needs them: pictures in files, live figures built when they come near the window.

What a notebook keeps inside one text, so that it can be mailed and recorded, would have to be read before the page
stands. Here a picture becomes a file that is fetched when it comes near the window, with its size known beforehand, and
a link that opens it large. A live figure waits as <live-figure>, in the space that it will take, with its still picture
in it, until figures.js builds it. The script that draws is taken out of the page too, once for all pages.
"""

import base64
import hashlib
import html
import json
import math
import re
from itertools import count
from pathlib import Path
from urllib.parse import unquote

FOLDER = "_static/figures"
IMAGE = re.compile(r'<img alt="([^"]*)" src="data:image/(svg\+xml,|png;base64,)([^"]*)" width="(\d+)" style="([^"]*)">')
LIVE = re.compile(
    r"<(?P<name>[a-z]+-explorer-[0-9a-f]+) (?P<keys>[^ ]*) data-spec='(?P<spec>[^']*)' data-table='(?P<table>[^']*)'>"
    r"(?P<still>.*?)</(?P=name)>(?P<style><style>.*?</style>)<script>(?P<script>.*?)</script>",
    re.DOTALL,
)
LABEL = 9.5 / 72 * 96  # size of a tick label in a still picture, in pixels at its full width
SMALLEST = 11.0  # the smallest label that a page may show
# Shown as long as no script has set the theme, so where none runs.
NOTE = '<p class="still-note">Where scripts run, this figure answers to the hand. Here it stands still.</p>'
LETTER, LINE = 7.6, 23.0  # of a live figure's text, in pixels: generous, so that what comes is not taller
NARROW, WIDE = (296, 270), (660, 400)  # inner width and height of the drawing, on a phone and on a desk


def mend(app, pagename, templatename, context, doctree) -> None:
    """Change the body of a page."""
    body = context.get("body", "")
    if "data:image/" not in body and not LIVE.search(body):
        return
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    where = context["pathto"](FOLDER, 1)
    scripts, styles, numbers = {}, {}, count(1)

    def alive(found: re.Match) -> str:
        scripts[found["name"]] = found["script"]
        styles.setdefault(found["name"], found["style"])
        return waiting(found, next(numbers))

    body = LIVE.sub(alive, body)
    context["body"] = IMAGE.sub(lambda found: filed(found, folder, where), body)
    context["metatags"] = context.get("metatags", "") + "".join(styles.values())
    for name, script in scripts.items():
        (folder / f"{name}.js").write_text(script, encoding="utf-8")
    if scripts:
        app.add_js_file("figures.js", defer="defer", **{"data-folder": where})


def waiting(found: re.Match, number: int) -> str:
    """A live figure in the space that it will take, before it lives."""
    spec = json.loads(html.unescape(found["spec"]))
    still, caption = found["still"].rsplit("<p>", 1)
    text = html.unescape(re.sub(r"<[^>]+>", "", caption))
    low, high = (round(height(spec, text, *size)) for size in (NARROW, WIDE))
    data = f'data-is="{found["name"]}" data-its-spec=\'{found["spec"]}\' data-its-table="{found["table"]}"'
    room = f"--narrow:{low}px;--wide:{high}px"
    return f'<live-figure id="figure-{number}" {data} style="{room}">{still}<p>{caption}{NOTE}</live-figure>'


def height(spec: dict, caption: str, width: int, drawing: int) -> float:
    """At most so many pixels a live figure is high, with an inner width and the height of its drawing."""
    lines = lambda text, size=1.0: math.ceil(len(text) * LETTER * size / width)  # noqa: E731
    per_row = max(1, (width + 30) // 220)
    made = 36.0 + 24 * lines(spec["title"], 1.15) + 18 + 66 * math.ceil(len(spec["sliders"]) / per_row) + 6 + drawing
    names = [curve["name"] for curve in spec["curves"]]
    beside = not spec["bars"] and width > 500 and max(map(len, names)) * 7.3 < width * 0.3
    if len(names) > 1 and not beside:
        made += 6 + 24 * math.ceil(sum(len(name) * LETTER + 55 for name in names) / width)
    return made + 19 + LINE * lines(caption) + 30  # the buttons


def filed(found: re.Match, folder: Path, where: str) -> str:
    """An image that was inside the page, as a file beside it, with its size, that opens large."""
    alt, kind, data, width, style = found.groups()
    if kind.startswith("svg"):
        content, suffix = unquote(html.unescape(data)).encode(), "svg"
        across, down = map(float, re.search(rb"viewBox=['\"]0 0 ([\d.]+) ([\d.]+)", content).groups())
    else:
        content, suffix = base64.b64decode(data), "png"
        across, down = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    name = f"{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
    (folder / name).write_bytes(content)
    least = round(int(width) * SMALLEST / LABEL + 0.5)
    return (
        f'<a class="enlarge" href="{where}/{name}" style="--least:{least}px"><img alt="{alt}" src="{where}/{name}" '
        f'width="{width}" height="{round(int(width) * down / across)}" loading="lazy" style="{style}"></a>'
    )


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("html-page-context", mend, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
