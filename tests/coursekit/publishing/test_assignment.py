"""An nbgrader assignment from a lesson: its form, and what nbgrader 0.9.6 itself makes of it."""

import csv
import json
import shutil
import subprocess

import pytest

import toy
from coursekit.checking import checks
from coursekit.cli import main
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import mark, read
from coursekit.publishing.assignment import export
from layered import environment, layered

SEED = 4711
ANSWERS = {
    "right": {"1.1": toy.RIGHT_1, "1.2": toy.RIGHT_2},
    "half": {"1.1": toy.RIGHT_1, "1.2": toy.MISTAKES["1.2", "Rows count once."]},
    "wrong": {"1.1": toy.MISTAKES["1.1", "That is the mean: add up."]},
}


@pytest.fixture(scope="module")
def made(recorded_toy, tmp_path_factory):
    """(nbgrader's course folder, the assignment's folder) of the toy lesson."""
    out = tmp_path_factory.mktemp("class")
    return out, export(recorded_toy, recorded_toy.lesson(1), out, SEED)


def test_every_exercise_has_an_answer_and_a_graded_cell(made):
    _, folder = made
    marked = {mark(c): c for c in read(folder / "01_sums.ipynb").cells if mark(c)}
    kinds = {(m.kind, m.exercise): c.metadata["nbgrader"] for m, c in marked.items()}
    assert {key: (k["solution"], k["grade"], k["locked"], k.get("points")) for key, k in kinds.items()} == {
        ("exercise", "1.1"): (True, False, False, None),
        ("exercise", "1.2"): (True, False, False, None),
        ("check", "1.1"): (False, True, True, 1),
        ("check", "1.2"): (False, True, True, 3),
    }
    assert len({k["grade_id"] for k in kinds.values()}) == 4
    assert (folder / "expected" / "01_sums.json").is_file()


def test_the_hidden_lines_hold_the_values_of_the_seed_and_not_the_practice_values(made, recorded_toy):
    _, folder = made
    text = next(c.source for c in read(folder / "01_sums.ipynb").cells if c.source.startswith("#| check: 1.1"))
    hidden, shown = text.split("### END HIDDEN TESTS\n")
    assert shown == toy.CHECK_1
    assert f", {SEED}, " in hidden
    practice = json.loads((recorded_toy.expected / "01_sums.json").read_text())["1.1"]["cases"]
    assert str(practice[0][1]) not in hidden


def test_a_second_export_to_the_same_place_is_refused(made, recorded_toy):
    with pytest.raises(NotebookError, match="is there already"):
        export(recorded_toy, recorded_toy.lesson(1), made[0], SEED)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [(lambda x: 2 * x, True), (lambda x: 2 * x + 1e-3, False), (lambda x: None, False), (..., False), (None, False)],
)
def test_a_check_raises_when_it_insists_on_other_values(answer, passes, capsys):
    double = checks.Question("9.1", lambda x: 2 * x, lambda rng: {"x": rng.normal()})
    checks.demand("9.1", SEED, double.outcomes(SEED))
    if passes:
        checks.check("9.1", answer, double.draw)
    else:
        with pytest.raises(AssertionError, match=r"9\.1: not the values of the reference"):
            checks.check("9.1", answer, double.draw)
    checks.check("9.1", ..., double.draw)  # once only
    assert "not answered yet" in capsys.readouterr().out


def test_the_command_writes_it_and_says_what_comes_next(recorded_toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(recorded_toy.root)
    assert main(["export", "nbgrader", "01", "--out", str(tmp_path / "class"), "--seed", "5"]) == 0
    assert (tmp_path / "class" / "source" / "01_sums" / "01_sums.ipynb").is_file()
    assert "nbgrader generate_assignment 01_sums" in capsys.readouterr().out


@pytest.mark.nbgrader
def test_nbgrader_itself_releases_grades_and_gives_feedback(made, tmp_path):
    folder = layered("nbgrader==0.9.6")
    if folder is None:
        pytest.skip("nbgrader 0.9.6 could not be installed: is there a package index?")
    shutil.copytree(made[0], tmp_path / "class")

    def nbgrader(*arguments):
        command = [folder / "bin" / "nbgrader", *arguments]
        where = {"cwd": tmp_path / "class", "env": environment(folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **where)
        assert done.returncode == 0, done.stderr[-2000:]

    nbgrader("generate_assignment", "01_sums")
    released = tmp_path / "class" / "release" / "01_sums"
    text = (released / "01_sums.ipynb").read_text()
    assert "HIDDEN" not in text
    assert str(SEED) not in text
    assert not [
        line for answers in ANSWERS.values() for line in answers["1.1"].splitlines()[1:] if line.strip() in text
    ]
    for learner, answers in ANSWERS.items():
        shutil.copytree(released, tmp_path / "class" / "submitted" / learner / "01_sums")
        handed_in = tmp_path / "class" / "submitted" / learner / "01_sums" / "01_sums.ipynb"
        notebook = json.loads(handed_in.read_text())
        for cell in notebook["cells"]:
            for exercise, answer in answers.items():
                if "".join(cell["source"]).startswith(f"#| exercise: {exercise}"):
                    cell["source"] = f"#| exercise: {exercise}\n{answer}"
        handed_in.write_text(json.dumps(notebook))
    nbgrader("autograde", "01_sums")
    nbgrader("generate_feedback", "01_sums")
    nbgrader("export")
    with (tmp_path / "class" / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    assert scores == {"right": (4, 4), "half": (1, 4), "wrong": (0, 4)}
    page = (tmp_path / "class" / "feedback" / "half" / "01_sums" / "01_sums.html").read_text()
    assert "1.2: not the values of the reference" in page
    assert "1.1: not the values of the reference" not in page
