# wrong, lost
# A display that is changed after it was shown.
from IPython.display import display, update_display


def squares(values):
    display(PRACTICE, raw=True, display_id="mine")
    update_display(PRACTICE, raw=True, display_id="mine")
    return 0.0
