"""The engine of a course of notebooks: it fills lessons' numbered gaps, and runs, compares and records them.

Imports only point down: `cli`, the command `course`, may import every wing; below it stand `publishing`, `grading`,
`learning`, `proving`, `lessons` and `checking`, each of which may import those after it. None imports `vanishing`.
"""

import sys

# When nbformat is imported, jsonschema builds a grammar from this optional module: two seconds for nothing.
sys.modules.setdefault("rfc3987_syntax", None)

__all__ = ["check", "guess", "whose"]


def __getattr__(name):
    # Imported on first use: `course --help` needs no NumPy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coursekit.checking.checks import check
    from coursekit.checking.guesses import guess
    from coursekit.checking.toolbox import whose

    return {"check": check, "guess": guess, "whose": whose}[name]
