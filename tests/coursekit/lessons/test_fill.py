"""`fill` and `collect`: the lesson's own cells stay, whatever a copy went through."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell

import toy
from coursekit.lessons.cells import is_blank
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, collect, fill, mistakes, reference
from coursekit.lessons.notebook import canonical, code_cells, mark, parse, text_of

LESSON = toy.make_lesson()
BOTH = {"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2}


def from_copy(cells, lesson=LESSON):
    return collect(lesson, toy.notebook(cells))


def test_fill_is_pure():
    answers = Answers(dict(BOTH), [(2, "x = 1")])
    before = copy.deepcopy((LESSON.notebook, answers))
    once, again = fill(LESSON, answers), fill(LESSON, answers)
    once.cells[0].source = "changed"
    once.cells[4].metadata["tags"] = ["changed"]
    assert (LESSON.notebook, answers) == before
    assert again == fill(LESSON, answers)


def test_fill_fills_gaps_and_nothing_else():
    lesson = toy.make_lesson()
    for cell in code_cells(lesson.notebook):
        cell.execution_count = None
    filled = fill(lesson, Answers({"1.1": "answer", "7.7": "no such exercise"}))
    for cell, own in zip(filled.cells, LESSON.notebook.cells, strict=True):
        gap = mark(own) and mark(own).kind == "exercise" and mark(own).exercise == "1.1"
        assert cell.source == ("#| exercise: 1.1\nanswer" if gap else own.source)
        assert cell.id == own.id
        is_check = mark(own) is not None and mark(own).kind == "check"
        assert ("nbval-check-output" in cell.metadata.get("tags", [])) == is_check
    counts = [cell.execution_count for cell in filled.cells if cell.cell_type == "code"]
    assert counts == list(range(1, 8))  # nbval compares nothing where there is no count


def test_extras_run_where_they_stood_in_their_order():
    cells = toy.answered()
    cells.insert(5, ("code", "after_gap = 2"))
    cells.insert(3, ("code", "second = 1"))
    cells.insert(3, ("code", "first = 1"))
    cells.insert(0, ("code", "zeroth = 0"))
    filled = fill(LESSON, from_copy(cells))
    code = [cell.source for cell in filled.cells if cell.cell_type == "code"]
    assert code.index("zeroth = 0") == 0
    assert code[3:5] == ["first = 1", "second = 1"]
    assert mark(new_code_cell(code[code.index("after_gap = 2") - 1])).kind == "exercise"
    assert len({cell.id for cell in filled.cells}) == len(filled.cells)


def test_reference_and_mistakes():
    solutions = toy.notebook(toy.SOLUTIONS)
    assert reference(solutions).by_exercise == BOTH
    assert [(number, says) for number, says, _ in mistakes(solutions)] == list(toy.MISTAKES)
    assert [source for *_, source in mistakes(solutions)] == list(toy.MISTAKES.values())


# A learner's copy


def test_answers_are_found_by_their_marks():
    answers = from_copy(toy.answered())
    assert (answers.by_exercise, answers.extras, answers.remarks) == (BOTH, [], {})


def test_an_untouched_copy_is_blank():
    answers = from_copy(toy.LESSON)
    assert (answers.by_exercise, answers.extras, answers.remarks) == (LESSON.gaps, [], {})


def test_a_changed_check_is_restored_and_a_changed_demonstration_runs_beside_its_own():
    cells = toy.replaced(toy.answered(), toy.CHECK_1, "print('✓ 1.1  3 of 3')")
    cells = toy.replaced(cells, "start = np.array([0.5, 1.0, 2.0])", "start = np.array([0.0])")
    filled = fill(LESSON, from_copy(cells))
    sources = [cell.source for cell in filled.cells]
    assert f"#| check: 1.1\n{toy.CHECK_1}" in sources
    assert not any("print('✓" in source for source in sources)
    assert [source.startswith("start") for source in sources].count(True) == 2


def strip_mark(cells, number):
    return toy.replaced(cells, f"#| exercise: {number}\n", "")


def test_without_its_mark_an_answer_is_known_by_its_name():
    answers = from_copy(strip_mark(strip_mark(toy.answered(), "1.1"), "1.2"))
    assert answers.by_exercise == BOTH
    assert answers.remarks == dict.fromkeys(BOTH, "its mark was missing, but it was found")
    assert answers.extras == []


def test_without_mark_and_name_an_answer_is_known_by_its_id():
    book = toy.notebook(toy.answered())
    gap = next(cell for cell in book.cells if cell.id == "exercise-1-1")
    gap.source = "squares = lambda values: 1 +"
    assert collect(LESSON, book).by_exercise["1.1"] == gap.source
    gap.source = "def renamed(values): return 1"
    assert collect(LESSON, book).by_exercise["1.1"] == gap.source
    gap.id = "elsewhere"
    assert "1.1" not in collect(LESSON, book).by_exercise


def test_an_id_that_moved_misleads_nobody():
    book = toy.notebook(toy.answered())
    ids = [cell.id for cell in book.cells]
    for cell, other in zip(book.cells, ids[1:] + ids[:1], strict=True):
        cell.id = other
    assert collect(LESSON, book).by_exercise == BOTH
    assert collect(LESSON, book).extras == []


def test_an_emptied_gap_is_blank():
    book = toy.notebook(toy.LESSON)
    next(cell for cell in book.cells if cell.id == "exercise-1-1").source = "#| exercise: 1.1"
    assert collect(LESSON, book).by_exercise["1.1"] == toy.STUB_1


def test_a_deleted_gap_is_not_answered():
    cells = [cell for cell in toy.answered() if "exercise: 1.1" not in cell[1]]
    assert from_copy(cells).by_exercise == {"1.2": toy.RIGHT_2}


AGAIN = "answered more than once; the last answer that is not blank counts"
TWICE = [
    (["one = 1", "two = 2"], "two = 2", AGAIN),
    (["one = 1", toy.STUB_1], "one = 1", None),
    ([toy.STUB_1, "one = 1"], "one = 1", None),
    (["one = 1", ""], "one = 1", None),
    (["one = 1", toy.STUB_1.replace("...", "pass  # later").replace("  # later", "\n    # later")], "one = 1", None),
    (["one = 1", "one = 1"], "one = 1", None),
    ([toy.STUB_1, toy.STUB_1], toy.STUB_1, None),
]


@pytest.mark.parametrize(("sources", "counts", "remark"), TWICE)
def test_the_last_answer_that_is_not_blank_counts(sources, counts, remark):
    cells = [*toy.LESSON[:4], *(("code", f"#| exercise: 1.1\n{source}") for source in sources), *toy.LESSON[5:]]
    answers = from_copy(cells)
    assert answers.by_exercise["1.1"] == counts
    assert answers.remarks.get("1.1") == remark
    assert answers.extras == []


def test_a_stub_without_mark_never_undoes_an_answer():
    answers = from_copy([*toy.answered(), ("code", toy.STUB_1), ("code", "# mine\n" + toy.STUB_1)])
    assert answers.by_exercise == BOTH
    assert answers.extras == []


@pytest.mark.parametrize("magic", ["%%time\n", "\n\n%%time\n", "%%capture out\n%%time\n"])
def test_a_magic_above_or_below_a_mark_is_taken_off(magic):
    above = toy.replaced(toy.answered(), "#| exercise: 1.1\n", f"{magic}#| exercise: 1.1\n")
    below = toy.replaced(toy.answered(), "#| exercise: 1.1\n", f"#| exercise: 1.1\n{magic}")
    for cells in (above, below, strip_mark(above, "1.1")):
        assert from_copy(cells).by_exercise == BOTH


def test_helpers_come_along():
    cells = toy.answered(one="def squares(values):\n    return helper(values)")
    cells.insert(4, ("code", "%%time\ndef helper(values):\n    return 1"))
    answers = from_copy(cells)
    assert answers.extras == [(3 - 1, "def helper(values):\n    return 1")]


BLANK = ["", "# a thought", toy.STUB_1, toy.STUB_1.replace("...", "pass"), toy.STUB_1 + "\n\n# later"]


@pytest.mark.parametrize("source", BLANK)
def test_is_blank(source):
    assert is_blank(source, toy.STUB_1)


@pytest.mark.parametrize("source", [toy.RIGHT_1, toy.STUB_1 + "\nx = 1", toy.STUB_2, "x"])
def test_is_not_blank(source):
    assert not is_blank(source, toy.STUB_1)


# Any notebook at all

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("nbval-skip"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("tags"), inner, max_size=3)
    ),
    max_leaves=5,
)
LINES = ["#| exercise: 1.1", "# |  exercise :1.2 ", "#| check: 1.1", "#| exercise: 9.9", "%%time", "...", "\x0c", "# "]
LINES += [
    "def squares(values):",
    "    return 1",
    "grid = 5",
    "x = (",
    "\ud800",
    "\x00",
    "'\u2028'",
    *toy.STUB_1.split("\n"),
]
SOURCE = st.lists(st.sampled_from(LINES) | st.text(max_size=8), max_size=6).map("\n".join)
OWN = st.sampled_from([cell.source for cell in toy.notebook(toy.answered()).cells])


@st.composite
def scrambled(draw):
    """The text of a copy after accidents: cells shuffled, doubled, deleted, edited, ids gone, metadata junk, CRLF."""
    cells = draw(st.permutations([dict(cell) for cell in toy.notebook(toy.answered()).cells for _ in (1, 2)]))
    cells = cells[: draw(st.integers(0, len(cells)))]
    kinds = st.sampled_from(["code", "code", "markdown", "raw"])
    cells += draw(
        st.lists(st.builds(lambda kind, source: {"cell_type": kind, "source": source}, kinds, SOURCE), max_size=4)
    )
    spaces = draw(st.sampled_from(["#| exercise:", "#|exercise :", " # |  exercise:  "]))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    for cell in cells:
        cell["source"] = cell["source"].replace("#| exercise:", spaces).replace("\n", newline)
        for key in draw(st.lists(st.sampled_from(["id", "metadata", "outputs", "execution_count"]), max_size=3)):
            cell[key] = draw(JUNK)
        for key in draw(st.lists(st.sampled_from(["id", "metadata", "outputs", "execution_count"]), max_size=2)):
            cell.pop(key, None)
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells, "metadata": draw(JUNK)})


def only_lessons(notebook):
    """A filled notebook without extras, its gaps emptied again."""
    kept = [cell for cell in notebook.cells if not cell.id.startswith("extra-")]
    for cell in kept:
        if mark(cell) and mark(cell).kind == "exercise":
            cell.source = f"#| exercise: {mark(cell).exercise}\n{LESSON.gaps[mark(cell).exercise]}"
        cell.metadata = {}
    return [(cell.cell_type, cell.id, cell.source, cell.get("execution_count")) for cell in kept]


@settings(deadline=None, max_examples=100)
@given(scrambled())
def test_whatever_happened_to_a_copy_the_lessons_cells_are_the_lessons(text):
    answers = collect(LESSON, parse(text, "scrambled"))
    filled = fill(LESSON, answers)
    assert only_lessons(copy.deepcopy(filled)) == only_lessons(fill(LESSON, Answers({})))
    assert len({cell.id for cell in filled.cells}) == len(filled.cells)
    text_of(filled).encode("utf-8")
    again = fill(LESSON, collect(LESSON, filled))
    assert [cell.source for cell in again.cells] == [cell.source for cell in filled.cells]
    assert text_of(canonical(again)) == text_of(canonical(fill(LESSON, collect(LESSON, again))))


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")) | JUNK.map(str))
def test_text_that_is_no_notebook_is_a_notebook_error(text):
    with pytest.raises(NotebookError):
        parse(text, "x")
