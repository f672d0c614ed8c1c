"""The engine: lessons with numbered gaps, filled, run, compared, recorded."""

import sys

# When nbformat is imported, jsonschema builds a grammar from this optional module: two seconds for nothing.
sys.modules.setdefault("rfc3987_syntax", None)

from coursekit.checks import check  # noqa: E402

__all__ = ["check"]
