"""A tiny course that has nothing to do with neural nets: two exercises on sums and grids."""

from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursekit.lessons.course import Course
from coursekit.lessons.notebook import Lesson, canonical, text_of

QUESTION = """**{k}. How much is one and one?**

<details><summary>One.</summary>

✗ That is one alone; add the other one as well.
</details>
<details><summary>Two.</summary>

✓ Right: one and one more make two, as ever.
</details>
<details><summary>Eleven.</summary>

✗ That is writing them side by side, not adding.
</details>
"""
QUESTIONS = "## Practice questions\n\n" + "\n".join(QUESTION.format(k=k) for k in range(1, 6))

STUB_1 = 'def squares(values):\n    """Sum of the squares of an array; returns a float."""\n    ...'
STUB_2 = (
    'def grid(rows, columns):\n    """Array of shape (rows, columns) with row + 2 * column in each place."""\n    ...'
)
CHECK_1 = (
    'check("1.1", squares, lambda rng: dict(values=rng.normal(size=4)), cases=3,'
    " example=dict(values=np.array([1.0, 2.0])))"
)
CHECK_2 = (
    'check("1.2", grid, lambda rng: dict(rows=int(rng.integers(2, 5)), columns=int(rng.integers(5, 9))), seconds=1)'
)
RIGHT_1 = "def squares(values):\n    return float(np.sum(values**2))"
RIGHT_2 = "def grid(rows, columns):\n    return np.arange(rows)[:, None] + 2 * np.arange(columns)"

LESSON = [
    "# 01 · Sums\n\n15 min · CPU 1 s · after: nothing\n\nHow large is a sum? The first one is 5.25.",
    ("code", "import numpy as np\n\nfrom coursekit import check"),
    ("code", "start = np.array([0.5, 1.0, 2.0])\nprint(f'sum of squares {np.sum(start**2):.2f}')"),
    "### Exercise 1.1 — Squares\n\nAdd the squares. Example: of `[1, 2]` it is `5`.",
    ("code", f"#| exercise: 1.1\n{STUB_1}"),
    ("code", f"#| check: 1.1\n{CHECK_1}"),
    "### Exercise 1.2 — A grid (3 points)",
    ("code", f"#| exercise: 1.2\n{STUB_2}"),
    ("code", f"#| check: 1.2\n{CHECK_2}"),
    ("code", "print('the end')"),
    QUESTIONS,
]
MISTAKES = {
    ("1.1", "That is the sum: square first."): "def squares(values):\n    return float(np.sum(values))",
    ("1.1", "That is the mean: add up."): "def squares(values):\n    return float(np.mean(values**2))",
    ("1.1", "Sum first, square later?"): "def squares(values):\n    return float(np.sum(values)) ** 2",
    (
        "1.2",
        "It is transposed.",
    ): "def grid(rows, columns):\n    return np.add.outer(2 * np.arange(columns), np.arange(rows))",
    (
        "1.2",
        "Rows count once.",
    ): "def grid(rows, columns):\n    return 2 * np.add.outer(np.arange(rows), np.arange(columns))",
    ("1.2", "It raises."): "def grid(rows, columns):\n    raise ValueError('no grid')",
}
SOLUTIONS = [
    "# 01 · Sums: solutions",
    ("code", f"#| answer: 1.1\n{RIGHT_1}"),
    ("code", f"#| answer: 1.2\n{RIGHT_2}"),
    ("code", "#| hint: 1.1 What is the square of one value?"),
    ("code", "#| hint: 1.1 The sum of\n# all squares."),
    *(("code", f"#| mistake: {number} {says}\n{source}") for (number, says), source in MISTAKES.items()),
]


def notebook(cells):
    """A notebook of Markdown (text) and code cells (("code", source))."""
    made = [new_markdown_cell(c) if isinstance(c, str) else new_code_cell(c[1]) for c in cells]
    return canonical(new_notebook(cells=made))


def replaced(cells, old, new):
    """Cells in which one text stands for another, which must occur."""
    swapped = [c.replace(old, new) if isinstance(c, str) else (c[0], c[1].replace(old, new)) for c in cells]
    assert swapped != cells
    return swapped


def write(path, cells):
    """Write cells as a canonical notebook file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(notebook(cells)), encoding="utf-8")
    return path


def make_course(root, lesson=LESSON, solutions=SOLUTIONS):
    """A course of one lesson under a folder, not yet recorded."""
    write(root / "lessons" / "01_sums.ipynb", lesson)
    write(root / "solutions" / "01_sums.ipynb", solutions)
    return Course(root)


def make_lesson(cells=LESSON):
    """The toy lesson in memory."""
    return Lesson(Path("01_sums.ipynb"), notebook(cells))


def answered(one=RIGHT_1, two=RIGHT_2, cells=LESSON):
    """The cells of a learner's copy with these answers."""
    return [
        ("code", f"#| exercise: 1.1\n{one}") if "exercise: 1.1" in c[1] else
        ("code", f"#| exercise: 1.2\n{two}") if "exercise: 1.2" in c[1] else c
        for c in cells
    ]  # fmt: skip
