"""Cells as IPython reads them."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

import toy
from coursekit.lessons.cells import LONGEST, as_python, is_blank, parsed, pieces, unwrapped

PLAIN = [
    "x = 1",
    "def f(x):\n    return x",
    "def f():\n    !ls\n    y = %time 1\n    return y",
    "text = '''\n%not_a_magic\n!ls\nwhy?\n'''",
    'text = """ends here"""',
    "y = (1,\n     2)",
    "y = [\n  '%',\n  # a bracket ( in a comment\n]",
    "z = 'it''s # no comment ('",
    "x = 1 + \\\n    2",
    "a = x != 2",
    "class A:\n    pass",
    "x = await f()",
]
IPYTHON = [
    "!ls -l",
    "!echo it's (",
    "!echo \\\n  two lines",
    "files = !ls *.py",
    "files = !ls \"*.py\"",
    "t = %timeit -o f(1)",
    "%matplotlib inline",
    "%config InlineBackend.figure_format = 'retina'",
    "np.tanh?",
    "?np.tanh",
    "np??",
    "%%time",
    "!!ls",
    ",f a b",
    "# a comment",
    "",
]  # fmt: skip


# A bracket that a shell line leaves open is open for IPython as well, and a help line further down takes all lines in
# between with it. Here they stay.
TAKEN = re.compile(r"^ *!echo it's \($(.|\n)*\?$", re.MULTILINE)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PLAIN + IPYTHON), min_size=1, max_size=8).map("\n".join), st.sampled_from(["", "    "]))
def test_a_cell_is_read_as_ipython_reads_it(source, indent):
    source = "\n".join(indent + line for line in source.split("\n")) if "'''" not in source else source
    assume(not TAKEN.search(source))
    made, wanted = as_python(source), TransformerManager().transform_cell(source)
    assert made.rstrip("\n") == wanted.rstrip("\n")


@pytest.mark.parametrize(
    "source", [">>> x = 1\n... y = 2", "In [3]: x = 1\n   ...: y = 2", "%%bash\nls", "\n\n%%time\n1"]
)
def test_prompts_and_cell_magics(source):
    assert as_python(source) == TransformerManager().transform_cell(source)


@pytest.mark.parametrize("line", ["%time x\n", "!ls (\n", "x?\n", "x = !ls\n", "'''\n%a\n'''\n", "(\n%a\n)\n", "? \n"])
def test_of_a_long_cell_ipython_sees_each_line_once(line, monkeypatch):
    seen, transform = [], TransformerManager.do_token_transforms
    monkeypatch.setattr(
        TransformerManager, "do_token_transforms", lambda self, lines: seen.append(lines) or transform(self, lines)
    )
    source = line * (LONGEST // len(line))
    as_python.__wrapped__(source)  # given whole, it would be read anew for each magic in it
    assert sum(len(line) for lines in seen for line in lines) <= len(source)


def test_what_does_not_parse_has_no_tree():
    assert parsed("x = (") is None
    assert parsed("x = 1\0") is None
    assert parsed("(" * 10_000) is None
    assert parsed("x" * (LONGEST + 1)) is None
    assert parsed("return 1", compiled=True) is None
    assert parsed("await f()", compiled=True) is not None
    assert parsed("x = !ls") is not None


UNWRAPPED = [
    ("%%time\nx = 1", "x = 1"),
    ("\n%%capture out\n\n%%time\nx = 1\n\n", "x = 1"),
    ("%%writefile a.py\nx = 1", "%%writefile a.py\nx = 1"),
    ("%%bash\nls", "%%bash\nls"),
    ("%matplotlib inline\nx = 1", "%matplotlib inline\nx = 1"),
    ("x = 1\n%%time\n", "x = 1\n%%time"),
    ("%python\n\nx = 1", "x = 1"),
    ("%%pyspark\n%%time\nx = 1", "x = 1"),
    ("%pythonic\nx = 1", "%pythonic\nx = 1"),
    ("%%time", ""),
    ("%%", "%%"),
]


@pytest.mark.parametrize(("source", "inside"), UNWRAPPED)
def test_a_cell_magic_around_python_is_taken_off(source, inside):
    assert unwrapped(source) == inside


def test_from_an_answer_any_cell_magic_is_taken_off():
    assert unwrapped("%%writefile answer.py\nx = 1", whatever=True) == "x = 1"


PIECES = [
    ("x = 1", ["x = 1"]),
    ("# why\n%%time\n#| exercise: 1.1\nx = 1", ["# why\n%%time\n#| exercise: 1.1\nx = 1"]),
    ("import math\n#| exercise: 1.1\nx = 1", ["import math", "#| exercise: 1.1\nx = 1"]),
    ("!ls\n#| exercise: 1.1\nx", ["!ls", "#| exercise: 1.1\nx"]),
    ("#| exercise: 1.1\nx\n\n#| exercise: 1.2\ny", ["#| exercise: 1.1\nx\n", "#| exercise: 1.2\ny"]),
    ("#| exercise: 1.1\n#| exercise: 1.2\ny", ["#| exercise: 1.1", "#| exercise: 1.2\ny"]),
    ("x = '''\n#| exercise: 1.1\n'''", ["x = '''\n#| exercise: 1.1\n'''"]),
    ("def f():\n    #| exercise: 1.1\n    return 1", ["def f():\n    #| exercise: 1.1\n    return 1"]),
    ("shown\n\nmine = 1", ["shown", "mine = 1"]),
    ("shown\nshown\nmine", ["shown", "shown", "mine"]),
    ("shown", ["shown"]),
    ("shown2", ["shown2"]),
    ("", [""]),
]


@pytest.mark.parametrize(("source", "parts"), PIECES)
def test_merged_cells_come_apart(source, parts):
    assert list(pieces(source, ["shown"])) == parts


BLANK = [
    "",
    "# a thought",
    toy.STUB_1,
    toy.STUB_1.replace("...", "pass"),
    toy.STUB_1.replace("...", "return None"),
    toy.STUB_1 + "\n\n# later",
    toy.STUB_1.replace("Sum of the squares of an array; returns a float.", "Quadratsumme eines Feldes"),
    toy.STUB_1.replace("def squares(values):", "def squares( values ) :  # hm"),
    "np.sum?\n" + toy.STUB_1,
    "!ls\n%matplotlib inline\n" + toy.STUB_1,
]


@pytest.mark.parametrize("source", BLANK)
def test_blank(source):
    assert is_blank(source, toy.STUB_1)


@pytest.mark.parametrize(
    "source",
    [toy.RIGHT_1, toy.STUB_1 + "\nx = 1", toy.STUB_2, "x", "x = !ls", "def squares(values: (", "y" * (LONGEST + 1)],
)
def test_not_blank(source):
    assert not is_blank(source, toy.STUB_1)


@pytest.mark.parametrize(
    ("source", "blank"), [("w = ...", True), ("w = None", True), ("w = 3", False), ("w = (", False)]
)
def test_a_gap_that_asks_for_a_value(source, blank):
    assert is_blank(source, "w = ...") == blank
