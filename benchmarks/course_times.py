"""How long recording and proving the whole course takes, on a copy of the repository.

python benchmarks/course_times.py
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coursekit.lessons.course import Course

ROOT = Path(__file__).resolve().parents[1]


def seconds(command, folder):
    """Wall seconds of a `course` command that must succeed."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "coursekit.cli", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def rows():
    """The benchmark's rows: seconds of `course record` and `course verify` for all lessons."""
    with tempfile.TemporaryDirectory() as folder:
        for room in ("lessons", "solutions"):
            shutil.copytree(ROOT / room, Path(folder) / room)
        lessons = len(Course(Path(folder)).numbers)
        for command in ("record", "verify"):
            yield {
                "what": f"`course {command}`, all lessons",
                "unit": "s",
                "ours": seconds([command], folder),
                "others": {},
                "how": f"{lessons} lessons, as many at a time as there are cores",
            }


if __name__ == "__main__":
    for row in rows():
        print(row)
