"""The course's twins of learners' answers, and the names under which both are imported."""

import re
from collections import Counter
from pathlib import Path

import pytest

from coursekit.lessons.course import Course
from coursekit.proving.dresses import refused
from vanishing import twins

COURSE = Course.find(Path(__file__).parents[2])
NAMES = {
    exercise: re.findall(r"^def (\w+)", gap, re.MULTILINE)[-1]
    for number in COURSE.numbers
    for exercise, gap in COURSE.lesson(number).gaps.items()
}


def test_no_two_exercises_ask_for_one_name():
    assert [name for name, count in Counter(NAMES.values()).items() if count > 1] == []


def from_twins(number):
    """The twins that stand in for a lesson's exercises, as answers."""
    own = COURSE.lesson(number).gaps
    return [
        (e, f"from vanishing.twins import {name}") for e, name in NAMES.items() if e in own and name in twins.__all__
    ]


def test_every_twin_has_an_exercise():
    assert set(twins.__all__) <= set(NAMES.values())


@pytest.mark.parametrize("number", [number for number in COURSE.numbers if from_twins(number)])
def test_a_twin_is_right_in_the_exercise_that_it_stands_for(number):
    assert refused(COURSE, COURSE.lesson(number), from_twins(number)) == []


def test_a_function_that_is_no_twin_is_refused():
    assert refused(COURSE, COURSE.lesson("10"), [("10.2", "from math import pow as he_std")]) != []
