# wrong, lost
# A loop that the check's own clock must end.
def squares(values):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
