"""`record` and `verify`: what is written, and that each proof fails when it should."""

import json
import re

import numpy as np
import pytest
from nbformat.v4 import new_output

import toy
from coursekit.checking.values import encode
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import Answers, fill
from coursekit.lessons.notebook import text_of
from coursekit.proving import kernels, verify
from coursekit.proving.record import expected_values, record, unfit


def files(course):
    return {path.relative_to(course.root): path.read_bytes() for path in course.root.rglob("*") if path.is_file()}


def changed(course, old, new, room="lessons"):
    """Swap one text for another in a stored notebook, which stays as it is otherwise."""
    path = course.root / room / "01_sums.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return course.lesson(1)


# What record writes


def test_record_keeps_outputs_values_and_sentences(toy_course):
    lesson = toy_course.lesson(1)
    texts = {cell.id: cell.outputs for cell in lesson.notebook.cells if cell.cell_type == "code"}
    assert "sum of squares 5.25" in json.dumps(texts)
    assert texts["check-1-1"][0].data["text/plain"].startswith("✓ 1.1  right in 3 of 3")
    assert texts["exercise-1-1"] == []
    stored = json.loads((toy_course.expected / "01_sums.json").read_text())
    assert {number: [m["says"] for m in entry["mistakes"]] for number, entry in stored.items()} == {
        number: [says for other, says in toy.MISTAKES if other == number] for number in ("1.1", "1.2")
    }
    assert stored["1.2"]["mistakes"][2]["cases"][0] == ["raised", "ValueError", "no grid"]
    assert "np.arange(rows)" not in text_of(lesson.notebook)


def test_record_twice_gives_the_same_bytes(toy_course):
    before = files(toy_course)
    record(toy_course, toy_course.lesson(1))
    assert files(toy_course) == before


UNFIT = {
    "a cell that raises": ("print('the end')", "1 / 0", "a cell raised ZeroDivisionError: division by zero in: 1 / 0"),
    "a reference that raises": ("dict(values=", "dict(v=", "the reference answer to 1.1 gives TypeError: "),
    "a chance result": ("return float(np.sum(values**2))", "return float(np.random.rand())", "fails its check: ✗ 1.1"),
    "an exit": ("print('the end')", "import os; os._exit(1)", "the run stopped: Kernel died"),
    "no check": ("#| check: 1.2", "# none", "mistake 1.2 has no exercise with a check"),
    "no answer": ("#| answer: 1.1", "# none", "the reference answer to 1.1 gives None."),
    "a mistake of nothing": ("#| mistake: 1.1", "#| mistake: 1.9", "mistake 1.9 has no exercise with a check"),
}


@pytest.mark.parametrize(("old", "new", "words"), UNFIT.values(), ids=UNFIT.keys())
def test_record_refuses_and_writes_nothing(old, new, words, tmp_path):
    parts = [toy.LESSON, toy.SOLUTIONS]
    parts = [toy.replaced(cells, old, new) if old in str(cells) else cells for cells in parts]
    course = toy.make_course(tmp_path, *parts)
    before = files(course)
    with pytest.raises(NotebookError, match=words):
        record(course, course.lesson(1))
    assert files(course) == before


@pytest.mark.parametrize("value", [True, None, [1, True], {"a": None}, object(), [[object()]]])
def test_values_that_no_answer_should_have(value):
    assert unfit([encode(1.0), encode(value)]) == encode(value)
    assert unfit([["raised", "ValueError", ""]])
    assert unfit([["late", 5.0]])
    assert unfit([encode(v) for v in (1, 0.5, "text", [1, 2], {"a": 1}, np.ones(3, dtype=bool))]) is None


def test_streams_come_in_one_piece_however_slowly(tmp_path):
    book = toy.notebook([("code", "import time\nfor k in range(3):\n    print(k, flush=True)\n    time.sleep(0.3)")])
    [cell] = toy.canonical(kernels.run(book, tmp_path)).cells
    assert [output.text for output in cell.outputs] == ["0\n1\n2\n"]


# What verify proves


def test_every_proof_holds_for_a_good_lesson(toy_course):
    assert verify.problems(toy_course, toy_course.lesson(1)) == []


def test_nbval_sees_a_wrong_output_and_a_wrong_answer(toy_course):
    lesson = changed(toy_course, "sum of squares 5.25\\n", "sum of squares 5.35\\n")
    [said] = verify.reproduces(toy_course, lesson)
    assert "stdout differs: 'sum of squares 5.25', recorded 'sum of squares 5.35'" in said
    wrong = fill(lesson, Answers({"1.1": toy.MISTAKES["1.1", "That is the mean: add up."], "1.2": toy.RIGHT_2}))
    failed = {cell["id"]: cell["why"] for cell in kernels.compare(wrong, toy_course.expected) if not cell["passed"]}
    assert "That is the mean: add up." in failed["check-1-1"]
    assert "check-1-2" not in failed
    assert len(failed) == 2


def test_an_output_that_was_never_recorded_does_not_pass(tmp_path):
    course = toy.make_course(tmp_path)
    course.expected.mkdir()
    said = list(verify.reproduces(course, course.lesson(1)))
    assert len(said) == 4  # two demonstrations, two checks


def test_cells_that_nbval_did_not_report_are_a_problem(toy_course, monkeypatch):
    monkeypatch.setattr(kernels, "compare", lambda *_, **__: [])
    assert list(verify.reproduces(toy_course, toy_course.lesson(1))) == ["nbval reported 0 of 7 cells"]


def test_unsolved_a_cell_that_raises_and_a_check_that_speaks(toy_course):
    lesson = changed(toy_course, "print('the end')", "squares(start) + 1")
    lesson = changed(toy_course, 'check(\\"1.2\\", grid,', 'check(\\"1.2\\", abs,')
    said = list(verify.unsolved(toy_course, lesson))
    assert len(said) == 2
    assert said[0].startswith("unsolved, a cell raises TypeError")
    assert said[1].startswith("unsolved, check 1.2 says: ✗ 1.2")


def test_mistakes_that_pass_or_are_taken_for_one_another(toy_course):
    right = toy.RIGHT_1.replace("squares(values)", "squares(values, more=0)")
    solutions = [
        *toy.SOLUTIONS,
        ("code", f"#| mistake: 1.1 It is right.\n{right}"),
        ("code", f"#| mistake: 1.1 The same twice.\n{toy.MISTAKES['1.1', 'That is the mean: add up.']}"),
    ]
    toy.write(toy_course.root / "solutions" / "01_sums.ipynb", solutions)
    lesson = toy_course.lesson(1)
    (toy_course.expected / "01_sums.json").write_text(expected_values(lesson, toy_course.solutions(lesson)))
    said = list(verify.answers(toy_course, lesson, seed=5))
    assert len(said) == 3
    assert said[0] == "on seed 5 the mistake 1.1 “It is right.” passes"
    assert said[1].startswith("the mistake 1.1 “It is right.” says: ✓ 1.1  right in 3 of 3")
    assert said[2] == "the mistake 1.1 “The same twice.” says: ✗ 1.1  That is the mean: add up."


def test_a_mistake_that_passes_on_some_seeds_is_counted(toy_course):
    often = ("1.1", "Often right.")
    lucky = f"{toy.RIGHT_1} + (values[0] > 1)"
    solutions = [*toy.SOLUTIONS, ("code", f"#| mistake: {often[0]} {often[1]}\n{lucky}")]
    toy.write(toy_course.root / "solutions" / "01_sums.ipynb", solutions)
    [said] = verify.by_chance(toy_course, toy_course.lesson(1), seeds=25)
    counted = re.fullmatch(r"(\d+) of 25 times: on seed \d+ the mistake 1.1 “Often right.” passes", said)
    assert 5 < int(counted[1]) < 25


def test_an_answer_that_cannot_be_graded_on_every_seed(toy_course):
    solutions = toy.replaced(toy.SOLUTIONS, toy.RIGHT_1, f"{toy.RIGHT_1} if values[0] < 2 else True")
    toy.write(toy_course.root / "solutions" / "01_sums.ipynb", solutions)
    said = next(verify.answers(toy_course, toy_course.lesson(1), seed=9))
    assert said == "on seed 9 the reference answer to 1.1 gives a bool"


def test_expected_values_that_are_stale(toy_course):
    path = toy_course.expected / "01_sums.json"
    stored = json.loads(path.read_text())
    stored["1.1"]["cases"][0][1] *= 1 + 1e-5
    stored["1.2"]["mistakes"][0]["says"] = "Another sentence."
    path.write_text(json.dumps(stored))
    said = list(verify.answers(toy_course, toy_course.lesson(1)))
    assert said[0].startswith("expected values of 1.1 have changed (got ")
    assert said[1].startswith("the mistakes of 1.2 have changed")
    assert said[2].startswith("the reference answer to 1.1 says: ✗ 1.1")
    assert said[3:] == ["the mistake 1.2 “It is transposed.” says: ✗ 1.2  Another sentence."]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"1.1": {}}', '{"1.1": 5}'])
def test_expected_values_that_are_damaged(content, toy_course):
    (toy_course.expected / "01_sums.json").write_text(content)
    said = next(verify.answers(toy_course, toy_course.lesson(1)))
    assert said == "expected/01_sums.json is damaged: run `course record 01`"


def test_expected_values_that_are_missing(toy_course):
    (toy_course.expected / "01_sums.json").unlink()
    said = next(verify.answers(toy_course, toy_course.lesson(1)))
    assert said == "01_sums.json is missing: run `course record 01`"


def test_a_proof_that_cannot_go_on_does_not_stop_the_others(toy_course):
    changed(toy_course, "#| mistake: 1.2 Rows", "#| mistake: 1.9 Rows", room="solutions")
    found = verify.problems(toy_course, toy_course.lesson(1), [verify.answers, verify.form])
    assert ("answers", "01_sums: mistake 1.9 has no exercise with a check.") in found
    assert any(proof == "form" for proof, _ in found)


FORM = {
    "other bytes": ("lessons", '"nbformat": 4,', '"nbformat":  4,', "lessons/01_sums.ipynb is not in canonical form"),
    "a stray id": ("solutions", '"answer-1-1"', '"a-1-1"', "solutions/01_sums.ipynb is not in canonical form"),
    "no facts": ("lessons", "15 min · CPU 1 s · after: nothing", "ten minutes", "lacks its line of facts"),
    "other minutes": (
        "lessons",
        "15 min",
        "20 min",
        "says 20 min and ★ 0 min, words, code and exercises make 15 and 0",
    ),
    "a foreign number": ("lessons", "exercise: 1.1", "exercise: 2.1", "exercise 2.1 is numbered for another lesson"),
    "no answer": ("solutions", "answer: 1.1", "answer: 1.9", "exercise 1.1 has no reference answer"),
    "few mistakes": ("solutions", "Sum first, square later?", "That is the sum: square first.", "has 2 named mistakes"),
    "no sentence": ("solutions", " Rows count once.", "", "a mistake of exercise 1.2 has no sentence"),
    "a leak in code": ("lessons", "print('the end')", "    return float(np.sum(values**2))", "stands in the lesson"),
    "a leak in prose": (
        "lessons",
        "### Exercise 1.1",
        "Hint: return float(np.sum(values**2)) ###",
        "stands in the lesson",
    ),
}


@pytest.mark.parametrize(("room", "old", "new", "words"), FORM.values(), ids=FORM.keys())
def test_form(room, old, new, words, toy_course):
    assert list(verify.form(toy_course, toy_course.lesson(1))) == []
    lesson = changed(toy_course, old, new, room)
    assert any(words in said for said in verify.form(toy_course, lesson))


def test_form_asks_what_a_cell_draws_that_only_draws(toy_course):
    lesson = toy_course.lesson(1)
    [cell] = [cell for cell in lesson.notebook.cells if cell.source == "print('the end')"]
    cell.source, cell.outputs = "draw(\n1,\n2,\n)", [new_output("display_data", {"image/png": ""})]
    assert "a cell only draws, and its first line does not say what (# Draws …): draw(" in verify.form(
        toy_course, lesson
    )
    cell.source = "# Draws a line\n" + cell.source
    assert not any("only draws" in said for said in verify.form(toy_course, lesson))


PICTURE = (
    '"outputs": [{"output_type": "display_data", "data": {"image/png": ""}, "metadata": {"image/png": {"alt": ""}}}]'
)
TEXT = {
    "an unbound number": ("The first one is 5.25", "The first one is 5.35", "no cell prints 5.35"),
    "a picture without alt text": ('"outputs": []', PICTURE, "a picture has no alt text"),
    "four questions": ("**5. How much", "How much", "there are 4 practice questions"),
    "no questions": ("## Practice questions", "## Questions", "there are 0 practice questions"),
    "no right option": ("✓ Right:", "✗ Right:", "practice question 1 has 3 options, 0 of them right"),
    "two right options": (
        "✗ That is one alone",
        "✓ That is one alone",
        "practice question 1 has 3 options, 2 of them right",
    ),
    "an option without a word": ("✗ That is one alone; add the other one as well.", "✗ No.", "“One.” does not explain"),
    "an option without a sign": ("✗ That is one alone", "That is one alone", "“One.” does not explain"),
    "an option that is open": ("<details><summary>Eleven", "<p><summary>Eleven", "practice question 1 has 2 options"),
}


@pytest.mark.parametrize(("old", "new", "words"), TEXT.values(), ids=TEXT.keys())
def test_text(old, new, words, toy_course):
    assert list(verify.text(toy_course, toy_course.lesson(1))) == []
    lesson = changed(toy_course, old, new)
    assert any(words in said for said in verify.text(toy_course, lesson))


def test_a_run_depends_neither_on_the_home_nor_on_settings_nor_on_a_long_temporary_folder(tmp_path, monkeypatch):
    long = tmp_path / ("a" * 90) / ("b" * 60)
    long.mkdir(parents=True)
    (tmp_path / "matplotlibrc").write_text("font.size: 33\n")
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    monkeypatch.setattr("tempfile.tempdir", str(long))
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint(plt.rcParams['font.size'])"
    ran = kernels.run(toy.notebook([("code", code)]), tmp_path)
    shown = [output.get("text") or sorted(output.data) for output in ran.cells[0].outputs]
    assert shown == [["image/png", "text/plain"], "10.0\n"]  # and no notice of a temporary cache
