"""The same work on a Dask cluster as here, also when a worker dies half-way."""

import os
import signal
import sys
import threading
import time

import pytest

import toy
from coursekit.grading.batch import Settings, grade_folder
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of
from sandboxed import needs_sandbox

SEED = 20_261_123


@pytest.fixture
def inbox(tmp_path):
    """Twenty-four submissions, some of them wrong or hostile."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    ones = [toy.RIGHT_1, toy.MISTAKES["1.1", "That is the mean: add up."], "import os\nos._exit(0)"]
    for k in range(24):
        cells = toy.answered(one=f"{ones[k % 3]}\n# {k}")
        (folder / f"learner {k:02}.ipynb").write_text(text_of(toy.notebook(cells)), encoding="utf-8")
    return folder


@pytest.fixture
def cluster():
    """A real Dask cluster: a scheduler and two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def outputs(results):
    names = ("grades.csv", "report.json", "reference.json")
    return [(results / name).read_bytes() for name in names]


@needs_sandbox
def test_a_cluster_gives_the_same_results_and_survives_the_end_of_a_worker(toy_course, inbox, cluster, tmp_path):
    lesson, journal, killed = toy_course.lesson(1), tmp_path / "cluster" / "outcomes.jsonl", []

    def kill_one():
        until = time.monotonic() + 120
        while time.monotonic() < until and (not journal.exists() or journal.read_text().count("\n") < 8):
            time.sleep(0.02)
        victim = next(iter(cluster.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        killed.append(journal.read_text().count("\n"))

    killer = threading.Thread(target=kill_one)
    killer.start()
    settings = Settings(SEED, scheduler=cluster.scheduler_address, seconds=20)
    rows, _ = grade_folder(toy_course, lesson, inbox, tmp_path / "cluster", settings)
    killer.join()
    assert 8 <= killed[0] < 24
    assert {row.status for row in rows} == {"graded", "stopped"}
    grade_folder(toy_course, lesson, inbox, tmp_path / "here", Settings(SEED, jobs=2, seconds=20))
    assert outputs(tmp_path / "cluster") == outputs(tmp_path / "here")


def test_a_scheduler_that_is_not_there_is_one_sentence(toy_course, inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.grading.batch._reference", lambda *_: {})
    monkeypatch.setattr("coursekit.grading.workers.SECONDS_TO_CONNECT", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(NotebookError, match="No Dask scheduler answers at "):
            grade_folder(
                toy_course, toy_course.lesson(1), inbox, tmp_path / "out", Settings(scheduler=address, unsafe=True)
            )


def test_without_dask_it_says_what_to_install(toy_course, inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.grading.batch._reference", lambda *_: {})
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NotebookError, match="extra `cluster`"):
        grade_folder(
            toy_course, toy_course.lesson(1), inbox, tmp_path / "out", Settings(scheduler="tcp://x", unsafe=True)
        )
