"""Cells that only draw are folded under their first line, and counted as a figure."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import toy
from coursekit.lessons.folding import folded
from coursekit.lessons.notebook import canonical
from coursekit.proving.stats import minutes, sizes
from coursekit.proving.verify import only_draws

PICTURE = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
TEXT = new_output("stream", name="stdout", text="1\n")
DRAWING = "# Draws a line\nx = [1, 2]\ny = [3, 4]\nplot(x, y)\nshow()"


def test_a_label_folds_a_cell_and_a_cell_without_one_stays_open():
    cells = [
        new_code_cell(DRAWING),
        new_code_cell("# A line\nplot()"),
        new_code_cell("# A figure to drag: a line\nf()"),
    ]
    first, second, third = canonical(new_notebook(cells=cells)).cells
    assert [folded(cell) for cell in (first, second, third)] == [True, False, True]
    assert first.metadata["jupyter"] == {"source_hidden": True}
    assert first.metadata["tags"] == ["hide-input"]
    assert first.metadata["mystnb"]["code_prompt_show"] == "Draws a line"
    assert second.metadata == {}
    assert third.metadata["mystnb"]["code_prompt_hide"] == "A figure to drag: a line"
    assert canonical(new_notebook(cells=[first])).cells[0] == first


def test_only_what_shows_pictures_alone_and_defines_nothing_only_draws():
    bare = DRAWING.partition("\n")[2]
    for below, outputs, source, only in [
        ("print(1)", [PICTURE], bare, True),
        ("print(x)", [PICTURE], bare, False),
        ("print(1)", [PICTURE, TEXT], bare, False),
        ("print(1)", [], bare, False),
        ("print(1)", [PICTURE], "show()", False),
    ]:
        made = canonical(new_notebook(cells=[new_code_cell(source, outputs=outputs), new_code_cell(below)]))
        assert only_draws(made, made.cells[0]) is only, (below, source)


def test_minutes_come_from_words_lines_exercises_questions_and_figures():
    words = "word " * 1000
    cells = [
        new_markdown_cell(f"# 01 · A lesson\n\n{words}"),  # 5 minutes
        new_code_cell("\n".join(["x = 1", ""] * 15)),  # 1 minute
        new_code_cell(f"{DRAWING}\n" * 100),  # 1 minute
        new_code_cell("#| exercise: 1.1\ndef f():\n    ..."),  # 4 minutes
        new_code_cell('#| check: 1.1\ncheck("1.1", f)'),
        new_markdown_cell(f"## ★ Later\n\n{words}"),
        new_markdown_cell(f"### In it\n\n{words}"),
        new_code_cell("#| exercise: 1.2\ndef g():\n    ..."),
        new_markdown_cell(f"## Practice questions\n\n**1. What?**\n\n{words}**2. Why?**\n\n## References\n\n{words}"),
    ]
    lesson = toy.make_lesson(["# 01 · A lesson"])
    lesson.notebook.cells[:] = canonical(new_notebook(cells=cells)).cells
    assert minutes(lesson) == (15, 15)  # 5 + 1 + 1 + 4 + 2, and 5 + 5 + 4
    assert sizes(lesson)["longest"] == 499
