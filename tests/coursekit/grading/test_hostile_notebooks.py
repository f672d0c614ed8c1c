"""Notebooks as editors, clouds, accidents and malice leave them: each is read for what is in it, or refused in a
sentence, and whoever grades them stays whole. What their answers do when they run is in test_attacks.py.
"""

import contextlib
import json
import pickle
import sys
import zipfile

import pytest

import toy
from coursekit.checking.checks import VALUES_MIME
from coursekit.grading.runs import run_answers
from coursekit.grading.sandbox import read_message, refuse_exposed, visible
from coursekit.grading.submissions import collect_submissions
from coursekit.grading.unit import submission_values
from coursekit.lessons.cells import LONGEST
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect, fill
from coursekit.lessons.notebook import mark, parse
from coursekit.lessons.slices import alone, names_inside, names_of

LESSON = toy.make_lesson()
BOTH = {"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2}


def copy_of(change=lambda notebook: None):
    """The text of a notebook with both answers, after a change to its JSON."""
    notebook = json.loads(json.dumps(toy.notebook(toy.answered())))  # each source in one piece
    change(notebook)
    return json.dumps(notebook)


def each_cell(change):
    return lambda notebook: [change(cell) for cell in notebook["cells"]]


def without(*keys):
    return each_cell(lambda cell: [cell.pop(key, None) for key in keys])


def evil_metadata(notebook):
    notebook["metadata"] = {"kernelspec": {"name": "../../evil", "argv": ["rm"]}, "language_info": 7, "widgets": []}
    for cell in notebook["cells"]:
        cell["metadata"] = {"tags": ["raises-exception", 5], "nbgrader": {"grade_id": "../.."}, "a": {"b": [{}] * 99}}


def with_nul(notebook):
    for cell in notebook["cells"]:
        cell["source"] = "\x00" + cell["source"].replace("return", "ret\x00urn")


def reordered(notebook):
    notebook["cells"].reverse()


def checks_gone(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if not c["source"].startswith("#| check")]


def checks_edited(notebook):
    for cell in notebook["cells"]:
        if cell["source"].startswith("#| check"):
            cell["source"] = cell["source"].split("\n")[0] + "\nprint('✓ 1.1  3 of 3')"


def checks_doubled(notebook):
    notebook["cells"] += [c for c in notebook["cells"] if c["source"].startswith("#| check")]


def checks_within_answers(notebook):
    cells = [c for c in notebook["cells"] if c["source"].startswith("#| check")]
    notebook["cells"] += [dict(cell, source=f"#| check: {k}.{k}\ncheck = print") for k, cell in enumerate(cells, 7)]


def blank_copies(notebook):
    stub = f"#| exercise: 1.1\n{toy.STUB_1}"
    cell = next(c for c in notebook["cells"] if c["source"].startswith("#| exercise: 1.1"))
    notebook["cells"] = [dict(cell, source=stub), *notebook["cells"], dict(cell, source=stub)]


SOUND = {
    "as Jupyter saves it": lambda notebook: None,
    "without ids, as format 4.4": without("id"),
    "without metadata and outputs, as Colab leaves it": without("id", "metadata", "outputs", "execution_count"),
    "lines as a list, as VS Code saves it": each_cell(lambda c: c.update(source=c["source"].splitlines(True))),
    "the same id everywhere": each_cell(lambda c: c.update(id="x")),
    "ids that are no text": each_cell(lambda c: c.update(id={"a": 1})),
    "outputs that are none": each_cell(lambda c: c.update(outputs=[None, 7, {"data": 5}, {"output_type": []}])),
    "a count without end": each_cell(lambda c: c.update(execution_count=10**400)),
    "hostile metadata": evil_metadata,
    "NUL in the text": with_nul,
    "cells in reverse": reordered,
    "checks deleted": checks_gone,
    "checks edited": checks_edited,
    "checks doubled": checks_doubled,
    "checks of exercises that are not there": checks_within_answers,
    "blank copies of an exercise before and after": blank_copies,
}


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND.keys())
def test_answers_are_found_and_the_checks_are_the_lessons_own(change):
    answers = collect(LESSON, parse(copy_of(change), "it"))
    assert answers.by_exercise == BOTH
    filled = fill(LESSON, answers)
    assert [c.source for c in filled.cells if mark(c) and mark(c).kind == "check"] == [
        f"#| check: 1.1\n{toy.CHECK_1}",
        f"#| check: 1.2\n{toy.CHECK_2}",
    ]


def nested(depth):
    return [nested(depth - 1)] if depth else []


REFUSED = {
    "empty": "",
    "white space": " \n\t ",
    "cut off": copy_of()[:-100],
    "a list": "[]",
    "an empty object": "{}",
    "format 3": json.dumps({"nbformat": 3, "worksheets": [{"cells": []}]}),
    "format of no kind": json.dumps({"nbformat": {"a": 4}, "cells": []}),
    "no cells": json.dumps({"nbformat": 4}),
    "cells that are no list": json.dumps({"nbformat": 4, "cells": {"0": {}}}),
    "a cell that is no cell": json.dumps({"nbformat": 4, "cells": [7]}),
    "a cell without a kind": json.dumps({"nbformat": 4, "cells": [{"source": "x"}]}),
    "a source that is a number": json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}),
    "nested without end": '{"nbformat": 4, "cells": ' + "[" * 200_000,
    "nested in order": '{"nbformat": 4, "cells": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "metadata nested as deep as parsers go": '{"nbformat": 4, "cells": [], "metadata": {"a": '
    + "[" * 900
    + "]" * 900
    + "}}",
    "outputs nested as deep as parsers go": json.dumps(
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [{"a": nested(500)}]}]}
    ),
    "a number without end": '{"nbformat": 4, "cells": [], "x": ' + "9" * 100_000 + "}",
    "NUL between": copy_of().replace('"cells"', '"ce\x00lls"'),
    "cells without end": json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x=1"}] * 100_000}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_notebook_is_refused_in_one_sentence(text):
    with pytest.raises(NotebookError, match=r"^it:? .+") as refused:
        parse(text, "it")
    assert len(str(refused.value)) < 300


# Code that whoever grades looks into, without running it

TOWERS = {
    "cases": "if a: a\n" + "elif a: a\n" * 3000,
    "brackets": "(" * 5000 + ")" * 5000,
    "comprehension": "[a" + " for a in a" * 4000 + "]",
    "comprehension, longer than anybody writes": "[a" + " for a in a" * 400_000 + "]",
    "sum": "a" + "+a" * 20_000,
    "attributes": "a" + ".a" * 20_000,
    "signs": "-" * 40_000 + "1",
    "blocks": "\n".join(" " * k + "if a:" for k in range(200)),
    "an escape that is none": r"a = '\d'",
    "a lone surrogate": "a = '\ud800'",
}


@pytest.mark.parametrize("source", TOWERS.values(), ids=TOWERS.keys())
def test_code_that_fells_a_compiler_does_not_fell_the_grader(source):
    stored, needed = names_of(source)
    assert stored | needed <= {"a"}


class NoKernel:
    """Stands where kernels are made, and counts."""

    def __init__(self):
        self.asked = 0

    @contextlib.contextmanager
    def __call__(self, seed):
        self.asked += 1
        yield self

    def execute(self, source, seconds):
        return []


def test_a_blank_submission_needs_no_kernel():
    box = NoKernel()
    found = run_answers(LESSON, collect(LESSON, LESSON.notebook), 1, box)
    assert box.asked == 0
    assert [value["credit"]["blank"] for value in found["values"].values()] == [True, True]


def test_a_monstrous_answer_costs_only_itself():
    long = f"{toy.RIGHT_1}\n{'x = 1' * LONGEST}"
    found = run_answers(LESSON, collect(LESSON, toy.notebook(toy.answered(one=long))), 1, NoKernel())
    assert found["lost"] == {"1.1": f"it has over {LONGEST} characters"}
    assert found["values"].keys() == {"1.2"}


# Nothing is worse than linear: twice the size takes twice the steps, and not four times


def chain(length):
    """Cells of which each needs the next, and the answer the first."""
    cells = [*toy.answered(one=f"{toy.RIGHT_1}\nx0"), *[("code", f"x{k} = x{k + 1}") for k in range(length)]]
    return toy.notebook([cells[0], cells[1], *cells[len(toy.answered()) :], *cells[2 : len(toy.answered())]])


def magics(length):
    return toy.notebook([*toy.answered(), ("code", "%x\n" * length + "y = 1")])


def marks(length):
    return toy.notebook(
        [*toy.answered(), *[("code", f"#| exercise: 1.1\n{toy.RIGHT_1}\n# {k}") for k in range(length)]]
    )


def names(length):
    return toy.notebook([*toy.answered(), ("code", "\n".join(f"a{k} = 1" for k in range(length)))])


def stars(length):
    return toy.notebook([*toy.answered(one=f"{toy.RIGHT_1}\nx0"), *[("code", "from m import *")] * length])


GROWING = {
    "chain": (chain, 50),
    "magics": (magics, 100),
    "marks": (marks, 60),
    "names": (names, 200),
    "stars": (stars, 40),
}


def read_whole(notebook):
    answers = collect(LESSON, notebook)
    alone(fill(LESSON, answers), LESSON)


def steps(notebook):
    """How many lines of Python reading it takes: a count, which no other work on the machine can move."""
    counted = 0

    def trace(frame, event, argument):
        nonlocal counted
        counted += event == "line"
        return trace

    names_of.cache_clear(), names_inside.cache_clear()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read_whole(notebook)
    finally:
        sys.settrace(before)
    return counted


@pytest.mark.no_cover  # which traces Python's lines as well
@pytest.mark.parametrize(("grown", "size"), GROWING.values(), ids=GROWING.keys())
def test_sixteen_times_the_size_takes_no_more_than_sixteen_times_the_steps(grown, size):
    base, small, large = (steps(grown(n)) for n in (0, size, 16 * size))
    grown_by = (large - base) / (small - base)
    assert 4 < grown_by < 24, "quadratic would be 256; far less than 16 would mean that the large one is refused unread"


# Which cells an exercise brings along


def sources(cells):
    parts = alone(fill(LESSON, collect(LESSON, toy.notebook(cells))), LESSON)
    return {exercise: [cell.source for cell in part] for exercise, part in parts.items()}


def test_an_answer_that_defines_what_the_lesson_defines_is_not_brought_along():
    guilty = f"import numpy as np\nsum = check = 5\n{toy.RIGHT_1}"
    part = sources(toy.answered(one=guilty, two=toy.RIGHT_2 + "\n# sum"))["1.2"]
    assert part == [toy.LESSON[1][1], f"#| exercise: 1.2\n{toy.RIGHT_2}\n# sum", f"#| check: 1.2\n{toy.CHECK_2}"]


def test_a_helper_of_ones_own_is_brought_along_from_wherever_it_is():
    helped = "def grid(rows, columns):\n    return helper(rows, columns) + offset"
    cells = toy.answered(one=f"offset = 0\n{toy.RIGHT_1}", two=helped)
    cells.insert(2, ("code", toy.RIGHT_2.replace("grid", "helper")))
    part = sources(cells)["1.2"]
    assert toy.RIGHT_2.replace("grid", "helper") in part
    assert any("offset = 0" in source for source in part)
    assert toy.RIGHT_2.replace("grid", "helper") not in sources(cells)["1.1"]


def test_a_star_import_is_brought_along_where_a_name_is_missing():
    cells = toy.answered(one="def squares(values):\n    return fsum(values**2)")
    cells.insert(2, ("code", "from math import *"))
    assert "from math import *" in sources(cells)["1.1"]
    assert "from math import *" not in sources(cells)["1.2"]


def test_another_answer_does_not_stand_in_for_a_broken_one():
    cells = toy.answered(one="def squares(", two=f"{toy.RIGHT_2}\n{toy.RIGHT_1}")
    assert not any("grid" in source for source in sources(cells)["1.1"])


@pytest.mark.parametrize("fault", [RecursionError, MemoryError, ValueError, KeyError])
def test_whatever_a_parser_chokes_on_is_that_learners_alone(fault, monkeypatch, tmp_path):
    """A fault that nobody has thought of, in the midst of reading: the others are read all the same."""

    def choke(text, name):
        if "choke" in text:
            raise fault
        return parse(text, name)

    monkeypatch.setattr("coursekit.grading.glance.parse", choke)
    monkeypatch.setattr("coursekit.grading.unit.parse", choke)
    (tmp_path / "Ada.ipynb").write_text(copy_of().replace("return", "choke return"))
    (tmp_path / "Emmy.ipynb").write_text(copy_of())
    ada, emmy = collect_submissions(tmp_path, LESSON)
    assert ada.problem == f"it cannot be read ({fault.__name__})"
    assert not emmy.problem
    said = "more than 1.5 GB of memory" if fault is MemoryError else fault.__name__
    assert said in submission_values("choke", LESSON, 1, NoKernel())["unreadable"]


# What malformed values are


def message(value):
    return json.dumps({"n": 1, "output_type": "display_data", "data": {VALUES_MIME: {"cases": [value]}}}).encode()


def test_what_is_no_message_is_none_and_what_is_one_can_be_pickled_and_written():
    bad = ["", "{", "[" * 100_000, "NaN", "null", "7", '{"n": 1}', '{"n": [], "output_type": ""}', '{"n": 1, "x": NaN}']
    assert [read_message(text.encode()) for text in bad] == [None] * len(bad)
    assert read_message(b"\xff\xfe") is None
    assert read_message(message(["l", nested(300)])) is None
    odd = read_message(message(["s", "\ud800"]))
    assert odd["data"][VALUES_MIME]["cases"] == [["s", "?"]]
    assert pickle.loads(pickle.dumps(odd)) == odd
    assert json.dumps(odd, ensure_ascii=False).encode()
    assert read_message(message(["s", "\U0001f600 é"]))["data"][VALUES_MIME]["cases"] == [["s", "\U0001f600 é"]]


# Archives


def test_a_zip_of_very_many_notebooks_is_not_unpacked(tmp_path):
    (tmp_path / "inbox").mkdir()
    with zipfile.ZipFile(tmp_path / "inbox" / "Ada.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(101):
            archive.writestr(f"{k}/01_sums.ipynb", copy_of())
    (tmp_path / "inbox" / "Emmy.ipynb").write_text(copy_of())
    ada, emmy = collect_submissions(tmp_path / "inbox", LESSON)
    assert "more than 100 notebooks" in ada.problem
    assert not emmy.problem


@pytest.mark.parametrize(
    "name", ["../../up.ipynb", "/etc/root.ipynb", "a/../../b.ipynb", "C:\\Windows\\x.ipynb", "..ipynb"]
)
def test_a_zip_that_climbs_out_writes_nothing(tmp_path, name):
    (tmp_path / "inbox").mkdir()
    with zipfile.ZipFile(tmp_path / "inbox" / "Ada.zip", "w") as archive:
        archive.writestr(name, copy_of())
    before = sorted(tmp_path.rglob("*"))
    collect_submissions(tmp_path / "inbox", LESSON)
    assert sorted(tmp_path.rglob("*")) == before


def test_secrets_in_a_folder_that_kernels_see_are_refused(tmp_path):
    refuse_exposed(tmp_path)
    with pytest.raises(NotebookError, match="which the code under grading can read"):
        refuse_exposed(tmp_path, visible()[0] / "lib" / "solutions")
