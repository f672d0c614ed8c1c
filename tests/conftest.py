"""What several rooms' tests share: the repository's root, and one book built for all of them."""

import os
import shutil
import time
from pathlib import Path

import pytest
import torch

import toy
from coursekit.lessons.course import Course
from coursekit.proving import arithmetics
from coursekit.proving.record import record
from coursekit.publishing.book import build_book

ONE = {"baseline": arithmetics.BASELINE}
ROOT = Path(__file__).resolve().parents[1]

# Many inputs on code whose lines other tests reach: to measure these, too, takes three times as long as to run them.
UNMEASURED = ("test_other_courses.py", "test_fuzz.py", "test_lessons.py", "test_checks.py")


def pytest_configure():
    """One thread for each test process and what it starts.

    Those of several processes would wait for each other; and with several, torch adds up scattered gradients in another
    order each time.
    """
    os.environ |= dict.fromkeys(arithmetics.THREADS, "1")
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Of the tests in these files, coverage is measured in the first of each kind."""
    seen = set()
    for item in items:
        if item.path.name in UNMEASURED and getattr(item, "originalname", item.name) in seen:
            item.add_marker(pytest.mark.no_cover)
        seen.add(getattr(item, "originalname", item.name))


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def book(tmp_path_factory, request):
    """The folder of the built book; the first of several test processes builds it, the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # under xdist, each process has its own folder below a common one
        shared = shared.parent
    done, failed = shared / "book-done", shared / "book-failed"
    try:
        (shared / "book").mkdir()
    except FileExistsError:
        while not (done.exists() or failed.exists()):
            time.sleep(0.2)
    else:
        try:
            build_book(ROOT, shared / "book")
            done.touch()
        except BaseException as error:
            failed.write_text(str(error))
            raise
    if failed.exists():
        pytest.fail(f"the book could not be built: {failed.read_text()}")
    return shared / "book" / "_build" / "html"


@pytest.fixture(scope="session")
def recorded_toy(tmp_path_factory):
    """The toy course, recorded once; tests take copies of it."""
    course = toy.make_course(tmp_path_factory.mktemp("toy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arithmetics, "ARITHMETICS", ONE)
        record(course, course.lesson(1))
    return course


@pytest.fixture(autouse=True)
def one_arithmetic(monkeypatch):
    """Tests that record play one other arithmetic, not six: each costs a kernel."""
    monkeypatch.setattr(arithmetics, "ARITHMETICS", ONE)


@pytest.fixture
def toy_course(recorded_toy, tmp_path):
    """A copy of the recorded toy course, to do with as one likes."""
    shutil.copytree(recorded_toy.root, tmp_path / "toy")
    return Course(tmp_path / "toy")
