"""A first look at a notebook that somebody handed in: can it be read, is it of this lesson, is anything answered."""

import hashlib
from collections import Counter
from dataclasses import dataclass

from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect, is_blank
from coursekit.lessons.notebook import mark, parse

OTHER_LESSON, NOTHING_OF_IT = "this is lesson {}, not {}", "none of the exercises of lesson {} is in it"

CHOKED = "it cannot be read ({})"


@dataclass(frozen=True)
class Glance:
    """The `problem` with a notebook ("" where there is none), its digest, whether it is of the lesson, its answers."""

    problem: str = ""
    digest: str = ""
    ours: bool = False
    answered: int = 0


def glance(load, lesson, count=True):
    """The Glance at the text that `load` returns; without `count`, answers are not counted.

    If the notebook makes a parser fail in any way, the Glance says so in one sentence.
    """
    try:
        text = load()
        notebook = parse(text, "it")
        exercises = [m.exercise for cell in notebook.cells if (m := mark(cell))]
        ours = not lesson.gaps.keys().isdisjoint(exercises)
        answers = collect(lesson, notebook).by_exercise if count or not ours else {}
    except NotebookError as error:
        return Glance(str(error))
    except Exception as error:  # one learner's file must never stop the grading of a class
        return Glance(CHOKED.format(type(error).__name__))
    problem = "" if ours else _foreign(lesson, exercises, answers)
    answered = sum(not is_blank(source, lesson.gaps[exercise]) for exercise, source in answers.items())
    return Glance(problem, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), ours or bool(answers), answered)


def _foreign(lesson, exercises, answers):
    """Why a notebook without marks of the lesson is not of it; "" where an answer is known by what it defines."""
    numbers = Counter(exercise.partition(".")[0].zfill(2) for exercise in exercises)
    for number, _ in numbers.most_common(1):
        if number != lesson.number:
            return OTHER_LESSON.format(number[:4], lesson.number)
    return "" if answers else NOTHING_OF_IT.format(lesson.number)
