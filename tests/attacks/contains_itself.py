# wrong, lost
# Lists in lists in lists, and a dict of a million.
loop = []
loop.append(loop)


def squares(values):
    return [loop] * 1000 + [{str(k): k for k in range(10**6)}]
