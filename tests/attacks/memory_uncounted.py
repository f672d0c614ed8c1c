# wrong, lost
# Memory that no process has among its pages: shared mappings that were let go, files in memory, sockets, pipes.
import mmap
import os
import socket

kept = []
try:
    for _ in range(64):
        part = mmap.mmap(-1, 2**25)
        part.write(b"x" * 2**25)
        part.madvise(mmap.MADV_DONTNEED)
        kept.append(part)
except OSError:
    pass
for folder in ("/tmp", "/dev/shm"):
    try:
        with open(f"{folder}/kept", "wb") as file:
            while True:
                file.write(bytes(2**22))
    except OSError:
        pass
try:
    while True:
        pair = socket.socketpair()
        pair[0].setblocking(False)
        kept.append(pair)
        try:
            while True:
                pair[0].send(bytes(2**16))
        except BlockingIOError:
            pass
except OSError:
    pass


def squares(values):
    return 0.0
