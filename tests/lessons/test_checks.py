"""The checks of every lesson: right in any container, and a sample of the wrong answers that a machine makes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.checking.agreement import differ
from coursekit.checking.values import encode
from coursekit.lessons.course import Course
from coursekit.lessons.fill import hints
from coursekit.lessons.notebook import code_cells, mark
from coursekit.proving.dresses import DRESSES, dressed, refused, unseen
from coursekit.proving.mutate import mutate
from otherwise import OTHERWISE

COURSE = Course.find(Path(__file__).parents[2])
SAMPLED = ("05",)  # whose mutants are tried here, a sample of each exercise; `course mutate` tries all of all


@pytest.mark.parametrize("number", COURSE.numbers)
def test_right_is_right_in_any_dress(number):
    assert refused(COURSE, COURSE.lesson(number)) == []


# A network, a patient, a layer's recordings, or so many steps that only many of them show the matter.
TOO_LARGE = {"3.5", "13.1", "13.2", "13.3", "13.4", "15.2", "15.4", "18.1", "18.4", *(f"19.{k}" for k in range(1, 9))}


@pytest.mark.parametrize("number", COURSE.numbers)
def test_some_case_is_small_enough_to_be_shown(number):
    assert set(unseen(COURSE, COURSE.lesson(number))) <= TOO_LARGE


@pytest.mark.parametrize("number", OTHERWISE)
def test_right_is_right_however_it_is_written(number):
    assert refused(COURSE, COURSE.lesson(number), OTHERWISE[number]) == []


# Whose mutants, all of them, get no sentence of a mistake that they do not make.
@pytest.mark.parametrize("exercise", ["7.5", "18.5"])
def test_no_sentence_speaks_for_another_mistake(exercise):
    report = mutate(COURSE, COURSE.lesson(exercise.partition(".")[0].zfill(2)), [exercise], seconds=600)
    assert [(one.change, one.says) for one in report.misnamed] == []
    assert [one.change for one in report.survivors] == []


@pytest.mark.parametrize("number", COURSE.numbers)
def test_every_exercise_has_three_hints_that_a_learner_gets(number):
    lesson = COURSE.lesson(number)
    written = hints(COURSE.solutions(lesson))
    records = json.loads((COURSE.expected / f"{lesson.name}.json").read_text(encoding="utf-8"))
    for exercise in lesson.gaps:
        assert len(written.get(exercise, [])) == 3, exercise
        assert written[exercise][0].endswith("?"), f"the first hint of {exercise} is a question"
        assert len(set(written[exercise])) == 3, exercise
        assert records[exercise]["hints"] == written[exercise], exercise


@pytest.mark.parametrize("number", COURSE.numbers)
def test_every_exercise_with_one_right_answer_has_its_example_in_the_check(number):
    lesson = COURSE.lesson(number)
    records = json.loads((COURSE.expected / f"{lesson.name}.json").read_text(encoding="utf-8"))
    checks = {mark(cell).exercise: cell.source for cell in code_cells(lesson.notebook) if mark(cell)}
    assert [e for e in lesson.gaps if "example" not in records[e] and "measure=" not in checks[e]] == []


@pytest.mark.parametrize("number", COURSE.numbers)
def test_predictions_start_empty(number):
    guesses = [cell.source for cell in code_cells(COURSE.lesson(number).notebook) if cell.source.startswith("guess_")]
    for source in guesses:
        names = {}
        exec(source, names)
        made = [value for name, value in names.items() if name.startswith("guess_")]
        parts = [part for value in made for part in _parts(value)]
        assert parts
        assert all(part in (..., "") for part in parts), source


def _parts(value):
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("number", SAMPLED)
def test_mutants_do_not_survive(number):
    report = mutate(COURSE, COURSE.lesson(number), most=12)
    assert [(one.exercise, one.change) for one in report.survivors] == []
    assert [(one.exercise, one.change, one.says) for one in report.misnamed] == []
    assert report.stale == []


VALUES = [1.5, np.float32(0.5), 3, [1.0, 2.0], (np.eye(2), [1, 2]), torch.tensor([0.5]), {"a": [1.0], "b": "tanh"}]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("dress", DRESSES)
def test_a_dress_changes_no_number(dress, value):
    worn = dressed(value, dress)
    assert differ(encode(worn), encode(value)) is None
    assert differ(encode(dressed(value, "lists")), encode(worn)) is None
