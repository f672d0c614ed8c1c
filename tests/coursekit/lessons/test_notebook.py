"""Lessons and notebooks: marks, reading whatever lies on disk, canonical form."""

import copy
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import toy
from coursekit.checking.verdicts import VERDICT_MIME
from coursekit.lessons.course import Course
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect
from coursekit.lessons.notebook import Lesson, Mark, body, canonical, mark, parse, read, text_of

MARKS = [
    ("#| exercise: 5.2\nx = ...", Mark("exercise", "5.2")),
    ("#|check:5.2", Mark("check", "5.2")),
    ("# | exercise :  5.12  \n", Mark("exercise", "5.12")),
    ("\n\n%%time\n#| exercise: 5.2", Mark("exercise", "5.2")),
    ("#| mistake: 5.2 The sign: it is wrong.", Mark("mistake", "5.2", "The sign: it is wrong.")),
    ("x = 1\n#| exercise: 5.2", None),
    ("#| exercise: five", None),
    ("#| hide: 5.2", None),
    ("# exercise: 5.2", None),
    ("", None),
]


@pytest.mark.parametrize(("source", "expected"), MARKS)
def test_mark(source, expected):
    assert mark(new_code_cell(source)) == expected
    assert mark(new_markdown_cell(source)) is None


def test_body_is_what_stands_below_the_mark():
    assert (
        body(new_code_cell("%%time\n\n#| exercise: 5.2\n\nx = '\u2028\x0c'\n\ny = 2\n")) == "x = '\u2028\x0c'\n\ny = 2"
    )


# Files that are no notebook

GOOD = text_of(toy.notebook(toy.LESSON))
LINE = GOOD.split("\n").index('   "outputs": [],')
MERGED = GOOD.split("\n")
MERGED[LINE:LINE] = ["<<<<<<< HEAD", '   "a": 1,', "=======", '   "a": 2,', ">>>>>>> theirs"]
UNUSABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "cut off": (GOOD[:500].encode(), "was cut off while being saved, in line 2[0-9]: take"),
    "cut off in a word": (
        GOOD.partition('"nbformat"')[0].encode() + b'"nbf',
        "was cut off while being saved, in line [0-9]+",
    ),
    "conflict": ("\n".join(MERGED).encode(), f"has git's conflict markers in it, from line {LINE + 1} on: keep one"),
    "a comma too many": (
        GOOD.replace('"metadata": {},', '"metadata": {"a": 1,},', 1).encode(),
        "has a comma too many at the end of line 6, before a closing bracket",
    ),
    "a comma at the end": (GOOD.rstrip()[:-2].encode() + b",\n}\n", r"has a comma too many at the end of line \d+"),
    "a comma after a cell": (b'{"nbformat": 4,\n"cells": [{},\n\n]}', "has a comma too many at the end of line 2"),
    "a comma missing": (b'{"nbformat": 4\n"cells": []}', "is damaged in line 2, column 1 .*delimiter"),
    "two notebooks": (
        (GOOD + GOOD).encode(),
        f"holds two notebooks, the second from line {GOOD.count(chr(10)) + 1} on",
    ),
    "more behind": ((GOOD + "x}").encode(), f"goes on after its end, from line {GOOD.count(chr(10)) + 1} on"),
    "text": (b"a notebook, honestly", "is not a notebook"),
    "a list": (b"[]", "is JSON, but not a notebook"),
    "other JSON": (b'{"a": 1}', "is JSON, but not a notebook"),
    "a web page": (b"<!DOCTYPE html>\n<html>", "is a web page: download the notebook itself"),
    "git's pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
        "is not the notebook but git's pointer",
    ),
    "py:percent": (b"# ---\n# jupyter:\n#   jupytext:\n", "is text and not a notebook: make one of it with"),
    "py:light": (b"import numpy as np\n", "is text and not a notebook"),
    "myst": (b"---\njupytext:\n  text_representation:\n", "is text and not a notebook"),
    "qmd": (b"---\ntitle: Sums\n---\n", "is text and not a notebook"),
    "md": (b"# Sums\n\n```python\n1\n```\n", "is text and not a notebook"),
    "marimo": (b"import marimo\n\napp = marimo.App()\n", "is a marimo script: make a notebook"),
    "Databricks": (b"# Databricks notebook source\nx = 1\n", "is text and not a notebook"),
    "PDF": (b"%PDF-1.7\n", "is a PDF, not a notebook"),
    "zip": (b"PK\3\4\0\0", "is a zip, not a notebook"),
    "format 3, damaged": (b'{"nbformat": 3, "worksheets": [5]}', "is in notebook format 3, and damaged"),
    "format 5": (b'{"nbformat": 5, "cells": []}', "is in notebook format 5, this course reads formats up to 4"),
    "format ?": (b'{"nbformat": "x"}', "is in notebook format x"),
    "no cells": (b'{"nbformat": 4}', "has no list of cells"),
    "a cell that is none": (b'{"nbformat": 4, "cells": [5]}', "cell 1 is damaged"),
    "a source that is none": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "cell 1 is damaged"),
    "a type that is none": (b'{"nbformat": 4, "cells": [{"cell_type": 5, "source": ""}]}', "cell 1 is damaged"),
    "latin-1": (GOOD.encode().replace(b"How large", b"Wie gro\xdf"), r"is not UTF-8 text \(line \d+\)"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "is not"),
    "zeros": (b"\0" * 1000, "is empty"),
    "nested": (b"[" * 100_000, "is nested too deeply"),
    "nested metadata": (b'{"nbformat": 4, "cells": [], "metadata": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}", "nested"),
}


@pytest.mark.parametrize(("content", "words"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_file_that_cannot_be_used(content, words, tmp_path):
    path = tmp_path / "01_sums.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match=words) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == content


def test_a_path_that_cannot_be_used(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    unusable = {"": "is a folder", "none.ipynb": "is not there", "pipe": "is not a file", "x" * 300: "cannot be read"}
    for name, words in unusable.items():
        with pytest.raises(NotebookError, match=words):
            read(tmp_path / name)
    with pytest.raises(NotebookError, match="cannot be read"):
        read("a\0b")


def test_a_notebook_of_100_megabytes_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "01_sums.ipynb"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    monkeypatch.setattr("pathlib.Path.read_text", None)
    with pytest.raises(NotebookError, match=r"has 100 MB, more than the 30 MB .* clear its outputs"):
        read(path)


def test_what_other_editors_save_is_read():
    cells = [
        {"cell_type": "code", "source": ["x = 1\r\n", "y = '\u0000\ud800'\r"], "outputs": [{"output_type": "x"}, 5]},
        {"cell_type": "markdown", "source": "text", "metadata": None, "id": 7},
        {"cell_type": "raw"},
    ]
    got = parse("\ufeff" * 0 + json.dumps({"nbformat": 4, "nbformat_minor": 0, "cells": cells, "metadata": []}), "n")
    assert [cell.source for cell in got.cells] == ["x = 1\ny = '?'\n", "text", ""]
    assert [cell.id for cell in got.cells] == ["", "7", ""]
    text_of(got).encode("utf-8")


def test_a_byte_order_mark_is_no_harm(tmp_path):
    (tmp_path / "01_sums.ipynb").write_bytes(GOOD.encode("utf-8-sig"))
    assert read(tmp_path / "01_sums.ipynb") == parse(GOOD, "")


def test_zeros_behind_a_notebook_are_no_harm():
    assert parse(GOOD + "\0" * 1000, "") == parse(GOOD, "")


def test_utf_16_with_its_mark_is_read(tmp_path):
    (tmp_path / "01_sums.ipynb").write_bytes(GOOD.encode("utf-16"))
    assert read(tmp_path / "01_sums.ipynb") == parse(GOOD, "")


OLD_CELLS = [
    {"cell_type": "heading", "level": 2, "source": ["Sums"], "metadata": {}},
    {"cell_type": "code", "input": ["x = 1\n", "x"], "language": "python", "prompt_number": 3, "collapsed": False,
     "metadata": {}, "outputs": [{"output_type": "pyout", "prompt_number": 3, "text": ["1"], "metadata": {}}]},
]  # fmt: skip


def test_format_3_is_read():
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": OLD_CELLS}]}
    got = parse(json.dumps(old), "")
    assert [(cell.cell_type, cell.source) for cell in got.cells] == [("markdown", "## Sums"), ("code", "x = 1\nx")]
    assert got.cells[1].outputs[0].data == {"text/plain": "1"}


def test_cells_and_outputs_of_unknown_kinds_are_passed_over():
    book = json.loads(text_of(toy.notebook(toy.answered())))
    book["cells"].insert(3, {"cell_type": "sql", "source": ["select 1"], "metadata": {}, "connection": "x"})
    book["cells"].insert(3, {"cell_type": "heading", "level": 1, "source": 5})
    next(cell for cell in book["cells"] if cell["cell_type"] == "code")["outputs"] = [{"output_type": "hologram"}, 5]
    got = parse(json.dumps(book), "")
    assert got.cells[3].cell_type == "heading"
    assert got.cells[4].source == "select 1"
    answers = collect(toy.make_lesson(), got)
    assert (answers.by_exercise, answers.extras) == ({"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2}, [])


# Canonical form


def test_canonical_numbers_cells_and_drops_what_editors_add():
    outputs = [
        new_output("stream", name="stdout", text="a"),
        new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "0%"}),
        new_output("stream", name="stdout", text="b"),
        new_output("execute_result", {"text/plain": "1"}, execution_count=9),
    ]
    code = new_code_cell(
        "#| check: 1.1\n", execution_count=7, metadata={"tags": ["b", "a"], "execution": {}}, outputs=outputs
    )
    book = new_notebook(cells=[code, new_code_cell("x"), new_code_cell("x")], metadata={"widgets": {}})
    book.cells[1].metadata = {"tags": ["b", 5, "b"]}
    before = copy.deepcopy(book)
    got = canonical(book)
    assert book == before
    assert [cell.execution_count for cell in got.cells] == [1, 2, 3]
    assert [cell.metadata for cell in got.cells] == [{"tags": ["a", "b"]}, {"tags": ["b"]}, {}]
    assert got.cells[0].id == "check-1-1"
    assert got.cells[2].id == got.cells[1].id + "-2"
    assert [output.get("text") for output in got.cells[0].outputs] == ["ab", None]
    assert got.cells[0].outputs[1].execution_count == 1
    assert "widgets" not in got.metadata


def test_canonical_keeps_what_readers_see_and_names_what_it_does_not_know():
    picture = {"plot.png": {"image/png": "aGk="}}
    text = new_markdown_cell("![plot](attachment:plot.png)", attachments=picture)
    code = new_code_cell("x = 1", metadata={"jupyter": {"source_hidden": True, "is_executing": True}, "colab": {}})
    shown = new_code_cell(
        "y", metadata={"slideshow": {"slide_type": "skip"}, "editable": False, "vscode": {}, "id": "a"}
    )
    got = canonical(parse(text_of(new_notebook(cells=[text, code, shown])), ""))
    assert got.cells[0].attachments == picture
    assert [cell.metadata for cell in got.cells] == [
        {},
        {"jupyter": {"source_hidden": True}},
        {"editable": False, "slideshow": {"slide_type": "skip"}},
    ]
    assert text_of(canonical(got)) == text_of(got)
    code.metadata["caption"] = "Loud"
    with pytest.raises(NotebookError, match="Cell 2 has the metadata 'caption'"):
        canonical(new_notebook(cells=[text, code]))
    book = new_notebook()
    book.cells = [type(code)({"cell_type": "sql", "source": "select 1", "metadata": {}})]
    with pytest.raises(NotebookError, match="Cell 1 is of the type 'sql'"):
        canonical(book)


def test_canonical_tells_no_digest_of_the_reference():
    data = {VERDICT_MIME: {"exercise": "1.1", "kind": "right", "answer": "abc"}, "text/plain": "x"}
    code = new_code_cell("#| check: 1.1", outputs=[new_output("display_data", data)])
    assert canonical(new_notebook(cells=[code])).cells[0].outputs[0].data[VERDICT_MIME] == {
        "exercise": "1.1",
        "kind": "right",
    }


SOURCES = st.text() | st.sampled_from(["#| exercise: 1.1\n...", "#| check: 1.1", "x = 1", "", "\n"])
CELLS = st.lists(st.builds(new_code_cell, SOURCES) | st.builds(new_markdown_cell, SOURCES), max_size=6)


@given(CELLS)
def test_canonical_twice_is_canonical_once(cells):
    once = canonical(parse(text_of(new_notebook(cells=cells)), ""))
    assert text_of(canonical(once)) == text_of(once)
    assert text_of(canonical(parse(text_of(once), ""))) == text_of(once)
    assert len({cell.id for cell in once.cells}) == len(cells)


# Lessons and courses


def test_a_lesson_knows_itself():
    lesson = toy.make_lesson()
    assert lesson.title == "Sums"
    assert lesson.facts == (15, 1, ())
    assert lesson.points == {"1.1": 1, "1.2": 3}
    assert lesson.gaps == {"1.1": toy.STUB_1, "1.2": toy.STUB_2}
    assert lesson.checks == {"1.1": toy.CHECK_1, "1.2": toy.CHECK_2}
    after = toy.make_lesson(toy.replaced(toy.LESSON, "after: nothing", "after: 01, 02"))
    assert after.facts == (15, 1, ("01", "02"))
    assert toy.make_lesson(["no heading"]).facts is None


def test_a_lesson_is_named_like_one(tmp_path):
    with pytest.raises(NotebookError, match="not named like a lesson"):
        Lesson.load(toy.write(tmp_path / "sums.ipynb", toy.LESSON))


@pytest.mark.parametrize("number", [1, "1", "01", "01_sums", "01_sums.ipynb"])
def test_a_course_gives_its_lessons(number, tmp_path):
    course = toy.make_course(tmp_path)
    assert course.lesson(number).name == "01_sums"


@pytest.mark.parametrize("number", ["2", "011", "001", "010", "", "x", "²", "01x", "-1"])
def test_a_course_gives_no_others(number, tmp_path):
    with pytest.raises(NotebookError, match="this course has 01"):
        toy.make_course(tmp_path).lesson(number)


def test_what_lies_beside_lessons_stops_nothing_and_is_named(tmp_path):
    course = toy.make_course(tmp_path)
    for name in ["01_sums-Copy1.ipynb", "01_sums (1).ipynb", "01_sums__20240501120000.ipynb", "01_sums_old.ipynb"]:
        (course.lessons / name).write_text("anything")
    for name in ["Untitled.ipynb", "notes.txt", "02_notes.txt", ".01_sums.ipynb"]:
        (course.lessons / name).write_text("anything")
    (course.lessons / "03_folder.ipynb").mkdir()
    (course.lessons / "04_nowhere.ipynb").symlink_to("nowhere")
    assert (course.numbers, course.lesson(1).name) == (["01"], "01_sums")
    assert list(course.passed_over) == [
        f"lessons/{name} is passed over: lesson 01 is 01_sums.ipynb."
        for name in ["01_sums (1).ipynb", "01_sums_old.ipynb", "01_sums-Copy1.ipynb", "01_sums__20240501120000.ipynb"]
    ]


def test_a_course_is_found_from_below(tmp_path):
    course = toy.make_course(tmp_path)
    assert Course.find(course.lessons) == course
    assert Course.find(tmp_path / "lessons" / "nowhere") == course


def test_learners_have_no_solutions(tmp_path):
    course = toy.make_course(tmp_path)
    (tmp_path / "solutions" / "01_sums.ipynb").unlink()
    with pytest.raises(NotebookError, match="has no solutions here"):
        course.solutions(course.lesson(1))
