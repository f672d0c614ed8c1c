"""The wall for reading: limits of time and memory for one file, a sentence where it meets them, no traceback, ever."""

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest

import toy
from coursekit.grading.reading import apart
from coursekit.grading.submissions import collect_submissions
from coursekit.grading.unit import submission_values
from coursekit.lessons.errors import NotebookError

LESSON = toy.make_lesson()


def refuse():
    raise NotebookError("it is of no use")


def choke():
    raise KeyError("x")


def grow():
    kept = []
    while True:
        kept.append(bytes(2**24))


def spin():
    while True:
        pass


REFUSALS = {
    "a refusal": (refuse, "^it is of no use$"),
    "any exception": (choke, r"^it cannot be read \(KeyError\)$"),
    "memory": (grow, r"^reading it takes more than 0\.2 GB of memory$"),
    "a loop": (spin, "^reading it takes more than 1 s$"),
    "a crash": (
        lambda: os.kill(os.getpid(), signal.SIGSEGV),
        r"^it cannot be read \(the process that read it ended\)$",
    ),
    "an exit": (lambda: os._exit(3), "^it cannot be read"),
    "no plain data": (lambda: {1, 2}, "^it cannot be read"),
    "far too much": (lambda: "x" * 2**27, "^it cannot be read"),
}


@pytest.mark.parametrize(("function", "says"), REFUSALS.values(), ids=REFUSALS.keys())
def test_whatever_happens_behind_the_wall_is_one_sentence(function, says):
    with pytest.raises(NotebookError, match=says):
        apart(function, seconds=1, memory=2**30 // 5)


def test_plain_data_comes_back_and_nothing_is_changed_here():
    seen = []
    assert apart(lambda: seen.append(1) or {"a": [1, "é", None]}) == {"a": [1, "é", None]}
    assert seen == []


def test_who_stands_still_is_not_the_files_fault(monkeypatch):
    monkeypatch.setattr("coursekit.grading.reading.WALL_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match="stood still"):
        apart(signal.pause)


def test_nothing_stays_open_and_nobody_stays():
    def held():
        """Descriptors, and children, of which other tests' may be among the living."""
        lists = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
        return len(os.listdir("/proc/self/fd")), set(" ".join(lists).split())

    if not Path("/proc/self/task").exists():
        pytest.skip("without /proc nobody says what a process holds")
    before = held()
    for function in (lambda: 1, refuse, lambda: os._exit(1)):
        with contextlib.suppress(NotebookError):
            apart(function)
    assert held() == before


def test_a_notebook_that_takes_all_memory_is_its_learners_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "__kwdefaults__", {"seconds": 10, "memory": 2**27})
    lists = {"nbformat": 4, "cells": [], "metadata": {"a": [[] for _ in range(3_000_000)]}}
    (tmp_path / "Ada.ipynb").write_text(json.dumps(lists))
    (tmp_path / "Emmy.ipynb").write_text(json.dumps(toy.notebook(toy.answered())))
    ada, emmy = collect_submissions(tmp_path, LESSON)
    assert "emory" in ada.problem
    assert not emmy.problem
    found = submission_values((tmp_path / "Ada.ipynb").read_text(), LESSON, 1, None)
    assert found == {"unreadable": "reading it takes more than 0.1 GB of memory"}
