"""Values: written without asking the object, strict JSON, compared with tolerance."""

import json
import math
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.checking.agreement import differ
from coursekit.checking.values import MAX_ITEMS, encode, leaves, rounded
from coursekit.checking.words import brief

LOOP = []
LOOP.append(LOOP)

Pair = namedtuple("Pair", "low high")
ENCODED = [
    (None, ["n"]),
    (True, ["b", True]),
    (np.True_, ["b", True]),
    (3, ["i", 3]),
    (np.int8(-3), ["i", -3]),
    (0.5, ["f", 0.5]),
    (math.nan, ["f", "nan"]),
    (-math.inf, ["f", "-inf"]),
    (np.float32(0.5), ["f", 0.5]),
    (np.longdouble(0.5), ["f", 0.5]),
    (1 - 2j, ["c", 1.0, -2.0]),
    (np.complex64(1j), ["c", 0.0, 1.0]),
    ("relu", ["s", "relu"]),
    ("\ud800", ["s", "?"]),
    (np.str_("relu"), ["s", "relu"]),
    (np.array(2.0), ["f", 2.0]),
    (np.array([1, 2]), ["a", [2], "int64", [1, 2]]),
    (np.array([1.5], dtype=np.longdouble), ["a", [1], str(np.dtype(np.longdouble)), [1.5]]),
    (np.array([[1j]]), ["a", [1, 1], "complex128", [[0.0], [1.0]]]),
    (np.zeros((0, 3)), ["a", [0, 3], "float64", []]),
    (torch.tensor([0.5]), ["a", [1], "float32", [0.5]]),
    (torch.tensor([0.5], dtype=torch.bfloat16), ["a", [1], "bfloat16", [0.5]]),
    (torch.nn.Parameter(torch.tensor(2.0)), ["f", 2.0]),
    (torch.tensor([1j]).conj(), ["a", [1], "complex64", [[0.0], [-1.0]]]),
    ((1, [2.0]), ["l", [["i", 1], ["l", [["f", 2.0]]]]]),
    ({"b": 1, "a": None}, ["d", {"a": ["n"], "b": ["i", 1]}]),
    ({1: 2}, ["other", "dict"]),
    ({1, 2}, ["other", "set"]),
    (np.array(["a"]), ["l", [["s", "a"]]]),
    (Pair(1, 2.0), ["l", [["i", 1], ["f", 2.0]]]),
    (torch.Size([2, 3]), ["l", [["i", 2], ["i", 3]]]),
    (OrderedDict(b=1, a=2), ["d", {"a": ["i", 2], "b": ["i", 1]}]),
    (range(2), ["l", [["i", 0], ["i", 1]]]),
    (np.array([object()]), ["other", "array of 1 object"]),
    (10**400, ["other", "int with over 300 digits"]),
]


@pytest.mark.parametrize(("value", "expected"), ENCODED)
def test_encode(value, expected):
    got = encode(value)
    assert got == expected
    assert json.loads(json.dumps(got, allow_nan=False)) == expected
    json.dumps(got, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("value", [[[0] * 1000] * 1000, [LOOP, LOOP], np.zeros(MAX_ITEMS + 1), [0] * (MAX_ITEMS + 1)])
def test_encode_ends(value):
    got = encode(value)
    assert len(leaves(got)) <= MAX_ITEMS
    assert any(leaf[0] == "other" for leaf in leaves(got))


ASKED = []


class Liar(type):
    """A metaclass that answers everything, and remembers being asked."""

    def __eq__(cls, other):
        ASKED.append("type ==")
        return True

    def __hash__(cls):
        ASKED.append("type hash")
        return 1

    def __getattribute__(cls, name):
        ASKED.append(f"type .{name}")
        return "numpy" if name == "__module__" else type.__getattribute__(cls, name)


def asks(name):
    def method(self, *args, **kwargs):
        ASKED.append(name)
        raise RuntimeError(name)

    return method


METHODS = "eq ne lt hash repr str format float int bool index abs len iter getitem getattr getattribute array"
METHODS = [f"__{name}__" for name in METHODS.split()] + [
    "__array_ufunc__",
    "__torch_function__",
    "tolist",
    "item",
    "keys",
]


@pytest.mark.parametrize("base", [float, int, str, list, tuple, dict, np.ndarray, np.float64, torch.Tensor, object])
def test_a_subclass_is_asked_nothing(base):
    meta = Liar if type(base) is type else type("Meta", (Liar, type(base)), {})
    tricky = meta("Tricky", (base,), {name: asks(name) for name in METHODS})
    value = base.__new__(tricky, 1) if base is np.ndarray else base.__new__(tricky)
    ASKED.clear()
    got = encode(value)
    read = {list: ["l", []], tuple: ["l", []], dict: ["d", {}]}
    assert (got, ASKED) == (read.get(base, ["other", "Tricky"]), [])


def test_a_tensor_is_read_by_its_class():
    tensor = torch.tensor([1.0])
    tensor.detach = lambda: torch.tensor([2.0])
    assert encode(tensor) == ["a", [1], "float32", [1.0]]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_every_plain_value_survives_the_journey(value):
    sent = encode(value)
    arrived = json.loads(json.dumps(sent, allow_nan=False))
    assert arrived == sent
    assert differ(arrived, sent) is None
    assert differ(rounded(arrived), sent) is None
    assert brief(arrived)


AGREE = [
    (1.0, 1.0 + 1e-7),
    (508, 508.0),
    (508.0, 508),
    (math.nan, math.nan),
    (math.inf, math.inf),
    (np.float32(0.1), 0.1),
    (np.array([1, 2]), np.array([1.0, 2.0])),
    ([1.0, 2], (1.0, 2)),
    ([1.0], np.array([1.0])),
    (np.array([1.0]), (1.0,)),
    ([[1, 2], (3, 4.0)], np.array([[1.0, 2.0], [3.0, 4.0]])),
    (np.array([[1.0, 2.0], [3.0, 4.0]]), ([1.0, 2.0], np.array([3.0, 4.0]))),
    ([torch.tensor(1.0), np.float32(2.0)], np.array([1.0, 2.0])),
    (Pair(1.0, 2.0), [1.0, 2.0]),
    ([], np.array([])),
    (1 + 0j, 1.0),
    (np.array([1 + 1e-12j]), [1.0]),
    (np.zeros(2), np.zeros(2) * 1j),
    ("a", "a"),
    (True, True),
]
DIFFER = [
    (5_000_000, 5_000_001, "got 5000000, expected 5000001"),
    (np.array([5_000_000]), np.array([5_000_001]), "entry [0] is 5000000, expected 5000001"),
    (10**12, 10**12 + 1, "got 1000000000000, expected 1000000000001"),
    (3.14159, 3.1416, "got 3.14159, expected 3.1416"),
    (1, 1.00001, "got 1, expected 1.00001"),
    (math.nan, 1.0, "got nan, expected 1"),
    (math.inf, -math.inf, "got inf, expected -inf"),
    (None, 1.0, "got None, expected a number"),
    (True, 1, "got a bool, expected an integer"),
    ("1", 1, "got text, expected an integer"),
    (1.0, np.array([1.0]), "got a number, expected an array of shape (1,)"),
    ([1.0], 1.0, "got a sequence of 1 items, expected a number"),
    ([1.0, 2.0], np.array([1.0]), "got shape (2,), expected (1,)"),
    ([[1.0], [1.0, 2.0]], np.zeros((2, 2)), "got a sequence of 2 items, expected an array of shape (2, 2)"),
    (np.array([1.0, 2.5]), (1.0, 2.0), "item 1: got 2.5, expected 2"),
    (np.array([[1.0, 2.5]]), (np.array([1.0, 2.0]),), "item 0: entry [1] is 2.5, expected 2"),
    (np.array([[1.0, 2.5j]]), (np.array([1.0, 2.0j]),), "item 0: entry [1] is 0+2.5j, expected 0+2j"),
    (np.array([1.0]), {"a": 1.0}, "got an array of shape (1,), expected a dict"),
    (np.zeros((2, 3)), np.zeros((3, 2)), "got shape (2, 3), expected (3, 2)"),
    (np.zeros((2, 2)), np.eye(2), "entry [0, 0] is 0, expected 1"),
    (np.ones(2), np.ones(2) * 1j, "entry [0] is 1, expected 0+1j"),
    (np.array([1j, 2j]), np.array([1j, 3j]), "entry [1] is 0+2j, expected 0+3j"),
    (1j, 2j, "got 0+1j, expected 0+2j"),
    ([1, 2], [1, 2, 3], "got 2 items, expected 3"),
    ([1, (2, 3)], [1, (2, 4)], "item 1: item 1: got 3, expected 4"),
    ({"a": 1}, {"b": 1}, "got the keys a, expected b"),
    ({"a": 1}, {"a": 2}, "a: got 1, expected 2"),
    ("relu", "tanh", "got 'relu', expected 'tanh'"),
    (object(), 1, "got an object of type object, expected an integer"),
]


@pytest.mark.parametrize(("got", "expected"), AGREE)
def test_agree(got, expected):
    assert differ(encode(got), encode(expected)) is None


@pytest.mark.parametrize(("got", "expected", "sentence"), DIFFER, ids=[sentence for *_, sentence in DIFFER])
def test_differ(got, expected, sentence):
    assert differ(encode(got), encode(expected)) == sentence


def test_tolerance_is_the_one_given():
    assert differ(["f", 1.01], ["f", 1.0], rtol=0.011, atol=0) is None
    assert differ(["f", 1.01], ["f", 1.0], rtol=0.009, atol=0)
    assert differ(["f", 1e-10], ["f", 0.0]) is None
    assert differ(["f", 1e-10], ["f", 0.0], atol=0)


def test_errors_agree_by_type_and_message():
    assert differ(["raised", "ValueError", "a"], ["raised", "ValueError", "a"]) is None
    assert differ(["raised", "ValueError", "a"], ["raised", "ValueError", "b"])
    assert differ(["raised", "TypeError", "a"], ["raised", "ValueError", "a"])
    assert differ(["late", 5.0], ["late", 1.0]) is None
