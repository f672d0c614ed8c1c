# lost
# As much memory as a process may have, in many processes.
import os
import time

for _ in range(40):
    if os.fork() == 0:
        kept = bytearray(os.urandom(2**20)) * 64
        time.sleep(100)
time.sleep(100)
