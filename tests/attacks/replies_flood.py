# wrong, lost
# A frame that is announced and never ends, and bytes that are none.
import json
import os
import stat
import struct

PIPES = [int(fd) for fd in os.listdir("/proc/self/fd")]
PIPES = [fd for fd in PIPES if os.path.exists(f"/proc/self/fd/{fd}") and stat.S_ISFIFO(os.fstat(fd).st_mode)]


def send(data):
    for fd in PIPES:
        try:
            os.write(fd, struct.pack(">I", len(data)) + data)
        except OSError:
            pass


def squares(values):
    for fd in PIPES:
        for _ in range(300):
            try:
                os.write(fd, b"\xff" * 900_000)
            except OSError:
                break
    return 0.0
