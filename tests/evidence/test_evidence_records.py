"""Each record of evidence belongs to its script, and the lesson says what held and nothing that did not."""

from pathlib import Path
from unittest import mock

import pytest

from coursekit.lessons.course import Course
from coursekit.proving.evidence import gaps
from vanishing import digits_runs

COURSE = Course.find(Path(__file__).parents[2])


@pytest.mark.parametrize("script", sorted(COURSE.evidence.glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_the_record_belongs_to_script_and_lesson(script):
    # Scripts may add to the library's tables, and the next test in this process must not see it.
    with mock.patch.dict(digits_runs.REMEDIES):
        assert list(gaps(script, COURSE.lesson(script.stem[:2]).prose)) == []
