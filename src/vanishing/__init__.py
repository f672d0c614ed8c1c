"""What lessons import: figures, the explorer, small models and data."""

from vanishing.explorer import Axis, Choice, Explorer, Slider
from vanishing.style import figure, label_line, log_axis

__all__ = ["Axis", "Choice", "Explorer", "Slider", "figure", "label_line", "log_axis"]
