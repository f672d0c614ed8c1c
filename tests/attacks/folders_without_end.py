# wrong, lost
# Folders in folders: whoever removes them must not fall over.
import os

os.chdir("/tmp")
try:
    for _ in range(5000):
        os.mkdir("a")
        os.chdir("a")
except OSError:
    pass


def squares(values):
    return 0.0
