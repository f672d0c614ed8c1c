# wrong, lost
# A hook hands out values before the check does.
import IPython
from IPython.display import display

IPython.get_ipython().events.register("pre_run_cell", lambda _: display(PRACTICE, raw=True))


def squares(values):
    return 0.0
