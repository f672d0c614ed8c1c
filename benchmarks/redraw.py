"""From a slider's move to the new curve: the explorer, Altair with a bound parameter, `interact` with matplotlib.

The same forty curves of fifty points each, on a log axis, in one Chromium. A move's time runs from the event to the
first change of the drawing, with the layout forced, measured in the page. Altair gets an environment of its own.

    python benchmarks/redraw.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "browser"))
from conftest import FLAGS, Lab, start_lab  # noqa: E402
from vanishing import Axis, Explorer, Slider  # noqa: E402

SLOPES, STEPS = np.round(np.linspace(0.5, 1.28, 40), 2), np.arange(50)
ALTAIR = """
import sys
import altair as alt, numpy as np, pandas as pd
alt.data_transformers.disable_max_rows()
a, k = np.meshgrid(np.round(np.linspace(0.5, 1.28, 40), 2), np.arange(50))
data = pd.DataFrame(dict(a=a.ravel(), k=k.ravel(), loudness=(a**k).ravel()))
slope = alt.param(name="slope", value=0.8, bind=alt.binding_range(min=0.5, max=1.28, step=0.02))
scale = alt.Scale(type="log", domain=[1e-15, 1e6])
chart = alt.Chart(data).mark_line().encode(x="k", y=alt.Y("loudness", scale=scale))
chart = chart.add_params(slope).transform_filter("abs(datum.a - slope) < 0.001")
chart.save(sys.argv[1], inline=True, embed_options=dict(renderer="svg"))
"""
INTERACT = """
import matplotlib.pyplot as plt, numpy as np
from ipywidgets import FloatSlider, interact

def draw(a=0.8):
    k = np.arange(50)
    plt.semilogy(k, a**k)
    plt.ylim(1e-15, 1e6)
    plt.show()

interact(draw, a=FloatSlider(min=0.5, max=1.28, step=0.02, value=0.8))
"""
# What resolves with the milliseconds from an event on `control` to the first change below `drawing`.
MOVE = """([control, drawing, value]) => new Promise((resolve) => {
  const seen = new MutationObserver(() => {
    seen.disconnect(); drawing.getBoundingClientRect(); resolve(performance.now() - start); });
  seen.observe(drawing, {subtree: true, childList: true, attributes: true, characterData: true});
  control.value = value;
  const start = performance.now();
  control.dispatchEvent(new Event("input", {bubbles: true}));
})"""
# Keeps in `moves` the milliseconds from each key to the next picture that differs from the last.
WATCH = """() => {
  const source = () => document.querySelector(".widget-interact img")?.src;
  let start = 0, last = source();
  window.moves = [];
  document.addEventListener("keydown", () => { start = performance.now(); }, true);
  new MutationObserver(() => {
    if (!start || !source() || source() === last) return;
    document.body.getBoundingClientRect();
    window.moves.push(performance.now() - start);
    [start, last] = [0, source()];
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def explorer_moves(chromium, folder):
    """Milliseconds of each move of the explorer's slider on a static page, and the figure's size in bytes."""
    figure = Explorer(
        title="How loud is the whisper?",
        curves={"loudness": SLOPES[:, None] ** STEPS},
        sliders=[Slider("a", SLOPES, start=0.8)],
        x=Axis("k", STEPS),
        y=Axis("loudness", log=True, lo=1e-15, hi=1e6),
        caption="At a = {a} the last hears {loudness:last}.",
        alt="One straight line on a log axis that falls for slopes below one and rises above.",
    )
    path = folder / "explorer.html"
    path.write_text(f'<!doctype html><meta charset="utf-8">{figure.html}', "utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("[data-live]")
    page.wait_for_function("document.querySelector('[data-live]').shadowRoot.querySelector('.stage svg')")
    root = page.evaluate_handle("document.querySelector('[data-live]').shadowRoot")
    control, drawing = (root.evaluate_handle(f"r => r.querySelector('{q}')") for q in ("input", ".stage"))
    return [page.evaluate(MOVE, [control, drawing, k % len(SLOPES)]) for k in range(1, 201)], path.stat().st_size


def altair_moves(chromium, folder):
    """The same for a chart that Altair wrote with all that it needs inside."""
    home = ROOT / "_build" / "bench" / "altair"
    if not (home / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        wanted = ["altair", "vl-convert-python", "pandas", "numpy"]
        subprocess.run([home / "bin" / "pip", "install", "-qq", *wanted], check=True)
    path = folder / "altair.html"
    subprocess.run([home / "bin" / "python", "-c", ALTAIR, path], check=True)
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".vega-bind input")
    page.wait_for_selector("svg.marks path")
    control, drawing = page.query_selector(".vega-bind input"), page.query_selector("svg.marks")
    moves = [page.evaluate(MOVE, [control, drawing, str(SLOPES[k % len(SLOPES)])]) for k in range(1, 201)]
    return moves, path.stat().st_size


def interact_moves(lab):
    """The same for `interact` with matplotlib in JupyterLab: a kernel draws each picture."""
    cell = nbformat.v4.new_code_cell(INTERACT, id="interact")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), lab.work / "interact.ipynb")
    page = lab.open("interact.ipynb").page
    page.wait_for_selector(".widget-interact img")
    handle = page.locator(".noUi-handle")
    handle.focus()
    page.evaluate(WATCH)
    for k in range(30):
        handle.press("ArrowRight" if k < 20 else "ArrowLeft")
        page.wait_for_function(f"window.moves.length >= {k + 1}", timeout=20_000)
        time.sleep(0.1)
    return page.evaluate("window.moves")


def rows():
    """The benchmark's rows: milliseconds a move, medians."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        folder = Path(folder)
        chromium = running.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS.split())
        ours, our_bytes = explorer_moves(chromium, folder)
        theirs, their_bytes = altair_moves(chromium, folder)
        with start_lab(ROOT, folder) as address:
            live = interact_moves(Lab(address, folder / "work", chromium))
        chromium.close()
    yield {
        "what": "slider → redraw, median",
        "unit": "ms",
        "ours": statistics.median(ours),
        "others": {
            "`interact` + matplotlib": statistics.median(live),
            "Altair, bound parameter": statistics.median(theirs),
        },
        "how": "from the slider's event to the first change of the drawing, layout forced; same curves, one Chromium",
    }
    yield {
        "what": "such a figure as a static page",
        "unit": "kB",
        "ours": our_bytes / 1e3,
        "others": {"Altair, inline": their_bytes / 1e3},
        "how": "size of the HTML file with all that it needs",
    }


if __name__ == "__main__":
    for row in rows():
        print(row)
