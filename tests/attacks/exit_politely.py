# wrong, lost
# All of Python's own ways out, with something to do at the end.
import atexit
import sys

from IPython.display import display

atexit.register(lambda: display(PRACTICE, raw=True))


def squares(values):
    display(PRACTICE, raw=True)
    sys.exit(0)


exit()
