# wrong
# A process, and a child of it, whose names are no text, or read like lines of what the system says of it.
import ctypes
import os
import time

NAME = 15  # PR_SET_NAME
libc = ctypes.CDLL(None)
for name in (b"\xff\xfe\xff", b"\x0bState:\tZ", b"\x1cVmRSS: 1 kB"):
    if os.fork() == 0:
        libc.prctl(NAME, name, 0, 0, 0)
        time.sleep(100)
libc.prctl(NAME, b"\xff\xfe\xff", 0, 0, 0)
time.sleep(0.5)


def squares(values):
    return 0.0
