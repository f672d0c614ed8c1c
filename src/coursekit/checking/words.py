"""Encoded values in words: a few characters, a whole small array, or the name of a type."""

import math

MOST = 36  # entries of an array that is printed whole
WIDEST = 420  # characters of a value that is printed whole


def short(number, digits=4):
    """A number in a few characters."""
    if isinstance(number, complex):
        return f"{number.real:.{digits}g}{number.imag:+.{digits}g}j"
    if isinstance(number, int) and abs(number) < 10**9:
        return str(number)
    return f"{float(number):.{digits}g}"


def brief(value):
    """A few characters that show an encoded value to a person."""
    tag = value[0]
    if tag in ("i", "f"):
        return short(value[1])
    if tag == "s":
        return repr(value[1] if len(value[1]) <= 40 else value[1][:39] + "…")
    if tag == "c":
        return short(complex(float(value[1]), float(value[2])))
    if tag == "a" and "complex" not in value[2] and len(value[1]) == 1 and value[1][0] <= 4:
        return "[" + ", ".join(map(short, value[3])) + "]"
    if tag == "l" and len(value[1]) <= 4:
        return "[" + ", ".join(map(brief, value[1])) + "]"
    if tag == "d" and 0 < len(value[1]) <= 4:
        return ", ".join(f"{key}={brief(item)}" for key, item in value[1].items())
    return describe(value)


def whole(value, digits=4):
    """An encoded value as one would type it, where it is small: up to three dozen entries; else its description."""
    written = _whole(value, digits)
    return written if written is not None and len(written) <= WIDEST else describe(value)


def _whole(value, digits):
    tag = value[0]
    if tag in ("i", "f"):
        return short(value[1], digits)
    if tag == "c":
        return short(complex(float(value[1]), float(value[2])), digits)
    if tag == "s":
        return repr(value[1])
    if tag == "a":
        if math.prod(value[1]) > MOST:
            return None
        numbers = value[3]
        if "complex" in value[2]:
            numbers = [complex(float(x), float(y)) for x, y in zip(*value[3], strict=True)]
        return _nested(iter(numbers), value[1], digits)
    if tag in ("l", "d"):
        inside = value[1].values() if tag == "d" else value[1]
        parts = [_whole(item, digits) for item in inside]
        if len(parts) > MOST or None in parts:
            return None
        if tag == "d":
            return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(value[1], parts, strict=True)) + "}"
        return f"[{', '.join(parts)}]"
    return None


def _nested(numbers, shape, digits):
    if not shape:
        return short(next(numbers), digits)
    return "[" + ", ".join(_nested(numbers, shape[1:], digits) for _ in range(shape[0])) + "]"


def told_apart(got, expected):
    """Both values whole, at as many digits as it takes to tell them apart."""
    pairs = [(whole(got, digits), whole(expected, digits)) for digits in (4, 6, 9, 12, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def describe(value):
    """The type of an encoded value in words."""
    tag = value[0]
    if tag == "a":
        return f"an array of shape {tuple(value[1])}"
    if tag == "raised":
        return f"{value[1]}: {value[2]}" if value[2] else value[1]
    if tag == "unmeasured":
        return "what cannot be measured (" + describe(["raised", *value[1:]]) + ")"
    if tag == "late":
        return f"no answer within {value[1]:g} s"
    if tag == "other":
        return "a function" if value[1] == "function" else f"an object of type {value[1]}"
    if tag == "l":
        return f"a sequence of {len(value[1])} items"
    names = {"n": "None", "b": "a bool", "i": "an integer", "f": "a number", "c": "a complex number"}
    return names.get(tag) or {"s": "text", "d": "a dict"}[tag]
