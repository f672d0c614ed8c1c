# wrong, lost
# Folders in folders where the kernel keeps its sockets: whoever removes them must not fall over.
import glob
import os

os.chdir(glob.glob("/tmp/kernel-*")[0])
try:
    for _ in range(5000):
        os.mkdir("a")
        os.chdir("a")
except OSError:
    pass


def squares(values):
    return 0.0
