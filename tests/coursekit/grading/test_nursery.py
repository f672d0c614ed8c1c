"""The warm parent, which forks kernels: nothing of it stays when it ends, however that comes about."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from coursekit.grading.nursery import Nursery, supported
from coursekit.grading.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not supported(), reason="no warm kernels: this machine lets nobody make namespaces")
STARTER = """
from coursekit.grading.nursery import Nursery
from coursekit.grading.sandbox import Sandbox
import sys, time

nursery = Nursery(["numpy"])
with Sandbox(0, nursery=nursery) as kernel:
    print(kernel.execute("print(1)", 30)[0]["text"], nursery.folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def nursery():
    with Nursery(["numpy"]) as nursery:
        yield nursery


def test_temporary_files_may_lie_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert supported.__wrapped__()  # asked anew
    assert list(tmp_path.iterdir()) == []


def waited_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not (done := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return done


def forks(nursery):
    return psutil.Process(nursery.process.pid).children(recursive=True)


def test_who_is_killed_leaves_nothing(tmp_path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert starter.stdout.readline() == "1\n"
    folder = Path(starter.stdout.readline().strip())
    family = psutil.Process(starter.pid).children(recursive=True)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert len(list(folder.glob("root-*"))) == 1
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert waited_for(lambda: not folder.exists())
    assert list(tmp_path.iterdir()) == []


def test_kernels_that_nobody_waited_for_leave_nothing(nursery):
    for _ in range(3):
        Sandbox(0, nursery=nursery).launch().end()
    with Sandbox(0, nursery=nursery) as kernel:  # requests are answered in turn
        assert kernel.execute("print(1)", 30)[0]["text"] == "1\n"
    assert waited_for(lambda: len(forks(nursery)) == 1)  # the warm parent itself
