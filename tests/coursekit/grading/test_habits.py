"""Whatever habits a learner has, JupyterLab, `course check` and `course grade` say the same of each exercise."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import toy
from coursekit.grading.judging import judge
from coursekit.grading.unit import boxes, reference_values, submission_values
from coursekit.lessons.notebook import code_cells, text_of
from coursekit.proving import kernels
from coursekit.proving.record import record
from coursekit.proving.report import check_notebook
from coursekit.proving.verify import verdicts
from sandboxed import needs_sandbox

MANY = range(1, 9)
STUB = 'def f{k}(values):\n    """Twice the sum of an array."""\n    ...'
RIGHT = "def f{k}(values):\n    return float(np.sum(doubled(values)))"
WRONG = "def f{k}(values):\n    return float(np.sum(values))"
CHECK = 'check("1.{k}", f{k}, lambda rng: dict(values=rng.normal(size=4)), cases=2)'
LESSON = [
    "# 01 · Sums\n\n10 min · CPU 1 s · after: nothing",
    ("code", "import numpy as np\n\nfrom coursekit import check"),
    ("code", "def doubled(values):\n    return factor * values"),
    ("code", "factor = 2.0\nprint(factor)"),
]
SOLUTIONS = ["# 01 · Sums: solutions"]
for k in MANY:
    LESSON += [f"### Exercise 1.{k}", ("code", f"#| exercise: 1.{k}\n{STUB.format(k=k)}")]
    LESSON += [("code", f"#| check: 1.{k}\n{CHECK.format(k=k)}"), ("code", f"print('shown {k}')")]
    SOLUTIONS.append(("code", f"#| answer: 1.{k}\n{RIGHT.format(k=k)}"))

M, C = "#| exercise: 1.{k}\n", "#| check: 1.{k}\n" + CHECK
HELPED = M + RIGHT.replace("doubled", "g{k}")
IN_FILE = "def g{k}(v):\n    return 2 * v"
DEEP = "def down{k}(n):\n    return n and down{k}(n - 1)\n\n" + RIGHT.replace("return", "down{k}(3000)\n    return")


def times(two):
    """An answer that takes its two from somewhere."""
    return f"{M}def f{{k}}(values):\n    return {two} * float(sum(values))"


# By name what a learner makes of an exercise's two cells, and of cells around them; "md" and "sql" are no code.
HABITS = {
    "as asked": [M + RIGHT, C],
    "blank": [M + STUB, C],
    "blank with help": [M + "np.sum?\n" + STUB, C],
    "wrong": [M + WRONG, C],
    "raises": [M + RIGHT + "\n1 / 0", C],
    "does not parse": [M + "def f{k}(values:\n    return 1", C],
    "tried below": [M + RIGHT + "\n\nprint(f{k}(np.ones(3)))", C],
    "timed": ["%%time\n" + M + RIGHT, C],
    "captured": ["%%capture out{k}\n" + M + RIGHT, C],
    "title": ["#@title Answer {{ display-mode: 'form' }}\n" + M + RIGHT, C],
    "comments above": ["# My answer\n\n# after a long night\n" + M + RIGHT, C],
    "import above": ["import math\n" + M + RIGHT, C],
    "install above": ["!echo installed\n" + M + RIGHT, C],
    "shell": [M + "!echo 'it is (' \n" + RIGHT, C],
    "no such command": [M + "!nvidia-smi-{k}\n" + RIGHT, C],
    "shell in a function": [M + "def noisy():\n    !echo {{values}}\n\n" + RIGHT + "\nnoisy()", C],
    "shell assigned": [M + "files = !ls\n" + RIGHT, C],
    "help": [M + "np.tanh?\n" + RIGHT + "\n?np.sum", C],
    "line magic": [M + "%matplotlib inline\nt = %timeit -o -q -n1 -r1 1\n" + RIGHT, C],
    "await": [M + "import asyncio\nawait asyncio.sleep(0)\n" + RIGHT, C],
    "class": [M + "class F:\n    def __call__(self, values):\n        return 2 * float(sum(values))\n\nf{k} = F()", C],
    "lambda": [M + "f{k} = lambda values: float(np.sum(doubled(values)))", C],
    "annotated": [M + "f{k}: object = lambda values: float(np.sum(doubled(values)))", C],
    "no mark, annotated": ["f{k}: object = lambda values: float(np.sum(doubled(values)))", C],
    "no mark": [RIGHT, C],
    "no mark, with shell": ["!echo hi\n" + RIGHT, C],
    "no mark, a method": ["class G{k}:\n    pass\n\n@staticmethod\n" + RIGHT, C],
    "twice": [M + WRONG, M + RIGHT, C],
    "helper": ["def g{k}(v):\n    return doubled(v)", HELPED, C],
    "helper below": [HELPED, "g{k} = doubled", C],
    "helper timed": ["%%time\ndef g{k}(v):\n    return doubled(v)", HELPED, C],
    "helper from Databricks": ["%python\ndef g{k}(v):\n    return doubled(v)", "%python\n" + HELPED, C],
    "helper with help": ["doubled?\ndef g{k}(v):\n    return doubled(v)", HELPED, C],
    "helper from a shell": ["two{k} = !echo 2", times("int(two{k}[0])"), C],
    "helper awaited": ["async def w():\n    return 2\n\nn{k} = await w()", times("n{k}"), C],
    "decorator": ["def d{k}(f):\n    return f", M + "@d{k}\n" + RIGHT, C],
    "helper in a file": ["%%writefile h{k}.py\n" + IN_FILE, HELPED.replace("def", "from h{k} import g{k}\ndef"), C],
    "a file that is run": ["%%writefile r{k}.py\n" + IN_FILE, "%run r{k}.py", HELPED, C],
    "a file read": ["%%writefile two{k}.txt\n2", times("int(open('two{k}.txt').read())"), C],
    "no file": [M + "from nowhere{k} import g\n" + RIGHT, C],
    "star": ["from math import *", M + "def f{k}(values):\n    return fsum(2 * values)", C],
    "settings": ["import sys\nsys.setrecursionlimit(5000)", M + DEEP, C],
    "environment": ["import os\nos.environ['TWO{k}'] = '2'", times("int(__import__('os').environ['TWO{k}'])"), C],
    "split": [M + "import math", RIGHT, C],
    "split behind the docstring": [M + STUB, RIGHT, C],
    "merged": [M + RIGHT + "\n\n" + C],
    "merged with what follows": [M + RIGHT, C + "\n\nprint('shown {k}')"],
    "helper under a check": [HELPED, "g{k} = doubled", C + "\n\nlater{k} = 1"],
    "raises beside": ["1 / 0", M + RIGHT, C],
    "does not parse beside": ["def (", M + RIGHT, C],
    "pip": ["pip list --help", M + RIGHT, C],
    "bash beside": ["%%bash\necho hi", M + RIGHT, C],
    "html beside": ["%%html\n<b>Hi</b>", M + RIGHT, C],
    "another's cells": [("sql", "select 1"), ("md", "Mine"), M + RIGHT, ("raw", "x"), C],
    "check changed": [M + RIGHT, C.replace("cases=2", "cases=1")],
    "demonstration changed": [M + RIGHT, C, "print('shown', {k} + 1)"],
    "check gone": [M + RIGHT],
}  # fmt: skip
BEYOND = {
    "check gone",
    "check changed",
    "no mark, a method",
    "helper from Databricks",
}  # where JupyterLab itself does not say what we say


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = toy.make_course(tmp_path_factory.mktemp("habits"), LESSON, SOLUTIONS)
    record(course, course.lesson(1))
    return course


@pytest.fixture(scope="module")
def graded(course):
    """Grades a notebook's text and returns {exercise: status}."""
    lesson = course.lesson(1)
    box = boxes(lesson)
    right = reference_values(lesson, course.solutions(lesson), 7, box)

    def grade(text):
        found = submission_values(text, lesson, 7, box, right)
        return {outcome.exercise: outcome.status for outcome in judge(lesson, found, right, {})}

    return grade


def copy_with(habits, merge):
    """A learner's copy, with a habit for each exercise, the neighbours `merge` of its cells in one."""
    cells = list(LESSON[:4])
    for k, name in zip(MANY, habits, strict=False):
        parts = [part if isinstance(part, tuple) else ("code", part) for part in HABITS[name]]
        cells += [f"### Exercise 1.{k}", *((kind, source.format(k=k)) for kind, source in parts)]
        cells.append(("code", f"print('shown {k}')"))
    cells += LESSON[4 + 4 * len(habits) :]
    book = new_notebook()
    book.cells = [_cell(cell) for cell in cells]  # some that no schema knows
    for k in merge:
        code = code_cells(book)[2:]
        one, two = code[k % (len(code) - 1) :][:2]
        if not one.source.startswith("%%") and not two.source.startswith("%%"):  # those would not run as one
            one.source += f"\n\n{two.source}"
            book.cells.remove(two)
    return book


def _cell(cell):
    if isinstance(cell, str) or cell[0] == "md":
        return new_markdown_cell(cell if isinstance(cell, str) else cell[1])
    made = new_code_cell(cell[1])
    return made if cell[0] == "code" else type(made)(new_markdown_cell(cell[1]), cell_type=cell[0])


ALIKE = {"missing": "blank", "lost": "wrong", "error": "wrong", "✓": "right", "○": "blank", "✗": "wrong", "!": "wrong"}


def agreed(book, course, graded, tmp_path, habits=()):
    path = tmp_path / "01_sums.ipynb"
    path.write_text(text_of(book), encoding="utf-8")
    _, rows, _ = check_notebook(course, path)
    checked = {row.exercise: ALIKE.get(row.kind, row.kind) for row in rows}
    marks = {exercise: ALIKE.get(status, status) for exercise, status in graded(path.read_text()).items()}
    assert marks == checked
    book.cells = [cell for cell in book.cells if cell.cell_type != "sql"]
    for k, cell in enumerate(book.cells):
        cell.id = str(k)
    lab = {exercise: ALIKE[line[:1]] for exercise, line in verdicts(kernels.run(book, course.expected)).items() if line}
    for k, name in zip(MANY, habits, strict=False):
        if name not in BEYOND and f"1.{k}" in lab:
            assert (name, lab[f"1.{k}"]) == (name, checked[f"1.{k}"])
    return checked


NAMES = sorted(HABITS)


@needs_sandbox
@pytest.mark.parametrize("start", range(0, len(NAMES), len(MANY)))
def test_each_habit(start, course, graded, tmp_path):
    habits = NAMES[start : start + len(MANY)]
    checked = agreed(copy_with(habits, []), course, graded, tmp_path, habits)
    bad = {"blank": "blank", "blank with help": "blank", "wrong": "wrong", "raises": "right", "no file": "wrong"}
    bad["does not parse"] = "wrong"
    assert checked == {f"1.{k}": bad.get(name, "right") for k, name in zip(MANY, habits, strict=False)} | {
        f"1.{k}": "blank" for k in MANY if k > len(habits)
    }


@needs_sandbox
@settings(deadline=None, max_examples=5, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(st.sampled_from(NAMES), min_size=len(MANY), max_size=len(MANY)),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_habits_together(course, graded, tmp_path_factory, habits, merge):
    agreed(copy_with(habits, merge), course, graded, tmp_path_factory.mktemp("copy"))
