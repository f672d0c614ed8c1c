"""What lessons import: figures, small models and data; `probe`, for any torch model. May not import `coursekit`."""

# Imported on first use, so that the probe alone needs no matplotlib.
_HOMES = {
    "Axis": "explorer", "Choice": "explorer", "Explorer": "explorer", "Slider": "explorer",
    "Bench": "bench", "figure": "style", "label_line": "style", "log_axis": "style",
}  # fmt: skip
__all__ = ["Axis", "Bench", "Choice", "Explorer", "Slider", "figure", "label_line", "log_axis"]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"vanishing.figures.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
