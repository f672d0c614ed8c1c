"""Values as plain JSON: written without trusting the object, compared with tolerance.

A value becomes a tagged list, so that its type survives the journey out of the kernel:
`["f", 0.5]`, `["i", 3]`, `["s", "relu"]`, `["a", [2], "float64", [0.1, 0.2]]`, `["l", [...]]`, `["d", {...}]`,
`["b", true]`, `["c", 1.0, -1.0]`, `["n"]`. What went wrong is a value too: `["raised", "ValueError", "message"]`,
`["late", 5.0]`, `["unmeasured", "ValueError", "message"]`, `["other", "Linear"]`.
"""

import math
import sys

import numpy as np

MAX_ITEMS = 100_000
MAX_TEXT = 10_000
MAX_DEPTH = 8
PLAIN = frozenset("bifscald")  # tags of values that can be made again from their encoding
SCALARS = tuple(set(np.sctypeDict.values()))


def encode(value):
    """Return `value` as tagged JSON; a type that has no tag becomes `["other", type name]`.

    Only exact builtin, NumPy and torch types are read: a subclass could answer with methods of its own, and a
    metaclass could answer to `==`, so types are compared with `is`.
    """
    return _encode(value, MAX_DEPTH, [MAX_ITEMS])


def _encode(value, depth, room):
    """`room` holds how many more items the whole value may have: a list can contain itself, or one list twice."""
    kind = type(value)
    room[0] -= 1
    if room[0] < 0:
        return ["other", f"{type_name(value)} in a value of over {MAX_ITEMS} items"]
    if value is None:
        return ["n"]
    if kind is bool:
        return ["b", value]
    if kind is int:
        return ["i", value] if abs(value) < 10**300 else ["other", "int with over 300 digits"]
    if kind is float:
        return ["f", _plain(value)]
    if kind is str:
        return ["s", clean(value[:MAX_TEXT])]
    if kind is complex:
        return ["c", _plain(value.real), _plain(value.imag)]
    if kind is np.ndarray or any(kind is scalar for scalar in SCALARS):
        return _encode_array(np.asarray(value), depth, room)
    torch = sys.modules.get("torch")
    if torch is not None and (kind is torch.Tensor or kind is torch.nn.Parameter):
        return _encode_array(_numpy(torch, value), depth, room)
    if depth and (kind is list or kind is tuple) and len(value) <= room[0]:
        return ["l", [_encode(item, depth - 1, room) for item in value]]
    if depth and kind is dict and len(value) <= room[0] and all(type(key) is str for key in value):
        return ["d", {clean(key): _encode(value[key], depth - 1, room) for key in sorted(value)}]
    return ["other", type_name(value)]


def decode(value):
    """The plain value that an encoding stands for: lists for tuples, NumPy arrays for tensors; ValueError for none.

    The encoding may be a stranger's: nothing is called that it names.
    """
    tag, *rest = value
    if tag == "n":
        return None
    if tag in ("b", "i", "s") and type(rest[0]) is {"b": bool, "i": int, "s": str}[tag]:
        return rest[0]
    if tag == "f":
        return float(rest[0])
    if tag == "c":
        return complex(float(rest[0]), float(rest[1]))
    if tag == "l":
        return [decode(item) for item in rest[0]]
    if tag == "d":
        return {str(key): decode(item) for key, item in rest[0].items()}
    if tag == "a" and np.dtype(rest[1]).kind in "biufc":
        parts = rest[2] if "complex" in rest[1] else [rest[2], [0.0]]
        real, imaginary = (np.array([float(x) if type(x) is str else x for x in part]) for part in parts)
        return (real + 1j * imaginary if "complex" in rest[1] else real).astype(rest[1]).reshape(rest[0])
    raise ValueError(f"{str(tag)[:20]} stands for no plain value")


def type_name(value):
    """The name of a value's type, asked of `type` itself and not of a metaclass."""
    return clean(type.__dict__["__name__"].__get__(type(value)))


def clean(text):
    """Text that UTF-8 can write: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _numpy(torch, tensor):
    """A tensor as an array, through the class: an instance may carry a `detach` of its own."""
    plain = torch.Tensor.resolve_neg(torch.Tensor.resolve_conj(torch.Tensor.cpu(torch.Tensor.detach(tensor))))
    return torch.Tensor.numpy(plain.float() if plain.dtype == torch.bfloat16 else plain)


def _encode_array(array, depth, room):
    name = str(array.dtype)
    if array.ndim == 0 and array.dtype.kind in "biufcU":
        # `item()` of a long double is a long double again.
        wide = {"f": np.float64, "c": np.complex128}.get(array.dtype.kind)
        return _encode((array.astype(wide) if wide else array).item(), depth, room)
    room[0] -= array.size
    if room[0] < 0 or array.dtype.kind not in "biufc":
        return ["other", f"array of {array.size} {name}"]
    if array.dtype.kind == "c":
        return ["a", list(array.shape), name, [_numbers(array.real), _numbers(array.imag)]]
    return ["a", list(array.shape), name, _numbers(array)]


def _numbers(array):
    array = array.astype(np.float64) if array.dtype.kind == "f" else array
    return [_plain(number) for number in array.ravel().tolist()]


def _plain(number):
    """A number that strict JSON can hold."""
    if isinstance(number, float) and not math.isfinite(number):
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    return number


def rounded(value, digits=10):
    """`value` with its floats at `digits` significant digits, the same text on any machine's last bit."""
    if isinstance(value, float):
        short = float(f"{value:.{digits}g}")
        return short if math.isfinite(short) else value
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return value


def differ(got, expected, rtol=1e-6, atol=1e-9):
    """Return None when two encoded values agree, else the sentence that says how they differ.

    Numbers agree when |got − expected| ≤ atol + rtol·|expected|; integers, text and shapes agree exactly;
    a float may stand where an integer is due and the other way round, float32 where float64. Two errors agree
    when type and message do: a known mistake's sentence is for that mistake, not for any ValueError.
    """
    a, b = got[0], expected[0]
    if a in "if" and b in "if" and len(a) == len(b) == 1:
        if close(got[1], expected[1], rtol, atol):
            return None
        return _unlike("got {}, expected {}", got[1], expected[1])
    if a != b:
        return f"got {describe(got)}, expected {describe(expected)}"
    if a == "a":
        return _differ_arrays(got, expected, rtol, atol)
    if a == "l":
        if len(got[1]) != len(expected[1]):
            return f"got {len(got[1])} items, expected {len(expected[1])}"
        return _first(
            (f"item {k}: ", differ(x, y, rtol, atol)) for k, (x, y) in enumerate(zip(got[1], expected[1], strict=True))
        )
    if a == "d":
        if got[1].keys() != expected[1].keys():
            return f"got the keys {_keys(got)}, expected {_keys(expected)}"
        return _first((f"{key}: ", differ(got[1][key], expected[1][key], rtol, atol)) for key in expected[1])
    if a == "c":
        same = all(close(x, y, rtol, atol) for x, y in zip(got[1:], expected[1:], strict=True))
        return None if same else f"got {brief(got)}, expected {brief(expected)}"
    if a == "raised":
        return None if got == expected else f"raised {describe(got)}, expected {describe(expected)}"
    if a == "late":
        return None
    return None if got == expected else f"got {brief(got)}, expected {brief(expected)}"


def _first(labelled):
    return next((label + text for label, text in labelled if text), None)


def _differ_arrays(got, expected, rtol, atol):
    if got[1] != expected[1]:
        return f"got shape {tuple(got[1])}, expected {tuple(expected[1])}"
    if ("complex" in got[2]) != ("complex" in expected[2]):
        return f"got {got[2]}, expected {expected[2]}"
    flat_got, flat_expected = got[3], expected[3]
    if "complex" in got[2]:
        flat_got, flat_expected = [*got[3][0], *got[3][1]], [*expected[3][0], *expected[3][1]]
    for k, (x, y) in enumerate(zip(flat_got, flat_expected, strict=True)):
        if not close(x, y, rtol, atol):
            where = ", ".join(str(int(i)) for i in np.unravel_index(k % math.prod(got[1]), got[1]))
            return _unlike(f"entry [{where}] is {{}}, expected {{}}", x, y)
    return None


def _keys(value):
    names = ", ".join(sorted(value[1]))
    return names if len(names) <= 80 else names[:79] + "…"


def close(x, y, rtol, atol):
    """Whether two plain numbers agree; integers exactly, nan with nan, an infinity with itself."""
    if isinstance(x, int) and isinstance(y, int):
        return x == y
    x, y = float(x), float(y)
    if math.isfinite(x) and math.isfinite(y):
        return abs(x - y) <= atol + rtol * abs(y)
    return x == y or (math.isnan(x) and math.isnan(y))


def _unlike(sentence, x, y):
    """The sentence with both numbers at as many digits as it takes to tell them apart."""
    pairs = ((_short(x, digits), _short(y, digits)) for digits in (4, 6, 9, 12, 17))
    return sentence.format(*next((pair for pair in pairs if pair[0] != pair[1]), (x, y)))


def _short(number, digits=4):
    if isinstance(number, int) and abs(number) < 10**9:
        return str(number)
    return f"{float(number):.{digits}g}"


def leaves(value):
    """The encoded values that are not a list or a dict, at any depth."""
    inside = {"l": list, "d": dict.values}.get(value[0])
    return [leaf for item in inside(value[1]) for leaf in leaves(item)] if inside else [value]


def brief(value):
    """A few characters that show an encoded value to a person."""
    tag = value[0]
    if tag in ("i", "f"):
        return _short(value[1])
    if tag == "s":
        return repr(value[1] if len(value[1]) <= 40 else value[1][:39] + "…")
    if tag == "c":
        return f"{_short(value[1])}{float(value[2]):+.4g}j"
    if tag == "a" and "complex" not in value[2] and len(value[1]) == 1 and value[1][0] <= 4:
        return "[" + ", ".join(map(_short, value[3])) + "]"
    if tag == "l" and len(value[1]) <= 4:
        return "(" + ", ".join(map(brief, value[1])) + ")"
    if tag == "d" and 0 < len(value[1]) <= 4:
        return ", ".join(f"{key}={brief(item)}" for key, item in value[1].items())
    return describe(value)


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
        return f"an object of type {value[1]}"
    if tag == "l":
        return f"a sequence of {len(value[1])} items"
    names = {"n": "None", "b": "a bool", "i": "an integer", "f": "a number", "c": "a complex number"}
    return names.get(tag) or {"s": "text", "d": "a dict"}[tag]
