"""Every lesson: solved, unsolved, with each named mistake, and as a text."""

from pathlib import Path

import pytest

from coursekit.lessons.course import Course
from coursekit.proving.stats import sizes
from coursekit.proving.verify import PROOFS, answers

COURSE = Course.find(Path(__file__).parents[2])


@pytest.mark.parametrize("number", COURSE.numbers)
@pytest.mark.parametrize("proof", [p for p in PROOFS if p is not answers], ids=lambda proof: proof.__name__)
def test_lesson(proof, number):
    assert list(proof(COURSE, COURSE.lesson(number))) == []


@pytest.mark.parametrize("number", COURSE.numbers)
def test_answers_and_mistakes_under_the_baseline_arithmetic(number):
    """On one seed, so that what turns red is a change's fault; `course verify --seeds 200` tries new ones."""
    assert list(answers(COURSE, COURSE.lesson(number), seed=2**61 + int(number), arithmetic="baseline")) == []


@pytest.mark.parametrize("number", COURSE.numbers)
def test_lesson_keeps_to_its_size(number):
    size = sizes(COURSE.lesson(number))
    assert 1100 <= size["words"] <= 2300
    assert size["median"] <= 8
    assert size["longest"] <= 25
    assert size["exercises"] >= 4


def test_prerequisites_come_earlier_and_exist():
    for number in COURSE.numbers:
        _, _, needs = COURSE.lesson(number).facts
        assert set(needs) <= {other for other in COURSE.numbers if other < number}
