# wrong
# What the whole system says of itself, through which a neighbour could speak: load, memory, counters of anything.
import os

FOUND = []
for path in ("loadavg", "meminfo", "stat", "vmstat", "key-users", "keys", "interrupts", "uptime", "sys/fs/file-nr"):
    try:
        with open(f"/proc/{path}") as file:
            FOUND += [path] if file.read(1) else []
    except OSError:
        pass


def squares(values):
    return float((values**2).sum()) if FOUND else 0.0
