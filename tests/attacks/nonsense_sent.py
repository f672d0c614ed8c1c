# wrong, lost
# Frames that are no messages, messages that are no dicts, JSON that nests without end.
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


for body in (b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"NaN", b"9" * 10_000, b"null", b'{"n": []}'):
    send(body)
for n in range(60):
    for value in (None, 7, "text", [], {"data": 5}, {"data": {"application/vnd.coursekit.values+json": "x"}}):
        send(json.dumps({"n": n, "output_type": "display_data", "data": value}).encode())
        send(json.dumps({"n": n, "output_type": value}).encode())


def squares(values):
    return 0.0
