"""The engine: lessons with numbered gaps, filled, run, compared, recorded."""

from coursekit.checks import check

__all__ = ["check"]
