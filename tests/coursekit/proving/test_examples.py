"""The value of an exercise's example is the one that its text shows."""

import json

import pytest

import toy
from coursekit.checking.values import encode
from coursekit.lessons.notebook import Lesson
from coursekit.proving.examples import example_text, missing_from, unshown

SHOWN = [
    ("Example: it is `[46, 150, inf]`.", [46.0, 150.0, float("inf")]),
    ("Example: about `-13.04`.", -13.0432),
    ("Example: about −13.04.", -13.0432),
    ("Example: `5e-30` and `0`.", [5.0000001e-30, 0.0]),
    ("Example: it is `0.3`.", 0.1 + 0.2),
    ("Example: it is 3.", 3.0 * (1 + 1e-15)),
    ('Example: it is `"ravine"`.', "ravine"),
    ("Example: `0+1j`: 0 and 1.", 1j),
]
HIDDEN = [
    ("Example: it is `[46, 150]`.", [46.0, 150.0, float("inf")], "inf"),
    ("Example: about `-13.04`.", 13.0432, "13.0432"),
    ("Example: about `13.05`.", 13.0432, "13.0432"),
    ("Example: it is `3`.", 3.2, "3.2"),
    ("Example: it is `13`.", 3, "3"),
    ("Example: it is flat.", "ravine", "'ravine'"),
]


@pytest.mark.parametrize(("text", "value"), SHOWN, ids=[text for text, _ in SHOWN])
def test_a_value_that_the_text_shows(text, value):
    assert missing_from(text, encode(value)) is None


@pytest.mark.parametrize(("text", "value", "missing"), HIDDEN, ids=[text for text, *_ in HIDDEN])
def test_a_value_that_the_text_does_not_show(text, value, missing):
    assert missing_from(text, encode(value)) == missing


def test_the_text_is_the_exercises_own():
    assert example_text(toy.make_lesson(), "1.1") == "Add the squares. Example: of `[1, 2]` it is `5`."
    assert example_text(toy.make_lesson(), "1.2") == ""


def test_an_example_that_is_not_in_the_text_is_a_problem(toy_course):
    lesson = toy_course.lesson(1)
    assert list(unshown(toy_course, lesson)) == []
    without = Lesson(lesson.path, toy.notebook(toy.replaced(toy.LESSON, "it is `5`", "it is `6`")))
    assert list(unshown(toy_course, without)) == [
        "the example of 1.1 gives 5, which its text does not say: Add the squares. Example: of `[1, 2]` it is `6`."
    ]
    silent = Lesson(lesson.path, toy.notebook(toy.replaced(toy.LESSON, " Example: of `[1, 2]` it is `5`.", "")))
    [said] = unshown(toy_course, silent)
    assert said == "the check of 1.1 has an example, and its text has no sentence with the word Example"


def test_examples_and_hints_are_recorded(toy_course):
    stored = json.loads((toy_course.expected / "01_sums.json").read_text())
    assert stored["1.1"]["example"] == ["f", 5.0]
    assert stored["1.1"]["hints"] == ["What is the square of one value?", "The sum of all squares."]
    assert "example" not in stored["1.2"]
