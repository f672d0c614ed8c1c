"""`essential`: the cells that checks need, and only those."""

import pytest

import toy
from coursekit.lessons.slices import alone, essential, imports_apart, names_of, within_reach

NAMES = [
    ("x = y", {"x"}, {"y"}),
    ("x = 1\ny = x + z", {"x", "y"}, {"z"}),
    ("y = x + 1\nx = 1", {"x", "y"}, {"x"}),
    ("y = [x for x in z]", {"y"}, {"z"}),
    ("x: int = y", {"x"}, {"int", "y"}),
    ("x += 1", {"x"}, {"x"}),
    ("x[0] = 1\nz.a.b = 2", {"x", "z"}, {"x", "z"}),
    ("x.append(1)", {"x"}, {"x"}),
    ("y = x.copy()", {"y"}, {"x"}),
    ("def f(a=b):\n    c = d\n    return c", {"f"}, {"b", "d"}),
    ("@wrap\nclass A(B):\n    c = d\n    e.f = 1", {"A"}, {"wrap", "B", "d", "e"}),
    ("import a.b, c as d\nfrom e import f as g, h", {"a", "d", "g", "h"}, {"file a.py", "file c.py", "file e.py"}),
    ("for k in range(3):\n    with open(k) as f:\n        pass", {"k", "f"}, {"range", "open"}),
    ("f = lambda a: (b := a)", {"f"}, set()),
    ("%matplotlib inline\n!ls\nx = 1", {"x"}, set()),
    ("x = (", set(), set()),
    ("x = 1\0", set(), set()),
]


@pytest.mark.parametrize(("source", "defined", "used"), NAMES)
def test_names(source, defined, used):
    assert names_of(source) == (defined, used)


CELLS = [
    "Prose.",
    ("code", "import numpy as np\n\nfrom coursekit import check"),
    ("code", "scale = [2.0]"),
    ("code", "scale[0] = base"),
    ("code", "unrelated = 1"),
    ("code", "base = 3.0"),
    ("code", "def helper(x):\n    return x * scale[0]"),
    ("code", "#| exercise: 1.1\ndef one(x):\n    return helper(x)"),
    ("code", "#| check: 1.1\ncheck('1.1', one)"),
    ("code", "#| exercise: 1.2\ndef two(x):\n    return one(x)"),
    ("code", "#| check: 1.2\ncheck('1.2', two)"),
    ("code", "#| exercise: 1.3\ndef three(x):\n    return x"),
    ("code", "#| check: 1.3\ncheck('1.3', three)"),
    ("code", "print(one(1), unrelated)"),
]


def kept(*exercises):
    book = toy.notebook(CELLS)
    part = essential(book, exercises or None)
    assert len(book.cells) == len(CELLS)
    return {cell.source for cell in part.cells}


def test_all_checks_keep_what_they_need():
    assert kept() == {c[1] for c in CELLS if c[0] == "code"} - {"unrelated = 1", "print(one(1), unrelated)"}


def test_one_check_keeps_the_answers_that_it_stands_on():
    assert {c[1] for c in CELLS[9:11]} <= kept("1.2")
    assert CELLS[7][1] in kept("1.2")
    assert CELLS[8][1] not in kept("1.2")
    assert kept("1.3") == {CELLS[1][1], *(c[1] for c in CELLS[11:13])}


def test_a_notebook_without_code_has_nothing_essential():
    assert essential(toy.notebook(["Prose."])).cells == []


# What a check needs, and nothing beside


DEMONSTRATED = [
    ("code", "import numpy as np"),
    ("code", "rng = np.random.default_rng(0)\nprint(rng.normal())"),
    ("code", "import math\nfrom fractions import (\n    Fraction,\n)\n\nshown = rng.normal()\nprint(math.pi, shown)"),
    ("code", "half = 1.0\nnp.testing.assert_allclose(half, 1.0)"),
    ("code", "half = 0.5"),
    ("code", "def scaled(x):\n    return x * factor"),
    ("code", "factor = 1.0"),
    ("code", "factor = 2.0"),
    ("code", "#| exercise: 1.1\ndef one(x):\n    return scaled(x) * half"),
    ("code", "#| check: 1.1\ncheck('1.1', one, lambda rng: dict(x=Fraction(math.pi)))"),
    ("code", "half, factor = 9.0, 9.0"),
]


def needed(cells, exercise="1.1"):
    book = imports_apart(toy.notebook(cells))
    return [cell.source for cell in alone(book, toy.make_lesson(cells))[exercise]]


def test_a_check_needs_the_last_definition_before_it_and_no_demonstration():
    assert needed(DEMONSTRATED) == [
        "import numpy as np",
        "import math\nfrom fractions import (\n    Fraction,\n)",
        "half = 0.5",
        "def scaled(x):\n    return x * factor",
        "factor = 2.0",
        *(c[1] for c in DEMONSTRATED[8:10]),
    ]


def test_a_definition_that_builds_on_another_brings_it_along():
    cells = [*DEMONSTRATED[:4], ("code", "half = half / 2"), ("code", "half *= 1"), *DEMONSTRATED[5:]]
    assert [source for source in needed(cells) if "half" in source and "=" in source][:3] == [
        "half = 1.0\nnp.testing.assert_allclose(half, 1.0)",
        "half = half / 2",
        "half *= 1",
    ]


def test_imports_stand_apart_and_the_rest_stays_in_order():
    cells = [
        ("code", "import numpy as np\nx = 1"),
        ("code", "y = 2\nimport math\nz = 3"),
        ("code", "import math"),
        ("code", "broken ("),
        ("code", "#| exercise: 1.1\nimport math\ndef one(x): ..."),
        "Prose.",
    ]
    apart = imports_apart(toy.notebook(cells))
    assert [cell.source for cell in apart.cells] == [
        "import numpy as np\nx = 1",
        "import math",
        "y = 2\nz = 3",
        "import math",
        "broken (",
        "#| exercise: 1.1\nimport math\ndef one(x): ...",
        "Prose.",
    ]
    assert len({cell.id for cell in apart.cells}) == len(apart.cells)


def test_what_no_answer_can_affect_is_out_of_reach():
    sources = [
        "import numpy as np",
        "start = np.ones(2)",
        "print(start)",
        "#| exercise: 1.1\ndef half(x):\n    ...",
        "#| check: 1.1\ncheck('1.1', half)",
        "def quarter(x):\n    return half(half(x))",
        "scale = 3",
        "print(scale)",
        "shown = [quarter(start)]",
        "print(np.pi)",
        "print(shown, scale)",
    ]
    made = toy.notebook([("code", source) for source in sources])
    assert [cell.source for cell in within_reach(made).cells] == [sources[k] for k in (0, 1, 3, 4, 5, 6, 8, 10)]
