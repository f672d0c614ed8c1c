"""The curves and tones of a figure as numbers, so that two recordings can be compared as a reader would.

A curve is compared by where it runs, an explorer by its table, a picture by its tones; none by its bytes, which the
last bit of a processor can change.
"""

import base64
import gzip
import html
import io
import json
import re
from urllib.parse import unquote

import numpy as np

POINTS = 33  # along each line of a figure
TILE = 24  # pixels on a side of the tiles whose mean tones are compared
STEP = re.compile(r"([MLHVCQZz])|(-?\d*\.?\d+(?:e-?\d+)?)")


def drawn(text):
    """({name: array}, words) of a figure's HTML, or None where it holds no figure in the house style.

    An explorer's arrays are its curves in shares of the y axis; a line figure's are points along its lines, in shares
    of the figure's width; a picture's are mean tones from 0 to 1. The words are captions and labels.
    """
    if found := re.search(r"<vanishing-explorer-\w+[^>]*? data-spec='([^']*)' data-table='([^']*)'", text):
        return _explorer(json.loads(html.unescape(found[1])), base64.b64decode(found[2]))
    if found := re.search(r'src="data:image/svg\+xml,([^"]*)"', text):
        return _lines(unquote(html.unescape(found[1])), text)
    if found := re.search(r'src="data:image/png;base64,([^"]*)"', text):
        return _tones(base64.b64decode(found[1]), text)
    return None


def _explorer(spec, packed):
    table = gzip.decompress(packed)
    planes = np.frombuffer(table[: 2 * spec["size"]], np.uint8).reshape(2, -1)
    codes, first = (planes[0].astype(np.uint16) << 8 | planes[1]).reshape(-1, len(spec["x"]["values"])), 0
    lo, hi = spec["y"]["lo"], spec["y"]["hi"]
    arrays = {"limits": np.array([lo, hi]) / (hi - lo)}
    for head in spec.pop("curves"):
        rows = int(np.prod(head["shape"], dtype=int))
        code = np.cumsum(codes[first : first + rows], axis=-1, dtype=np.uint16)
        known = np.array([np.nan, -np.inf, np.inf])[np.minimum(code, 2)]
        arrays[head["name"]] = np.where(code < 3, known, (head["lo"] + (code - 3.0) * head["step"] - lo) / (hi - lo))
        first += rows
    span = np.ptp([v for v in spec["x"]["values"] if v is not None]) or 1.0
    arrays |= {f"mark {m['label']}": _numbers(m.pop("at")) / span for m in spec["marks"]}
    arrays |= {f"line {r['label']}": np.array([(r.pop("at") - lo) / (hi - lo)]) for r in spec["references"]}
    arrays["x"] = _numbers(spec["x"].pop("values")) / span
    del spec["x"]["lo"], spec["x"]["hi"], spec["y"]["lo"], spec["y"]["hi"]
    words = json.loads(table[2 * spec["size"] :])
    return arrays, json.dumps([spec, words], ensure_ascii=False, sort_keys=True)


def _numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _lines(svg, text):
    width = float(re.search(r'viewBox="0 0 ([\d.]+)|viewBox=\'0 0 ([\d.]+)', svg)[0].split()[-1])
    svg = re.sub(r"<defs>.*?</defs>", "", svg, flags=re.DOTALL)  # glyphs and clips
    paths = re.findall(r"<path [^>]*?\bd=['\"]([^'\"]*)['\"]", svg)
    arrays = {f"line {k}": _along(path) / width for k, path in enumerate(paths)}
    places = re.findall(r"<use [^>]*?\bx=['\"](-?[\d.]+)['\"] y=['\"](-?[\d.]+)['\"]", svg)
    if places:
        arrays["marks"] = np.array(places, dtype=float).ravel() / width
    return arrays, _words(text)


def _along(path):
    """Points at equal shares of the length of a path, x before y; a single point stays one."""
    numbers = [float(number) for letter, number in STEP.findall(path) if number]
    points = np.array(numbers[: len(numbers) // 2 * 2]).reshape(-1, 2)
    if len(points) < 2:
        return points.ravel()
    ways = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0.0, ways[-1], POINTS)
    return np.concatenate([np.interp(at, ways, points[:, 0]), np.interp(at, ways, points[:, 1])])


def _tones(png, text):
    from PIL import Image

    tones = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) / 255.0
    rows, columns = (n // TILE * TILE for n in tones.shape[:2])
    tiles = tones[:rows, :columns].reshape(rows // TILE, TILE, columns // TILE, TILE, 3).mean(axis=(1, 3))
    return {"tones": tiles.ravel()}, _words(text)


def _words(text):
    """A figure's alternative text, and the text below it."""
    text = re.sub(r'src="data:[^"]*"', "", text)
    alt = html.unescape("".join(re.findall(r'alt="([^"]*)"', text)))
    return alt + "\n" + html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", text, flags=re.DOTALL))
