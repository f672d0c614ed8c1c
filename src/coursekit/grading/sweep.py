"""After a sandbox has ended: is anything of its user still there? Only root can ask, and gives each one a user."""

import contextlib
import os
import re
import stat
import time
from pathlib import Path

FIRST_USER, USERS = 1 << 30, 1 << 30
COUNTER = "/run/course-users"  # only root can write there
WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")


def next_user():
    """A user id that no sandbox of this machine has had; the process's own id when it is not root.

    Keyrings, limits and much else belong to a user id, even between sandboxes that share nothing else.
    """
    if os.geteuid() != 0:
        return os.getuid()
    import fcntl

    fd = os.open(COUNTER, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        used = int(os.pread(fd, 20, 0) or b"0")
        os.pwrite(fd, b"%020d" % (used + 1), 0)
    finally:
        os.close(fd)
    return FIRST_USER + used % USERS


def left_by(uid):
    """What a user still has on this machine, in words: processes, keys, System V objects, files in open places.

    Empty for a real user of the machine, who may have any of these. A real user's sandbox can make none of these
    outside its own namespaces, and no keys at all.
    """
    if not FIRST_USER <= uid < FIRST_USER + USERS:
        return []
    found = [f"process {name}" for name in _entries("/proc") if _owner(f"/proc/{name}") == uid and _lives(name)]
    if re.search(rf"^\s*{uid}:", _text("/proc/key-users"), re.MULTILINE):
        found.append("a keyring")
    for kind in ("shm", "sem", "msg"):
        head, *rows = _text(f"/proc/sysvipc/{kind}").splitlines() or [""]
        columns = [head.split().index(name) for name in ("uid", "cuid") if name in head.split()]
        if any(row.split()[column] == str(uid) for row in rows for column in columns):
            found.append(f"a System V object ({kind})")
    found += [
        f"{folder}/{name}" for folder in WRITABLE for name in _entries(folder) if _owner(f"{folder}/{name}") == uid
    ]
    return found


def outlived(uid, seconds=5.0):
    """What `left_by` still finds when killed processes have had so long to end; returns early if nothing is left."""
    until = time.monotonic() + seconds
    while (left := left_by(uid)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _lives(name):
    """Whether an entry of /proc is a process that can still do something.

    What has ended keeps its number until its parent asks, and where the first process of a container asks nobody, for
    ever. A leader that has ended before its other threads has ended only in name.
    """
    status = dict(line.split(":\t", 1) for line in _text(f"/proc/{name}/status").split("\n") if ":\t" in line)
    return name.isdigit() and bool(status) and (status["State"][0] not in "ZX" or int(status["Threads"]) > 1)


def _entries(folder):
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []


def _owner(path):
    with contextlib.suppress(OSError):
        return os.lstat(path)[stat.ST_UID]


def _text(path):
    with contextlib.suppress(OSError):
        return Path(path).read_text(errors="replace")  # a process may give itself any name
    return ""
