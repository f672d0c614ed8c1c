"""A learner in JupyterLab: open lesson 01, run it, answer wrongly, answer rightly, move a slider."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lab")]

WRONG = "#| exercise: 1.1\ndef depth_below(a, tol):\n    return int(np.log(tol) / np.log(a))"
RIGHT = "#| exercise: 1.1\ndef depth_below(a, tol):\n    return int(np.log(tol) / np.log(a)) + 1"


@pytest.fixture(scope="module")
def lesson(lab):
    """Lesson 01 in JupyterLab, run from top to bottom with nothing solved."""
    notebook = lab.open("01_whisper.ipynb")
    yield notebook
    notebook.page.close()


def test_a_lesson_that_was_only_opened_has_nothing_to_save(lesson):
    assert lesson.unsaved is False


def test_runs_unsolved_without_an_error(lesson):
    assert lesson.raised() == []
    assert lesson.output("#| check: 1.1") == "○ 1.1  not answered yet"


def test_wrong_answer_reads_its_sentence_and_right_one_a_tick(lesson):
    lesson.say("#| exercise: 1.1", WRONG)
    assert lesson.say("#| check: 1.1").startswith("✗ 1.1  One layer too early")
    lesson.say("#| exercise: 1.1", RIGHT)
    assert lesson.say("#| check: 1.1").startswith("✓ 1.1  right in ")
    lesson.page.locator(".coursekit-right", has_text="✓ 1.1").wait_for(state="attached")


def test_explorer_answers_to_the_keyboard(lesson):
    figure = lesson.page.locator("[data-live]").first
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input[type=range]").first
    before = figure.evaluate("(element) => JSON.stringify(element.values())")
    slider.focus()
    slider.press("ArrowRight")
    assert figure.evaluate("(element) => JSON.stringify(element.values())") != before
