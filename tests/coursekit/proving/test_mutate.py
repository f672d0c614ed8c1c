"""Mutants: one change each, tried in one process; what survives is told."""

import pytest

import toy
from coursekit.cli import main
from coursekit.lessons.course import Course
from coursekit.lessons.notebook import NotebookError
from coursekit.proving.mutants import mutants
from coursekit.proving.mutate import CONSTANT, mutate

ANSWER = '''
import numpy as np

def answer(W, z, small):
    """A docstring that stays: 1 + 1."""
    total = 0.5
    for k in range(len(z)):
        if abs(z[k]) <= small:
            continue
        total += np.sum(W.T @ z[k:], axis=0)
    return np.log10(total) - np.var(z), "low" if total < small else "high"
'''
CHANGES = [
    "0.5 → 1.0",
    "0.5 → 0.25",
    "0.5 → -0.5",
    "len(z) → z",
    "range(len(z)) → range(1, len(z))",
    "range(len(z)) → range(len(z) - 1)",
    "abs(z[k]) → z[k]",
    "abs(z[k]) <= small → abs(z[k]) < small",
    "abs(z[k]) <= small → abs(z[k]) >= small",
    "z[k] → z",
    "continue → pass",
    "np.sum(W.T @ z[k:], axis=0) → np.mean(W.T @ z[k:], axis=0)",
    "np.sum(W.T @ z[k:], axis=0) → np.sum(W.T @ z[k:], axis=1)",
    "np.sum(W.T @ z[k:], axis=0) → np.sum(W.T @ z[k:])",
    "W.T @ z[k:] → z[k:] @ W.T",
    "W.T @ z[k:] → z[k:]",
    "W.T → W",
    "k: → :",
    "total += np.sum(W.T @ z[k:], axis=0) → total = np.sum(W.T @ z[k:], axis=0)",
    "np.log10(total) → np.log(total)",
    "np.log10(total) → total",
    "np.log10(total) - np.var(z) → np.log10(total) + np.var(z)",
    "np.log10(total) - np.var(z) → np.log10(total)",
    "np.var(z) → np.var(z, ddof=1)",
    "'low' → 'high'",
    "total < small → total <= small",
]


def test_the_changes_are_those_that_learners_make():
    made = [mutant.change for mutant in mutants(ANSWER)]
    assert [change for change in CHANGES if change not in made] == []
    assert "docstring" not in " ".join(made)


def test_every_mutant_is_another_program_with_one_change():
    made = mutants(ANSWER)
    assert len({mutant.source for mutant in made}) == len(made) > 50
    assert all(compile(mutant.source, "mutant", "exec") for mutant in made)
    assert [mutant.line for mutant in made] == sorted(mutant.line for mutant in made)


WEAK = (
    'check("1.1", squares, lambda rng: dict(values=rng.normal(size=1)), cases=3, example=dict(values=np.array([2.0])))'
)


def weaker(root, *more):
    """The toy course with a check of 1.1 that a mean for a sum passes, and more cells in its solutions."""
    solutions = [*toy.SOLUTIONS, *more]
    return toy.make_course(root, toy.replaced(toy.LESSON, toy.CHECK_1, WEAK), solutions)


def test_what_survives_is_told_and_nothing_else(tmp_path):
    course = weaker(tmp_path)
    report = mutate(course, course.lesson(1), ["1.1"])
    found = {one.change: one for one in report.tried}
    lost = [one.change for one in report.survivors]
    assert "np.sum(values ** 2) → np.mean(values ** 2)" in lost
    assert "values ** 2 → values" not in lost
    assert CONSTANT in found
    assert found[CONSTANT].passes == []
    assert len(report.tried) == report.made["1.1"]


def test_the_toy_course_leaves_no_survivor(toy_course):
    report = mutate(toy_course, toy_course.lesson(1), most=40)
    assert [(one.exercise, one.change) for one in report.survivors] == []
    told = {one.practice for one in report.tried}
    assert "passes" not in told
    assert {"named", "raised"} <= told
    assert {one.exercise for one in report.tried} == {"1.1", "1.2"}


def test_what_c_libraries_print_stays_out_of_the_report(tmp_path):
    loud = toy.RIGHT_1.replace("    return", '    __import__("os").write(1, b" ** an illegal value\\n")\n    return')
    course = toy.make_course(tmp_path, toy.LESSON, toy.replaced(toy.SOLUTIONS, toy.RIGHT_1, loud))
    assert mutate(course, course.lesson(1), ["1.1"], most=2).tried


def test_a_change_that_changes_nothing_is_marked_with_its_reason(tmp_path):
    mark = "#| equivalent: 1.1 There is one value.\n# np.sum(values ** 2) → np.mean(values ** 2)\n# no → such"
    course = weaker(tmp_path, ("code", mark))
    report = mutate(course, course.lesson(1), ["1.1"])
    [one] = [one for one in report.tried if one.change == "np.sum(values ** 2) → np.mean(values ** 2)"]
    assert (one.why, one.survives) == ("There is one value.", False)
    assert report.stale == ["1.1: no → such"]


def test_the_command_tells_survivors(tmp_path, monkeypatch, capsys):
    weaker(tmp_path)
    monkeypatch.setattr(Course, "find", lambda: Course(tmp_path))
    assert main(["mutate", "1.1"]) == 1
    out = capsys.readouterr().out
    assert "1.1 line 2: np.sum(values ** 2) → np.mean(values ** 2): passes on 3 seeds" in out
    assert main(["mutate", "1.7"]) == 2
    assert capsys.readouterr().err == "course: Lesson 01 has no exercise 1.7.\n"


def test_an_answer_that_cannot_be_tried_is_said(tmp_path):
    solutions = toy.replaced(toy.SOLUTIONS, toy.RIGHT_1, "raise ValueError('no')")
    course = toy.make_course(tmp_path, toy.LESSON, solutions)
    with pytest.raises(NotebookError, match="the mutants could not be tried: ValueError: no"):
        mutate(course, course.lesson(1))
