"""A book that asks no other host for anything: its own MathJax, no icon script, no source maps."""

import shutil
from importlib.metadata import distribution
from pathlib import Path

from docutils import nodes

MATHJAX = "mathjax/startup.js"
# The parts that the loader asks for. MathJax's menu is left out: 0.4 MB, and it puts every formula in the tab order.
PARTS = ["input/tex", "output/chtml", "a11y/assistive-mml"]
FILES = [
    "startup.js",
    "core.js",
    "input/tex.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
]


def use_local_mathjax(app, config) -> None:
    """Point the pages at the copy of MathJax that travels with the book."""
    config.mathjax_path = MATHJAX
    config.mathjax3_config = {"loader": {"load": PARTS}}


def drop_idle_mathjax(app, pagename, templatename, context, doctree) -> None:
    """Leave MathJax out of pages without a formula: Sphinx also loads it where only a page listed below has one."""
    if doctree is None or not any(doctree.findall(lambda n: isinstance(n, nodes.math | nodes.math_block))):
        scripts = context["script_files"]
        context["script_files"] = [js for js in scripts if MATHJAX not in str(getattr(js, "filename", ""))]


def copy_mathjax(app, error) -> None:
    """Copy MathJax beside the pages, from the package that carries it; drop what no reader needs."""
    if error or app.builder.format != "html":
        return
    source = Path(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax"))
    static = Path(app.outdir, "_static")
    for name in FILES:
        target = static / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
    for folder in ["output/chtml/fonts/woff-v2", "input/tex/extensions"]:
        shutil.copytree(source / folder, static / "mathjax" / folder, dirs_exist_ok=True)
    for debris in static.rglob("*.map"):
        debris.unlink()


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_mathjax)
    app.connect("html-page-context", drop_idle_mathjax, priority=900)  # after Sphinx has added it
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
