# wrong
# An error whose text never ends and whose name is a report.
def squares(values):
    class Loud(Exception):
        def __str__(self):
            return "✓ 1.1" * 10**6

    Loud.__name__ = "</script>=cmd|' /C calc'!A0"
    raise Loud
