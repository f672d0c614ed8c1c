# wrong
# Whoever unpickled this would run a command.
import os


class Command:
    def __reduce__(self):
        return os.system, (f"touch {CANARY}",)


def squares(values):
    return Command()
