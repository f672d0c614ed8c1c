"""Values as plain JSON: written without trusting the object.

A value becomes a tagged list, so that its type survives the journey out of the kernel:
`["f", 0.5]`, `["i", 3]`, `["s", "relu"]`, `["a", [2], "float64", [0.1, 0.2]]`, `["l", [...]]`, `["d", {...}]`,
`["b", true]`, `["c", 1.0, -1.0]`, `["n"]`. What went wrong is a value too: `["raised", "ValueError", "message"]`,
`["late", 5.0]`, `["unmeasured", "ValueError", "message"]`, `["other", "Linear"]`.
"""

import math
import sys

import numpy as np

from coursekit.checking.marks import clean

MAX_ITEMS = 100_000
MAX_TEXT = 10_000
MAX_DEPTH = 8
PLAIN = frozenset("bifscald")  # tags of values that can be made again from their encoding
BFLOAT16 = "bfloat16"  # which torch has and NumPy has not: its numbers travel as float32
SCALARS = tuple(set(np.sctypeDict.values()))


def encode(value):
    """Return `value` as tagged JSON; a type that has no tag becomes `["other", type name]`.

    Exact builtin, NumPy and torch types are read, compared with `is`, since a metaclass could answer to `==`. A
    subclass of list, tuple or dict, such as a namedtuple, is read by the methods of that builtin: its own are never
    called.
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
        name = BFLOAT16 if torch.Tensor.dtype.__get__(value) is torch.bfloat16 else ""
        return _encode_array(_numpy(torch, value), depth, room, name)
    base = next((base for base in (list, tuple, dict, range) if any(base is up for up in _ancestors(kind))), None)
    if not depth or base is None or base.__len__(value) > room[0]:
        return ["other", type_name(value)]
    if base is not dict:
        return ["l", [_encode(item, depth - 1, room) for item in base.__iter__(value)]]
    items = list(dict.items(value))
    if any(type(key) is not str for key, _ in items):
        return ["other", type_name(value)]
    return ["d", {clean(key): _encode(item, depth - 1, room) for key, item in sorted(items, key=lambda pair: pair[0])}]


def decode(value):
    """The plain value that an encoding stands for: lists for tuples, NumPy arrays for tensors; else ValueError.

    The encoding may be untrusted: nothing that it names is called.
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
    if tag == "a" and rest[1] == BFLOAT16:
        return decode(["a", rest[0], "float32", rest[2]])
    if tag == "a" and np.dtype(rest[1]).kind in "biufc":
        parts = rest[2] if "complex" in rest[1] else [rest[2], [0.0]]
        real, imaginary = (np.array([float(x) if type(x) is str else x for x in part]) for part in parts)
        return (real + 1j * imaginary if "complex" in rest[1] else real).astype(rest[1]).reshape(rest[0])
    raise ValueError(f"{str(tag)[:20]} stands for no plain value")


def _ancestors(kind):
    """The types that a type derives from, asked of `type` itself and not of a metaclass."""
    return type.__dict__["__mro__"].__get__(kind)


def type_name(value):
    """The name of a value's type, asked of `type` itself and not of a metaclass."""
    return clean(type.__dict__["__name__"].__get__(type(value)))


def _numpy(torch, tensor):
    """A tensor as an array, through the class: an instance may carry a `detach` of its own."""
    plain = torch.Tensor.resolve_neg(torch.Tensor.resolve_conj(torch.Tensor.cpu(torch.Tensor.detach(tensor))))
    return torch.Tensor.numpy(plain.float() if plain.dtype == torch.bfloat16 else plain)


def _encode_array(array, depth, room, name=""):
    name = name or str(array.dtype)
    if array.ndim == 0 and array.dtype.kind in "biufcU":
        # `item()` of a long double is a long double again.
        wide = {"f": np.float64, "c": np.complex128}.get(array.dtype.kind)
        return _encode((array.astype(wide) if wide else array).item(), depth, room)
    room[0] -= array.size
    if room[0] >= 0 and depth and array.dtype.kind == "U":
        return _encode(array.tolist(), depth, room)
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


def leaves(value):
    """The encoded values that are not a list or a dict, at any depth."""
    inside = {"l": list, "d": dict.values}.get(value[0])
    return [leaf for item in inside(value[1]) for leaf in leaves(item)] if inside else [value]
