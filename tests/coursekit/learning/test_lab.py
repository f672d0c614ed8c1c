"""`course lab`: the learner's copies are made once and never overwritten."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import toy
from coursekit.checking.checks import EXPECTED
from coursekit.cli import main
from coursekit.learning import lab
from coursekit.learning.copies import choose
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import canonical, code_cells, mark, read, text_of


@pytest.fixture
def course(toy_course):
    return toy_course


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


def answer(work):
    """Write an answer into the copy and return its bytes."""
    path = work / "01_sums.ipynb"
    book = read(path)
    next(c for c in book.cells if mark(c)).source = f"#| exercise: 1.1\n{toy.RIGHT_1}"
    path.write_text(text_of(book), encoding="utf-8")
    return path.read_bytes()


def upstream(course, old, new):
    path = course.lessons / "01_sums.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def names(work):
    return sorted(path.name for path in work.iterdir())


CHANGED = "01_sums.ipynb has changed: the new one is 01_sums.new.ipynb, your copy stays as it is"


def test_a_copy_tells_nothing_before_it_is_tried(course, work):
    assert lab.update(course, work) == ["01_sums.ipynb: your own copy is made"]
    copy = read(work / "01_sums.ipynb")
    assert [cell.source for cell in copy.cells] == [cell.source for cell in course.lesson(1).notebook.cells]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(copy))
    assert any(cell.outputs for cell in code_cells(course.lesson(1).notebook))


def test_a_second_time_nothing_is_said_and_nothing_is_touched(course, work):
    lab.update(course, work)
    before = answer(work)
    assert lab.update(course, work) == []
    assert (work / "01_sums.ipynb").read_bytes() == before
    assert names(work) == [".copies.json", "01_sums.ipynb", "progress.ipynb"]


def test_a_lesson_that_changed_is_put_beside_and_announced_once(course, work):
    lab.update(course, work)
    before = answer(work)
    upstream(course, "the end", "the very end")
    assert lab.update(course, work) == [CHANGED]
    assert (work / "01_sums.ipynb").read_bytes() == before
    assert "the very end" in (work / "01_sums.new.ipynb").read_text()
    assert lab.update(course, work) == []
    (work / "01_sums.new.ipynb").write_text("mine, too")
    upstream(course, "the very end", "the end of it all")
    assert lab.update(course, work) == [CHANGED.replace(".new", ".new2")]
    assert (work / "01_sums.new.ipynb").read_text() == "mine, too"
    assert (work / "01_sums.ipynb").read_bytes() == before


def test_a_lesson_that_was_only_recorded_again_is_unchanged(course, work):
    lab.update(course, work)
    upstream(course, "sum of squares 5.25\\n", "sum of squares 5.26\\n")
    book = read(course.lessons / "01_sums.ipynb")
    for cell in code_cells(book):
        cell.execution_count = 99
    (course.lessons / "01_sums.ipynb").write_text(text_of(book))
    assert canonical(book) != canonical(toy.notebook(toy.LESSON))
    assert lab.update(course, work) == []


def test_a_copy_that_was_deleted_is_made_again(course, work):
    lab.update(course, work)
    (work / "01_sums.ipynb").unlink()
    assert lab.update(course, work) == ["01_sums.ipynb: your own copy is made"]


def test_what_stands_in_the_way_stays(course, work):
    work.mkdir()
    (work / "01_sums.ipynb").symlink_to("nowhere")
    assert lab.update(course, work) == []
    assert (work / "01_sums.ipynb").is_symlink()
    assert not (work / "nowhere").exists()


LEDGERS = [
    "",
    "{",
    "[]",
    "5",
    '{"01_sums.ipynb": 5}',
    '{"01_sums.ipynb": "x"}',
    '{"01_sums.ipynb": [5, null]}',
    '{"x": {}}',
]


@pytest.mark.parametrize(
    "ledger", [*LEDGERS, "[" * 100_000, "\0", '{"01_sums.ipynb": ["abc"], "99_gone.ipynb": ["def"]}']
)
def test_whatever_the_ledger_holds_copies_stay(ledger, course, work):
    lab.update(course, work)
    before = answer(work)
    (work / ".copies.json").write_text(ledger)
    said = lab.update(course, work)
    assert said == ([CHANGED] if "abc" in ledger else [])
    assert (work / "01_sums.ipynb").read_bytes() == before
    assert lab.update(course, work) == []
    assert json.loads((work / ".copies.json").read_text())["01_sums.ipynb"]


class Became(Exception):
    """The process is another program now."""


@pytest.fixture
def started(monkeypatch):
    """The (command, environment) that this process became, or that it started."""
    found = []

    def become(path, command, env):
        found.append((command, env))
        raise Became

    def run(command, env, check):
        found.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(os, "execve", become, raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_jupyterlab_is_opened_on_the_copy(course, work, started, monkeypatch):
    lab.update(course, work)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    with pytest.raises(Became):
        lab.open_lab(course, work, "1", ["--no-browser"])
    [(command, env)] = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {f"--ServerApp.root_dir={work}", "--LabApp.default_url=/lab/tree/01_sums.ipynb"} <= set(command)
    assert "--no-browser" in command
    assert env[EXPECTED] == str(course.expected)
    quiet, mine = env["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "mine"
    assert (Path(quiet) / "labconfig" / "page_config.json").is_file()


def test_where_a_process_cannot_become_another_it_waits_for_it(course, work, started, monkeypatch):
    lab.update(course, work)
    monkeypatch.delattr(os, "fork")
    assert lab.open_lab(course, work, "1", []) == 7
    assert len(started) == 1


def test_jupyterlab_is_not_started_on_what_is_no_notebook(course, work):
    with pytest.raises(NotebookError, match="is not there yet: `course lab` makes your copies"):
        lab.open_lab(course, work, "1", [])
    work.mkdir()
    (work / "01_sums.ipynb").write_text("")
    with pytest.raises(NotebookError, match="is empty"):
        lab.open_lab(course, work, "1", [])


def test_copies_live_in_the_course_or_where_an_installed_one_is_used(course, tmp_path, monkeypatch):
    assert lab.work_folder(course) == course.root / "work"
    assert lab.work_folder(course, tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.chdir(course.lessons)
    (course.root / "solutions" / "01_sums.ipynb").unlink()
    (course.root / "solutions").rmdir()
    assert lab.work_folder(course) == course.root / "work"  # a learner's bundle has no solutions
    monkeypatch.setattr(lab, "INSTALLED", course.root)
    assert lab.work_folder(course) == course.lessons / "work"


def test_a_damaged_lesson_and_files_beside_lessons_keep_nobody_from_the_others(course, work):
    (course.lessons / "02_damaged.ipynb").write_text("{")
    (course.lessons / "01_sums-Copy1.ipynb").write_text("{")
    made, damaged = lab.update(course, work)
    assert made == "01_sums.ipynb: your own copy is made"
    assert damaged.startswith(f"{course.lessons / '02_damaged.ipynb'} was cut off while being saved, in line 1")
    assert names(work) == [".copies.json", "01_sums.ipynb", "progress.ipynb"]


# Copies beside the copy


def saved(path, one, seconds):
    """A copy with an answer to 1.1, saved at a time."""
    toy.write(path, toy.answered(one=one, two=toy.STUB_2))
    os.utime(path, (seconds, seconds))
    return path


def test_of_several_copies_one_with_answers_counts_and_then_the_last_saved(course, work):
    lesson, (blank, wrong) = course.lesson(1), (toy.STUB_1, toy.MISTAKES["1.1", "Sum first, square later?"])
    assert choose(course, lesson, work) == (None, "")
    own = saved(work / "01_sums.ipynb", blank, 100)
    assert choose(course, lesson, work) == (own, "")
    fresh = saved(work / "01_sums.new.ipynb", blank, 300)
    assert choose(course, lesson, work) == (
        own,
        "Of 2 copies 01_sums.ipynb counts (none has answers yet), not 01_sums.new.ipynb.",
    )
    saved(own, wrong, 100)
    assert choose(course, lesson, work)[0] == own
    saved(own, blank, 100)
    saved(fresh, wrong, 50)
    assert choose(course, lesson, work) == (
        fresh,
        "Of 2 copies 01_sums.new.ipynb counts (the only one with answers), not 01_sums.ipynb.",
    )
    newest = saved(work / "Copy of 01_sums (1).ipynb", wrong, 60)
    (work / "01_sums-Copy1.ipynb").write_text("{")
    (work / "01_summary.ipynb").write_text("{")
    assert choose(course, lesson, work) == (
        newest,
        "Of 4 copies Copy of 01_sums (1).ipynb counts (the one saved last), "
        "not 01_sums.ipynb, 01_sums-Copy1.ipynb, 01_sums.new.ipynb.",
    )


def test_another_lessons_own_file_is_no_copy(course, work):
    toy.write(course.lessons / "02_sums_again.ipynb", toy.LESSON)
    toy.write(course.lessons / "01_sums.ipynb", toy.LESSON)
    saved(work / "01_sums.ipynb", toy.RIGHT_1, 1)
    saved(work / "02_sums_again.ipynb", toy.RIGHT_1, 2)
    assert choose(course, course.lesson(1), work) == (work / "01_sums.ipynb", "")


def test_commands_say_which_copy_counts(course, work, capsys, monkeypatch):
    monkeypatch.chdir(course.root)
    toy.write(course.lessons / "01_sums_old.ipynb", toy.LESSON)
    saved(work / "01_sums.ipynb", toy.STUB_1, 100)
    saved(work / "01_sums-Copy1.ipynb", toy.RIGHT_1, 100)
    says = "Of 2 copies 01_sums-Copy1.ipynb counts (the only one with answers), not 01_sums.ipynb."
    for command in (["check", "1"], ["progress"]):
        main([*command, "--work", str(work)])
        shown = capsys.readouterr()
        assert says in shown.out
        assert shown.err == "course: lessons/01_sums_old.ipynb is passed over: lesson 01 is 01_sums.ipynb.\n"
