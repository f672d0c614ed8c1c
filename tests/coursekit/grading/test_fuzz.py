"""Notebooks and archives that were made sound and then changed anywhere: read, or refused in one sentence, in order.

A fixed sample here; `COURSE_TEST_FUZZ=5000 pytest tests/coursekit/grading/test_fuzz.py` draws as many new ones.
"""

import io
import json
import os
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import toy
from coursekit.grading.glance import glance
from coursekit.grading.runs import plan
from coursekit.grading.sandbox import read_message
from coursekit.grading.submissions import collect_submissions
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect
from coursekit.lessons.notebook import parse

LESSON = toy.make_lesson()
MORE = int(os.environ.get("COURSE_TEST_FUZZ", "0"))
fuzzed = settings(
    max_examples=MORE or 60, derandomize=not MORE, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
numbers = st.booleans() | st.integers() | st.floats() | st.just(10**400)
scalars = st.none() | numbers | st.text(max_size=20) | st.just("\ud800")
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
lines = st.sampled_from(
    ["#| exercise: 1.1", "#| check: 1.1", "# | answer:1.2", "%%time", "%", "!ls", "def squares(x):", "    return 1",
     "x = (", "from m import *", "squares = 1", "\t", "\x00", "\ud800", "é" * 9, "await x", "class A: pass", "x.y = 1"]
)  # fmt: skip
sources = st.lists(lines, max_size=12).map("\n".join) | st.lists(lines, max_size=6) | anything
keys = st.sampled_from(["cell_type", "source", "id", "metadata", "outputs", "execution_count", "tags", "x"])


@st.composite
def notebooks(draw):
    """The JSON of a sound notebook, with cells dropped, doubled, swapped and given other contents."""
    notebook = json.loads(json.dumps(toy.notebook(toy.answered())))
    cells = notebook["cells"]
    for _ in range(draw(st.integers(0, 6))):
        if not cells:
            break
        k, change = draw(st.integers(0, len(cells) - 1)), draw(st.integers(0, 5))
        if change == 0:
            del cells[k]
        elif change == 1:
            cells.insert(draw(st.integers(0, len(cells))), dict(cells[k]) if isinstance(cells[k], dict) else cells[k])
        elif change == 2:
            cells[k] = draw(anything)
        elif change == 3 and isinstance(cells[k], dict):
            cells[k][draw(keys)] = draw(anything)
        elif change == 4 and isinstance(cells[k], dict):
            cells[k]["source"] = draw(sources)
        else:
            notebook[draw(st.sampled_from(["nbformat", "nbformat_minor", "metadata", "cells", "y"]))] = draw(anything)
            if not isinstance(notebook["cells"], list):
                break
            cells = notebook["cells"]
    return notebook


def cut(draw, data):
    """Bytes with a few of them changed, or an end cut off."""
    data = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@fuzzed
@given(notebooks())
def test_a_changed_notebook_is_read_or_refused_in_a_sentence(notebook):
    try:
        answers, refused = collect(LESSON, parse(json.dumps(notebook), "it")), None
    except NotebookError as error:
        answers, refused = None, str(error)
    if refused is not None:
        assert 0 < len(refused) < 400
        return
    planned = json.loads(json.dumps(plan(LESSON, answers)))
    assert set(planned["steps"]) | set(planned["blank"]) | set(planned["lost"]) == set(LESSON.checks)


@fuzzed
@given(st.data())
def test_a_damaged_file_is_read_or_is_a_problem_in_a_sentence(data):
    text = cut(data.draw, json.dumps(data.draw(notebooks()), ensure_ascii=False).encode("utf-8", "replace"))
    seen = glance(lambda: text.decode("utf-8", "replace"), LESSON)
    assert len(seen.problem) < 400
    assert "Error" not in seen.problem.replace("NotebookError", "")


@fuzzed
@given(st.data())
def test_a_damaged_archive_is_one_row(tmp_path_factory, data):
    names = st.sampled_from(["a.ipynb", "b/a.ipynb", "../c.ipynb", "/", "d/", "e.zip", "é.ipynb", "x" * 300, ".ipynb"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in data.draw(st.lists(names, max_size=4, unique=True)):
            archive.writestr(name, json.dumps(toy.notebook(toy.answered())))
    inbox = tmp_path_factory.mktemp("inbox")
    (inbox / "Ada.zip").write_bytes(cut(data.draw, packed.getvalue()))
    (inbox / "Emmy.ipynb").write_text(json.dumps(toy.notebook(toy.answered())))
    rows = {row.name: row for row in collect_submissions(inbox, LESSON)}
    assert rows.keys() == {"Ada", "Emmy"}
    assert not rows["Emmy"].problem


@fuzzed
@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_through_the_line_is_a_message_or_nothing(body):
    message = read_message(body)
    assert message is None or isinstance(message["output_type"], str)
