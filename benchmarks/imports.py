"""What an import costs beside the import that nobody can do without: CPU time of fresh processes, in turns, the best.

python benchmarks/imports.py [--times 7]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COURSE = [sys.executable, "-m", "coursekit.cli"]
PAIRS = {  # what: (ours, beside, what it is beside)
    "`from vanishing.probe import probe`": ("from vanishing.probe import probe", "import torch"),
    "`course --help`": ([*COURSE, "--help"], "import numpy"),
    "`course progress`": ([*COURSE, "progress"], "import numpy"),
    "`from vanishing import figure, Explorer`": (
        "from vanishing import figure, Explorer",
        "import matplotlib.pyplot",
    ),
}


def seconds(what, folder):
    """CPU seconds of a fresh process that imports something, or runs a command."""
    command = [sys.executable, "-c", what] if isinstance(what, str) else what
    before = os.times()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def measure(times=7):
    """{what: (seconds of ours, of what is beside it, its name)}, the best of so many turns."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lessons", "solutions"):
            (Path(folder) / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "lessons", Path(folder) / "work", ignore=shutil.ignore_patterns("expected"))
        (Path(folder) / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
        for what, (ours, other) in PAIRS.items():
            turns = [(seconds(ours, folder), seconds(other, folder)) for _ in range(times)]
            found[what] = (*map(min, zip(*turns, strict=True)), other)
    return found


def rows():
    """A row for each import."""
    for what, (ours, beside, name) in measure().items():
        yield {
            "what": what,
            "unit": "ms of CPU",
            "ours": 1e3 * ours,
            "others": {f"`{name}`": 1e3 * beside},
            "how": "fresh processes in turns, the best of seven",
        }


def main():
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=7)
    for what, (ours, beside, name) in measure(parser.parse_args().times).items():
        print(f"{what}: {1e3 * ours:.0f} ms, {name} {1e3 * beside:.0f} ms, ratio {ours / beside:.2f}")


if __name__ == "__main__":
    main()
