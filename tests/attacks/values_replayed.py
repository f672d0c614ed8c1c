# wrong, lost
# Values of the published seed, shown while the check runs.
from IPython.display import display


def squares(values):
    display(PRACTICE, raw=True)
    return 0.0
