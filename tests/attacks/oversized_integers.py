# wrong, lost
# Integers that take a reader very long, or that no float can hold.
import coursekit.checking.checks

coursekit.checking.checks.encode = lambda _: ["i", 10**4000]


def squares(values):
    return 10**4000
