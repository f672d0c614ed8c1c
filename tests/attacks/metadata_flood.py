# wrong, lost
# A small display with very much said about it.
from IPython.display import display

display({"text/plain": "x"}, raw=True, metadata={"note": "x" * 20_000_000})


def squares(values):
    return 0.0
