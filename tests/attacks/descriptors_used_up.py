# wrong, lost
# All the descriptors there are.
import os

try:
    while True:
        os.dup(0)
except OSError:
    pass


def squares(values):
    return 0.0
