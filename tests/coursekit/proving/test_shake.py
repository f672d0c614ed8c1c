"""What hangs on the last bit is found, kept with the recording, and refused where a reader is told of it."""

import json

import numpy as np
import pytest

import toy
from coursekit.lessons.errors import NotebookError
from coursekit.proving import arithmetics, kernels, shake, verify
from coursekit.proving.comparison import moved, outputs_agree, together
from coursekit.proving.record import record

# A logistic map loses a bit a step: after sixty steps two starts that differ in the last one have nothing in common.
CHAOS = "x = float(np.random.default_rng(0).uniform())\nfor _ in range(60):\n    x = 4 * x * (1 - x)\n"
QUIET, END = "print('all the same')", "print('the end')"


@pytest.fixture
def last_bits(monkeypatch):
    monkeypatch.setattr(arithmetics, "ARITHMETICS", {"last bits 1": {arithmetics.NUDGE: "1"}})


def course_of(tmp_path, code, prose=""):
    cells = toy.replaced(toy.LESSON, END, code)
    cells = toy.replaced(cells, "The first one is 5.25.", f"The first one is 5.25. {prose}")
    return toy.make_course(tmp_path, lesson=cells)


def moves_of(course):
    return json.loads((course.expected / shake.FOLDER / "01_sums.json").read_text())


def test_what_is_stable_moves_nothing(tmp_path, last_bits):
    course = course_of(tmp_path, QUIET)
    record(course, course.lesson(1))
    kept = moves_of(course)
    assert kept["cells"] == {}
    assert kept["recorded with"]["features"]
    assert kept["recorded with"]["versions"]["numpy"] == np.__version__


def test_a_chaotic_number_is_known_to_move_and_the_proofs_let_it(tmp_path, last_bits, monkeypatch):
    course = course_of(tmp_path, CHAOS + "print(f'x is {x:.4f} after 60 steps')")
    lesson = record(course, course.lesson(1))
    [[numbers]] = [list(parts.values()) for parts in moves_of(course)["cells"].values()]
    assert list(numbers) == ["0"]
    assert numbers["0"] > 1e-3
    cell = next(cell for cell in lesson.notebook.cells if "x is" in cell.source)
    text = cell.outputs[0]["text"]
    number = float(text.split()[2])
    for other, agrees in ((number + 2.9 * numbers["0"], True), (number + 3.1 * numbers["0"], False)):
        now = [{**cell.outputs[0], "text": text.replace(f"{number:.4f}", f"{other:.4f}")}]
        assert (outputs_agree(now, cell.outputs, {"0": numbers}) is None) == agrees
    # And the whole proof, run under the other arithmetic, agrees.
    plain = kernels.environment
    monkeypatch.setattr(kernels, "environment", lambda *given, **more: plain(*given, **more) | {"OMP_NUM_THREADS": "2"})
    assert list(verify.reproduces(course, lesson)) == []


def test_prose_may_not_state_a_number_that_moves(tmp_path, last_bits):
    course = course_of(tmp_path, CHAOS + "print(f'{x:.3f}')")
    said = json.dumps(record(course, course.lesson(1)).notebook.cells[-2].outputs)
    number = said.split('"text": "')[1].split("\\n")[0]
    course = course_of(tmp_path / "again", CHAOS + "print(f'{x:.3f}')", prose=f"And it ends at {number}.")
    with pytest.raises(NotebookError, match=f"{number} hangs on the last bit, and the prose states it"):
        record(course, course.lesson(1))
    assert not course.expected.exists()


def test_a_word_that_moves_refuses_the_recording(tmp_path, last_bits):
    code = CHAOS + "y = float(np.random.default_rng(0).uniform())\nprint('even' if int(y * 2**53) % 2 else 'odd')"
    course = course_of(tmp_path, code)
    with pytest.raises(NotebookError, match="under the arithmetic 'last bits 1' the cell"):
        record(course, course.lesson(1))


def test_a_quick_recording_is_asked_to_be_shaken(tmp_path):
    course = course_of(tmp_path, QUIET)
    lesson = record(course, course.lesson(1), quick=True)
    assert any("hangs on the last bit" in sentence for sentence in verify.form(course, lesson))


def test_a_recording_that_is_the_same_is_not_shaken_again(toy_course, monkeypatch):
    monkeypatch.setattr(shake, "shaken", None)
    before = toy_course.lesson(1).path.read_bytes()
    record(toy_course, toy_course.lesson(1))
    assert toy_course.lesson(1).path.read_bytes() == before


def stream(text):
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def test_moves_are_distances_of_numbers_and_all_else_is_a_sentence():
    assert moved(stream("a 1.25 b 3"), stream("a 1.20 b 4")) == ({"0": {"0": 0.05, "1": 1.0}}, [])
    moves, otherwise = moved(stream("yes 1"), stream("no 1"))
    assert (moves, len(otherwise)) == ({}, 1)
    assert together({"0": {"0": 0.1}}, {"0": {"0": 0.3, "1": 1.0}}) == {"0": {"0": 0.3, "1": 1.0}}


@pytest.mark.parametrize("name", ["AVX2", "baseline"])
def test_pinned_arithmetics_are_what_they_say(name, monkeypatch):
    monkeypatch.setattr(arithmetics, "ARITHMETICS", {"AVX2": arithmetics.AVX2, "baseline": arithmetics.BASELINE})
    code = "import numpy._core._multiarray_umath as built, torch\nprint(torch.backends.cpu.get_cpu_capability())"
    code += "\nprint([k for k in built.__cpu_dispatch__ if built.__cpu_features__.get(k)])"
    cells = toy.notebook([("code", code)])
    said = kernels.run(cells, "nowhere", arithmetic=name).cells[0].outputs[0]["text"].splitlines()
    if name == "baseline":
        assert said == ["DEFAULT", "[]"]
    else:
        assert "AVX512" not in said[0]
        assert "AVX512" not in said[1]
