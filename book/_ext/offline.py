"""A book that asks no other host for anything: source maps, which point to what is not there, stay out of it."""

from pathlib import Path


def drop_maps(app, error) -> None:
    """Drop what no reader needs."""
    if not error and app.builder.format == "html":
        for debris in Path(app.outdir, "_static").rglob("*.map"):
            debris.unlink()


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("build-finished", drop_maps)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
