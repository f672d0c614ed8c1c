"""What lessons import: figures, the explorer, small models and data."""

from vanishing.style import figure, label_line, log_axis

__all__ = ["figure", "label_line", "log_axis"]
