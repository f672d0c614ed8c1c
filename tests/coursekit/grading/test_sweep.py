"""What a sandbox's user has left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.grading.sweep import left_by, next_user, outlived

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives each sandbox a user of its own")


START = """
import ctypes, os, sys, threading, time
os.setuid(int(sys.argv[1]))
print("ready", flush=True)
"""
SLEEP = START + "time.sleep(600)"
THREAD = START + "threading.Thread(target=time.sleep, args=(600,)).start(); ctypes.CDLL(None).pthread_exit(None)"


@contextlib.contextmanager
def running(source):
    """A process of a fresh user's: (user, process)."""
    uid = next_user()
    with subprocess.Popen([sys.executable, "-c", source, str(uid)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            yield uid, process
        finally:
            process.kill()


@ROOT
def test_a_process_that_lives_is_left():
    with running(SLEEP) as (uid, process):
        assert left_by(uid) == [f"process {process.pid}"]


@ROOT
def test_a_process_that_has_ended_is_not_left_though_nobody_asked_for_it():
    with running(SLEEP) as (uid, process):
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process.pid}").exists()
        assert outlived(uid, 0) == []


@ROOT
def test_a_leader_that_has_ended_before_its_threads_is_left():
    with running(THREAD) as (uid, process):
        while "State:\tZ" not in Path(f"/proc/{process.pid}/status").read_text():
            assert process.poll() is None
        assert left_by(uid) == [f"process {process.pid}"]
