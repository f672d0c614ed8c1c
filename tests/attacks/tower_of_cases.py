# wrong, lost
# Code on which a reader that calls itself would fall over: a thousand steps deep.
def squares(values):
    a = 0
ELIFS
    return 0.0
