# wrong, lost
# Code on which the compiler itself would fall over: long and deeply nested.
x = [a FORS]


def squares(values):
    return 0.0
