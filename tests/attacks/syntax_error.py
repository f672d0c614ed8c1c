# wrong
# A cell that Python does not read.
def squares(values:
