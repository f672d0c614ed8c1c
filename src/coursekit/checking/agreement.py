"""Whether two encoded values agree: as numbers with a tolerance, whatever containers they came in."""

import math

import numpy as np

from coursekit.checking.values import leaves
from coursekit.checking.words import brief, describe, short

NUMBERS = ("i", "f", "c")


def differ(got, expected, rtol=1e-6, atol=1e-9):
    """Return None when two encoded values agree, else the sentence that says how they differ.

    Numbers agree when |got − expected| ≤ atol + rtol·|expected|; integers, text and shapes agree exactly; a float may
    stand where an integer is due and the other way round, float32 where float64, a complex number without an imaginary
    part where a real one is due. Lists and tuples are compared as the arrays that `numpy.asarray` makes of them. Two
    errors agree when type and message do: a known mistake's sentence is for that mistake, not for any ValueError.
    """
    a, b = got[0], expected[0]
    if a in NUMBERS and b in NUMBERS and len(a) == len(b) == 1:
        x, y = _number(got), _number(expected)
        return None if close(x, y, rtol, atol) else _unlike("got {}, expected {}", x, y)
    if a in ("a", "l") and b == "a":
        return _differ_grids(got, expected, rtol, atol)
    if a in ("a", "l") and b == "l":
        items, due = _items(got), _items(expected)
        if len(items) != len(due):
            return f"got {len(items)} items, expected {len(due)}"
        return _first(
            (f"item {k}: ", differ(x, y, rtol, atol)) for k, (x, y) in enumerate(zip(items, due, strict=True))
        )
    if a != b:
        return f"got {describe(got)}, expected {describe(expected)}"
    if a == "d":
        if got[1].keys() != expected[1].keys():
            return f"got the keys {_keys(got)}, expected {_keys(expected)}"
        return _first((f"{key}: ", differ(got[1][key], expected[1][key], rtol, atol)) for key in expected[1])
    if a == "raised":
        return None if got == expected else f"raised {describe(got)}, expected {describe(expected)}"
    if a == "late":
        return None if len(got) == len(expected) else f"{describe(got)}, expected {describe(expected)}"
    return None if got == expected else f"got {brief(got)}, expected {brief(expected)}"


def close(x, y, rtol, atol):
    """Whether two plain numbers agree; integers exactly, nan with nan, an infinity with itself."""
    if isinstance(x, int) and isinstance(y, int):
        return x == y
    if isinstance(x, complex) or isinstance(y, complex):
        x, y = complex(x), complex(y)
        if np.isfinite(x) and np.isfinite(y):
            return abs(x - y) <= atol + rtol * abs(y)
        return close(x.real, y.real, rtol, atol) and close(x.imag, y.imag, rtol, atol)
    x, y = float(x), float(y)
    if math.isfinite(x) and math.isfinite(y):
        return abs(x - y) <= atol + rtol * abs(y)
    return x == y or (math.isnan(x) and math.isnan(y))


def flaw(value):
    """The first number of an encoded value that is not finite, or text that reads as a number: its words, or None."""
    for leaf in leaves(value):
        for number in entries(leaf):
            if not np.isfinite(complex(number)):
                return f"{short(number)} is in it"
        if leaf[0] == "s" and _reads_as_number(leaf[1]):
            return f"{leaf[1].strip()[:20]!r} in it is text, not a number"
    return None


def same_outcomes(got, known, rtol, atol):
    """Whether an answer's outcomes are those of a known mistake, case by case."""
    return len(got) == len(known) and all(differ(x, y, rtol, atol) is None for x, y in zip(got, known, strict=True))


def _reads_as_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value):
    """The Python number of an encoded scalar."""
    if value[0] == "c":
        return complex(float(value[1]), float(value[2]))
    return value[1] if value[0] == "i" else float(value[1])


def entries(value):
    """The numbers of an encoded scalar or array, in order; none for anything else."""
    if value[0] in NUMBERS:
        return [_number(value)]
    if value[0] != "a":
        return []
    if "complex" in value[2]:
        return [complex(float(x), float(y)) for x, y in zip(*value[3], strict=True)]
    return [float(x) if isinstance(x, str) else x for x in value[3]]


def _grid(value):
    """(shape, numbers) of what `numpy.asarray` would make an array of; None for ragged lists, text, dicts."""
    if value[0] in NUMBERS:
        return (), [_number(value)]
    if value[0] == "a":
        return tuple(value[1]), entries(value)
    if value[0] != "l":
        return None
    parts = [_grid(item) for item in value[1]]
    if not parts:
        return (0,), []
    if any(part is None or part[0] != parts[0][0] for part in parts):
        return None
    return (len(parts), *parts[0][0]), [number for _, numbers in parts for number in numbers]


def _items(value):
    """The items of an encoded list, or of an array along its first axis, encoded."""
    if value[0] == "l":
        return value[1]
    shape, numbers = tuple(value[1]), entries(value)
    if len(shape) == 1:
        return [_scalar(number) for number in numbers]
    size = math.prod(shape[1:])
    cut = [numbers[k * size : (k + 1) * size] for k in range(shape[0])]
    if "complex" in value[2]:
        cut = [[[z.real for z in part], [z.imag for z in part]] for part in cut]
    return [["a", list(shape[1:]), value[2], part] for part in cut]


def _scalar(number):
    if isinstance(number, complex):
        return ["c", number.real, number.imag]
    return ["i" if isinstance(number, int) else "f", number]


def _differ_grids(got, expected, rtol, atol):
    grid = _grid(got)
    if grid is None:
        return f"got {describe(got)}, expected {describe(expected)}"
    (shape, numbers), (due, due_numbers) = grid, _grid(expected)
    if shape != due:
        return f"got shape {shape}, expected {due}"
    for k, (x, y) in enumerate(zip(numbers, due_numbers, strict=True)):
        if not close(x, y, rtol, atol):
            where = ", ".join(str(int(i)) for i in np.unravel_index(k, shape))
            return _unlike(f"entry [{where}] is {{}}, expected {{}}", x, y)
    return None


def _first(labelled):
    return next((label + text for label, text in labelled if text), None)


def _keys(value):
    names = ", ".join(sorted(value[1]))
    return names if len(names) <= 80 else names[:79] + "…"


def _unlike(sentence, x, y):
    """The sentence with both numbers at as many digits as it takes to tell them apart."""
    pairs = ((short(x, digits), short(y, digits)) for digits in (4, 6, 9, 12, 17))
    return sentence.format(*next((pair for pair in pairs if pair[0] != pair[1]), (x, y)))
