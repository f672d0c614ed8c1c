"""Untrusted files are opened, unpacked and parsed in a fork with its own limits of CPU time and memory.

When a parser fails on a file, for whatever reason, one sentence says so, and no other file is affected.
"""

import contextlib
import faulthandler
import gc
import json
import os
import select
import signal
import time
import warnings

from coursekit.lessons.errors import CourseError, NotebookError

SECONDS, MEMORY = 10, 3 * 2**29  # of a processor; bytes beside what this process has: 1.5 GB
WALL_SECONDS = 90
MOST_BYTES = 2**26  # of what is handed back
CHOKED = "it cannot be read ({})"
TOO_LONG, TOO_LARGE = "reading it takes more than {} s", "reading it takes more than {:.1f} GB of memory"


def apart(function, *arguments, seconds=SECONDS, memory=MEMORY):
    """What `function(*arguments)` returns, plain JSON data, made in a process with limits of CPU time and memory.

    Raises NotebookError, with a sentence for the file's author, when the function raises it or anything else, or meets
    a limit; RuntimeError when the process stood still, for which the file is not to blame.
    """
    if not hasattr(os, "fork"):  # Windows, where nothing is confined anyway
        return _told(_tried(function, arguments))
    mine, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: this one only computes
        pid = os.fork()
    if pid == 0:
        try:
            os.close(mine)
            _confine(seconds, memory)
            with open(theirs, "wb") as file:
                file.write(json.dumps(_tried(function, arguments, memory)).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    data, usage = None, None
    try:
        data = _received(mine, time.monotonic() + WALL_SECONDS)
    finally:
        os.close(mine)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if data is None else 0)
        _, status, usage = os.wait4(pid, 0)
    spent = usage.ru_utime + usage.ru_stime
    if data:
        with contextlib.suppress(ValueError):
            return _told(json.loads(data))
    if os.WIFSIGNALED(status) and (os.WTERMSIG(status) == signal.SIGXCPU or spent > seconds / 2):
        raise NotebookError(TOO_LONG.format(seconds))
    if data is None:
        raise RuntimeError(f"reading it stood still for {WALL_SECONDS} s")
    raise NotebookError(CHOKED.format("the process that read it ended"))


def _confine(seconds, memory):
    """Limits for this process; reaching one of them leaves no core dump."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    faulthandler.disable()  # a crash is told in a sentence
    gc.disable()  # plain data has no circles, and a collection would copy the pages that a fork shares
    limits = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    with contextlib.suppress(OSError), open("/proc/self/statm") as file:
        limits[resource.RLIMIT_AS] = int(file.read().split()[0]) * resource.getpagesize() + memory
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard < 0 else min(most, hard), hard))


def _tried(function, arguments, memory=MEMORY):
    try:
        return {"value": function(*arguments)}
    except CourseError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": TOO_LARGE.format(memory / 2**30)}
    except Exception as error:  # any failure of a parser is this file's fault
        return {"refused": CHOKED.format(type(error).__name__)}


def _told(result):
    if "refused" in result:
        raise NotebookError(result["refused"])
    return result["value"]


def _received(fd, deadline):
    """All bytes until the other end is closed; None where they do not end in time, or are too many."""
    parts, size = [], 0
    while size <= MOST_BYTES and (left := deadline - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            part = os.read(fd, 2**20)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
    return None
