"""The toolbox: right answers are taken out of a notebook with what they need, kept, and lent to later lessons."""

import importlib
import sys
import types

import numpy as np
import pytest

from coursekit.checking.toolbox import TOOLBOX, Unmovable, keep, lend, moved, tools, whose

ANSWER = """
#| exercise: 7.5
def double(x):
    # twice
    return 2 * x
"""


class Notebook:
    """Cells that ran, in order, and the names that they have made."""

    def __init__(self, *cells):
        self.names = {"__name__": "__main__"}
        self.history_manager = types.SimpleNamespace(input_hist_parsed=[""])
        for cell in cells:
            self.run(cell)

    @property
    def user_ns(self):
        return self.names

    def run(self, cell):
        self.history_manager.input_hist_parsed.append(cell)
        exec(compile(cell, "cell", "exec"), self.names)

    def moved(self, name="f"):
        return moved("1.1", name, self.history_manager.input_hist_parsed, self.names)


@pytest.fixture
def notebook(monkeypatch, tmp_path):
    """A notebook whose right answers go to a toolbox in tmp_path."""
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: notebook))
    monkeypatch.setenv(TOOLBOX, str(tmp_path / "toolbox.py"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toolbox", raising=False)
    yield notebook
    sys.modules.pop("toolbox", None)


def put(notebook, exercise, cell, name, agrees=lambda function: True):
    notebook.run(cell)
    return keep(exercise, notebook.names[name], agrees)


def run(tool):
    made = {}
    exec(tool.code, made)
    return made


# What an answer needs


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (["import numpy as np", "def f(x):\n    return float(np.sqrt(x))"], 2.0),
        (["import numpy as np, math", "def f(x):\n    return math.sqrt(x)"], 2.0),
        (["from math import sqrt as root, pi", "def f(x):\n    return root(x)"], 2.0),
        (["from math import *", "def f(x):\n    return sqrt(x)"], 2.0),
        (["import os.path", "def f(x):\n    return os.path.join(str(x), 'a')"], "4/a"),
        (["def g(x):\n    return x + K", "K = 3", "def f(x):\n    return g(x)"], 7),
        (["import numpy as np", "W = np.array([1.0, 2.0])", "def f(x):\n    return (W * x).sum()"], 12.0),
        (["import numpy as np", "EPS = np.finfo(float).eps", "def f(x):\n    return x + EPS"], 4 + 2.0**-52),
        (
            ["def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n > 0 and even(n - 1)\nf = even"],
            True,
        ),
        (
            [
                "class Twice:\n    k = 2\n    def of(self, x):\n        return self.k * x",
                "def f(x):\n    return Twice().of(x)",
            ],
            8,
        ),
        (["import functools", "@functools.cache\ndef f(x):\n    return x"], 4),
        (["from functools import partial", "def g(a, x):\n    return a * x", "f = partial(g, 5)"], 20),
        (["f = lambda x: x - 1"], 3),
        (["D = 5", "def f(x, d=D):\n    return x + d"], 9),
        (["sum = max", "def f(x):\n    return sum(x, 9)"], 9),
        (["x = object()", "def f(x):\n    return [x for x in (x,)][0]"], 4),
        (["def f(x):\n    return -x", "def f(x):\n    return x"], 4),
        (["def f(x):\n    if x < 0:\n        return nothing\n    return x"], 4),
    ],
)
def test_an_answer_is_moved_with_what_it_needs(cells, value):
    made = run(Notebook(*cells).moved())
    assert made["f"](4) == value


def test_comments_stay_and_nothing_else_comes_along():
    notebook = Notebook("import numpy as np\nimport math", "other = 3", ANSWER.strip().replace("double", "f"))
    assert notebook.moved().code == "def f(x):\n    # twice\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["things = object()", "def f(x):\n    return things"], "it needs `things`, which only this notebook has"),
        (["import numpy as np", "W = np.zeros(1000)", "def f(x):\n    return W"], "it needs `W`"),
        (["n = 0", "def f(x):\n    global n\n    n += 1\n    return n"], "`f` changes names outside itself"),
        (["T = 'a'", "def g():\n    return '''b\nc'''", "def f(x):\n    return T + g()"], "a text of several lines"),
    ],
)
def test_what_cannot_be_moved_is_said(cells, why):
    with pytest.raises(Unmovable, match=why):
        Notebook(*cells).moved()


# What is kept


def test_a_right_answer_can_be_imported(notebook, tmp_path):
    assert put(notebook, "7.5", ANSWER, "double") == "In your toolbox now: from toolbox import double"
    made = importlib.import_module("toolbox")
    assert made.double(4) == 8
    assert (tmp_path / "toolbox.py").read_text(encoding="utf-8").count("# twice") == 1
    assert put(notebook, "7.5", ANSWER, "double") == ""
    assert not (tmp_path / "toolbox_before.py").exists()


def test_a_better_answer_replaces_the_old_one_which_is_kept(notebook, tmp_path):
    put(notebook, "1.1", "def one(x):\n    return x", "one")
    put(notebook, "7.5", ANSWER, "double")
    put(notebook, "9.1", "def last(x):\n    return x", "last")
    for k in (1, 2):
        put(notebook, "7.5", f"def double(x):\n    return x + x  # {k}", "double")
    assert [tool.exercise for tool in tools(tmp_path / "toolbox.py")] == ["1.1", "7.5", "9.1"]
    made = importlib.import_module("toolbox")
    assert (made.one(4), made.double(4), made.last(5)) == (4, 8, 5)
    before = (tmp_path / "toolbox_before.py").read_text(encoding="utf-8")
    assert before.index("# twice") < before.index("x + x  # 1")
    assert "# 2" not in before


def test_what_a_learner_changed_by_hand_is_kept_too(notebook, tmp_path):
    put(notebook, "7.5", ANSWER, "double")
    path = tmp_path / "toolbox.py"
    path.write_text(path.read_text(encoding="utf-8").replace("# twice", "# by hand"), encoding="utf-8")
    put(notebook, "7.5", "def double(x):\n    return x + x", "double")
    assert "# by hand" in (tmp_path / "toolbox_before.py").read_text(encoding="utf-8")


def test_helpers_of_one_name_do_not_meet(notebook):
    for exercise, name, value in (("1.1", "one", 1), ("1.2", "two", 2)):
        cell = f"def helper():\n    return {value}\ndef {name}():\n    '''A\n    docstring.'''\n    return helper()"
        assert put(notebook, exercise, cell, name).startswith("In your toolbox")
    made = importlib.import_module("toolbox")
    assert (made.one(), made.two()) == (1, 2)


def test_imports_of_one_name_do_not_meet(notebook):
    put(notebook, "1.1", "import math as m\ndef one():\n    return m.sqrt(4)", "one")
    put(notebook, "1.2", "import cmath as m\ndef two():\n    return m.sqrt(-4)", "two")
    made = importlib.import_module("toolbox")
    assert (made.one(), made.two()) == (2, 2j)


def test_an_answer_that_is_wrong_elsewhere_is_not_kept(notebook, tmp_path):
    said = put(notebook, "7.5", ANSWER, "double", agrees=lambda function: function(4) == 9)
    assert said == "It was not taken into your toolbox: away from this notebook, `double` gives other values."
    assert not (tmp_path / "toolbox.py").exists()


def test_a_toolbox_that_does_not_run_is_left_as_it_is(notebook, tmp_path):
    (tmp_path / "toolbox.py").write_text("x = = 3\n", encoding="utf-8")
    assert "your toolbox does not run (SyntaxError" in put(notebook, "7.5", ANSWER, "double")
    assert (tmp_path / "toolbox.py").read_text(encoding="utf-8") == "x = = 3\n"


@pytest.mark.parametrize("own", ["raise SystemExit(3)", "1 / 0"])
def test_a_toolbox_that_ends_python_costs_no_verdict(notebook, tmp_path, own):
    (tmp_path / "toolbox.py").write_text(f"{own}\n", encoding="utf-8")
    assert "your toolbox does not run" in put(notebook, "7.5", ANSWER, "double")


def test_whatever_goes_wrong_there_the_answer_stays_right(notebook):
    def fails(function):
        raise RuntimeError("no")

    assert put(notebook, "7.5", ANSWER, "double", fails) == "It was not taken into your toolbox (RuntimeError: no)."


def test_code_of_the_learners_above_the_sections_stays(notebook, tmp_path):
    (tmp_path / "toolbox.py").write_text("MINE = 3\n", encoding="utf-8")
    put(notebook, "7.5", ANSWER, "double")
    made = importlib.import_module("toolbox")
    assert (made.MINE, made.double(1)) == (3, 2)
    assert made.__getattr__ is lend


def test_a_folder_that_cannot_be_written_is_said(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv(TOOLBOX, str(tmp_path / "gone" / "toolbox.py"))
    assert put(notebook, "7.5", ANSWER, "double").startswith("Your toolbox could not be written (No such file")


def test_nothing_is_kept_where_nobody_said_where(notebook, monkeypatch):
    monkeypatch.delenv(TOOLBOX)
    assert put(notebook, "7.5", ANSWER, "double") == ""


# What is lent


def test_what_is_missing_is_lent_and_whose_it_is_is_said(notebook, monkeypatch, capsys):
    def root(x):
        return np.sqrt(x)

    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [types.SimpleNamespace(value="twins_of_a_toy")]
    )
    twins = types.SimpleNamespace(__all__=["root"], root=root, hidden=3)
    monkeypatch.setitem(sys.modules, "twins_of_a_toy", twins)
    put(notebook, "7.5", ANSWER, "double")
    made = importlib.import_module("toolbox")
    whose(made.double, made.root)
    assert capsys.readouterr().out == "double: yours, from 7.5\nroot: the course's\n"
    with pytest.raises(AttributeError, match="the toolbox has no hidden"):
        lend("hidden")
