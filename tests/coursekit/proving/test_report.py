"""`course check`: every exercise is reported, whatever the other cells do."""

import json
from pathlib import Path

import pytest

import toy
from coursekit.checking.checks import VERDICT_MIME
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, collect, fill
from coursekit.lessons.notebook import read
from coursekit.proving.record import record
from coursekit.proving.report import DEAD, _troubles, check_notebook, lesson_of, rows

SUM = toy.MISTAKES["1.1", "That is the sum: square first."]
ENDS = "it ends Python: is there an exit() in it, or does it fill the memory?"
LATE = "it took too long: is there a loop that never ends?"


@pytest.fixture
def report(recorded_toy, tmp_path):
    """Checks a copy with these cells and returns ({exercise: (kind, line)}, remarks); the file stays as it was."""

    def run(cells, timeout=60, change=lambda book: None):
        book = toy.notebook(cells)
        change(book)
        path = tmp_path / "01_sums.ipynb"
        path.write_text(json.dumps(book), encoding="utf-8")
        before = path.read_bytes()
        lesson, found, remarks = check_notebook(recorded_toy, path, timeout)
        assert (lesson.number, path.read_bytes()) == ("01", before)
        assert [row.exercise for row in found] == ["1.1", "1.2"]
        assert [path.name for path in tmp_path.iterdir()] == ["01_sums.ipynb"]
        return {row.exercise: (row.kind, row.line) for row in found}, remarks

    return run


def with_extra(cells, source, at=3):
    return [*cells[:at], ("code", source), *cells[at:]]


def test_a_copy_that_somebody_worked_in(report):
    cells = toy.answered(one="def squares(values):\n    print(values)\n    return helper(values)", two=toy.STUB_2)
    cells = with_extra(cells, "def helper(values):\n    return float(np.sum(values**2))")
    cells = with_extra(cells, "1 / 0")
    cells = toy.replaced(cells, "start = np.array([0.5, 1.0, 2.0])", "start = None")
    cells = toy.replaced(cells, toy.CHECK_2, "print('✓ 1.2  5 of 5')")
    found, remarks = report(toy.replaced(cells, "#| exercise: 1.1", "%%time\n#| exercise: 1.1"))
    assert found["1.1"][0] == "right"
    assert found["1.1"][1].startswith("✓ 1.1  right in 3 of 3")
    assert found["1.2"] == ("blank", "○ 1.2  not answered yet")
    assert remarks == []


def test_a_copy_without_marks_ids_and_metadata_and_with_an_answer_twice(report):
    def bare(book):
        book.metadata = {}
        for cell in book.cells:
            cell.pop("id")
            cell.pop("metadata")

    cells = toy.replaced(toy.answered(one=SUM), "#| exercise: 1.1\n", "")
    wrong = toy.MISTAKES["1.2", "It is transposed."]
    found, _ = report([*cells, ("code", f"#| exercise: 1.2\n{wrong}"), ("code", "#| exercise: 1.2\n")], change=bare)
    assert found["1.1"] == (
        "wrong",
        "✗ 1.1  That is the sum: square first.\n  (its mark was missing, but it was found)",
    )
    assert found["1.2"] == (
        "wrong",
        "✗ 1.2  It is transposed.\n  (answered more than once; the last answer that is not blank counts)",
    )


def test_a_syntax_error_and_an_exit_cost_only_their_own_exercise(report):
    found, _ = report(toy.answered(one="def squares(values:\n    return 1", two=f"exit()\n{toy.RIGHT_2}"))
    assert found["1.1"][0] == found["1.2"][0] == "wrong"
    assert found["1.1"][1].startswith("✗ 1.1  its cell does not run: SyntaxError: '(' was never closed")
    assert found["1.2"][1].startswith("✗ 1.2  its cell does not run: SystemExit")


def test_what_kills_the_kernel_is_taken_out_and_the_rest_is_reported(report):
    deadly = "import os\n\n\ndef grid(rows, columns):\n    os._exit(0)"
    found, remarks = report(with_extra(toy.answered(two=deadly), "import os\nos._exit(0)"))
    assert found["1.1"][0] == "right"
    assert found["1.2"] == ("wrong", f"✗ 1.2  {ENDS}")
    assert remarks == [f"Your cell 'import os' was left out: {ENDS}"]


def test_a_loop_in_a_cell_costs_its_own_exercise(report):
    found, _ = report(toy.answered(one="while True:\n    pass"), timeout=5)
    assert found["1.1"] == ("wrong", f"✗ 1.1  its cell does not run: {LATE}")
    assert found["1.2"][0] == "right"


def test_a_loop_that_cannot_be_interrupted_is_taken_out(report):
    stubborn = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    found, _ = report(toy.answered(two=stubborn), timeout=5)
    assert found["1.1"][0] == "right"
    assert found["1.2"] == ("wrong", f"✗ 1.2  {LATE}")


SLOW = "import os, time\n\ntime.sleep(float(os.environ.get('SECONDS_OF_THE_TOY', 0)))\nlater = 1"


def test_a_slow_cell_of_the_lesson_is_named_with_its_limit(tmp_path, monkeypatch):
    lesson = list(toy.LESSON)
    lesson.insert(6, ("code", SLOW))
    lesson = toy.replaced(lesson, 'check("1.2", grid,', 'check("1.2", later and grid,')
    course = toy.make_course(tmp_path / "course", lesson)
    record(course, course.lesson(1), quick=True)
    copy = toy.write(tmp_path / "01_sums.ipynb", toy.answered(cells=lesson))
    monkeypatch.setenv("SECONDS_OF_THE_TOY", "60")
    _, rows, remarks = check_notebook(course, copy, timeout=4)
    cell = (
        "the lesson's own cell `import os, time` had not ended after 4 s: `--seconds 8` gives each cell twice as long"
    )
    assert [row.line for row in rows][1] == f"! 1.2  the check did not report: {cell}"
    assert rows[0].kind == "right"
    assert remarks == [f"T{cell[1:]}."]


DIES = {"id": "", "passed": False, "why": "the kernel died", "outputs": [], "late": False, "lost": True}


def test_after_a_cell_of_the_lesson_that_ended_python_each_check_names_it():
    lesson = toy.make_lesson()
    answers = collect(lesson, toy.notebook(toy.answered()))
    filled = fill(lesson, answers)
    plain = next(cell.id for cell in filled.cells if "sum of squares" in cell.source)
    after = [DIES | {"id": name, "why": DEAD} for name in ("check-1-1", "check-1-2")]
    cells = [DIES | {"id": plain}, *after]
    troubles = _troubles(lesson, filled, cells, answers, 60)
    words = "the lesson's own cell `start = np.array([0.5, 1.0, 2.0])` ended Python: is there enough memory?"
    assert troubles == {plain: words}
    assert [row.text for row in rows(filled, cells, lesson, answers, troubles)] == [
        f"! {exercise}  the check did not report: {words}" for exercise in ("1.1", "1.2")
    ]


# Rows, from what nbval reported


def cell(name, *outputs, late=False, lost=False, why=""):
    return {"id": name, "passed": not outputs, "why": why, "outputs": list(outputs), "late": late, "lost": lost}


def verdict(exercise, kind, text):
    return {
        "output_type": "display_data",
        "data": {VERDICT_MIME: {"exercise": exercise, "kind": kind}, "text/plain": text},
    }


ERROR = {"output_type": "error", "ename": "NameError", "evalue": "name\n'x'"}
BLANK, RIGHT = verdict("1.1", "blank", "○ 1.1  not answered yet"), verdict("1.1", "right", "✓ 1.1  right in 3 of 3")
REPORTED = [
    ([], "error", "! 1.1  the check did not report: the run ended before it"),
    ([cell("check-1-1")], "error", "! 1.1  the check did not report: "),
    ([cell("check-1-1", ERROR)], "error", "! 1.1  the check did not report: NameError: name 'x'"),
    ([cell("check-1-1", late=True)], "error", f"! 1.1  the check did not report: {LATE}"),
    ([cell("check-1-1", why="the kernel died")], "error", "! 1.1  the check did not report: the kernel died"),
    ([cell("check-1-1", RIGHT)], "right", "✓ 1.1  right in 3 of 3"),
    ([cell("exercise-1-1", ERROR), cell("check-1-1", RIGHT)], "right", "✓ 1.1  right in 3 of 3"),
    (
        [cell("exercise-1-1", ERROR), cell("check-1-1", BLANK)],
        "wrong",
        "✗ 1.1  its cell does not run: NameError: name 'x'",
    ),
    ([cell("exercise-1-1", late=True)], "wrong", f"✗ 1.1  its cell does not run: {LATE}"),
    (
        [cell("check-1-2", RIGHT), cell("extra-0", RIGHT)],
        "error",
        "! 1.1  the check did not report: the run ended before it",
    ),
]


@pytest.mark.parametrize(("cells", "kind", "line"), REPORTED)
def test_only_what_is_reported_counts(cells, kind, line):
    lesson = toy.make_lesson()
    answers = collect(lesson, toy.notebook(toy.answered()))
    first, second = rows(fill(lesson, answers), cells, lesson, answers)
    assert (first.kind, first.line) == (kind, line)
    assert second.kind != "right" or cells[0]["id"] == "check-1-2"


def test_an_exercise_that_is_gone_is_not_right():
    lesson = toy.make_lesson()
    first, _ = rows(fill(lesson, Answers({})), [cell("check-1-1", RIGHT)], lesson, Answers({}))
    assert (first.kind, first.remark) == ("blank", "its cell is gone from the notebook")


# Whose copy it is


def test_the_lesson_is_known_by_its_marks_else_by_its_name(recorded_toy):
    marked, bare = toy.notebook(toy.LESSON), toy.notebook(["# Mine", ("code", "x = 1")])
    assert lesson_of(recorded_toy, Path("homework.ipynb"), marked).number == "01"
    assert lesson_of(recorded_toy, Path("09_other.ipynb"), marked).number == "01"
    assert lesson_of(recorded_toy, Path("01_sums (1).ipynb"), bare).number == "01"
    with pytest.raises(NotebookError, match="not a notebook of this course: no cell of it begins with a mark"):
        lesson_of(recorded_toy, Path("homework.ipynb"), bare)
    with pytest.raises(NotebookError, match="has exercises of lesson 07, which this course does not have"):
        lesson_of(recorded_toy, Path("01_sums.ipynb"), toy.notebook([("code", "#| exercise: 7.1\n...")]))


def test_a_copy_without_one_exercise_is_refused_in_one_sentence(recorded_toy, tmp_path):
    path = toy.write(tmp_path / "01_sums.ipynb", ["# Mine", ("code", "x = 1")])
    with pytest.raises(
        NotebookError, match=r"none of the exercises of lesson 01: .* `#\| exercise: 1\.1`; put it back"
    ):
        check_notebook(recorded_toy, path)


def test_a_copy_that_any_tool_saved_reads_the_same(recorded_toy, tmp_path):
    path = tmp_path / "01_sums.ipynb"
    book = toy.notebook(toy.answered())
    book.cells = [dict(c, source=[f"{line}\r\n" for line in c.source.split("\n")]) for c in book.cells]
    path.write_text(json.dumps(book), encoding="utf-8-sig")
    found = collect(recorded_toy.lesson(1), read(path)).by_exercise
    assert found == {"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2}


def test_a_copy_from_colab_is_known_by_its_marks_its_name_or_what_it_defines(recorded_toy, tmp_path):
    titled = [(c[0], f"#@title Answer\n{c[1]}") if c[1].startswith("#|") else c for c in toy.answered()]
    bare = [(c[0], c[1].partition("\n")[2]) if c[1].startswith("#|") else c for c in toy.answered()]
    for cells, name in ((titled, "Copy of 01_sums.ipynb"), (bare, "Copy of 01_sums.ipynb"), (bare, "mine.ipynb")):
        path = toy.write(tmp_path / name, cells)
        _, found, _ = check_notebook(recorded_toy, path)
        assert [row.kind for row in found] == ["right", "right"]


def test_a_notebook_of_another_course_is_none_of_this(recorded_toy, tmp_path):
    with pytest.raises(NotebookError, match=r"is not a notebook of this course: .* none defines what an exercise asks"):
        check_notebook(recorded_toy, toy.write(tmp_path / "mine.ipynb", [("code", "x = 1")]))
