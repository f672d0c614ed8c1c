"""All benchmarks, side by side in one run, into one table: `make bench`.

Each module here has `rows()`, which yields {what, unit, ours, others: {name: value}, how}. Figures of one run can be
compared with each other; figures of different runs, or machines, only by their ratios. A module that cannot run here
says why and the others go on.

    python benchmarks/run.py [MODULE …] [--out FOLDER]
"""

import argparse
import importlib
import json
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("imports", "redraw", "book_weight", "course_times", "probe_overhead", "topology_iteration", "grading")


def measure(name):
    """(rows, reason) of one module: the reason says why there are none."""
    try:
        return list(importlib.import_module(name).rows()), ""
    except Exception as error:  # whatever another tool's installation does, the other rows are still wanted
        return [], f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def table(rows):
    """Markdown: a line for each thing that is compared."""
    lines = ["| what | ours | compared with | ratio | how |", "|---|---|---|---|---|"]
    for row in rows:
        ours, unit = row["ours"], row["unit"]
        others = row["others"] or {"": None}
        for name, value in others.items():
            beside = f"{name}: {value:.3g} {unit}".strip() if value is not None else "–"
            ratio = f"1 : {value / ours:.3g}" if value and ours else "–"
            lines.append(f"| {row['what']} | {ours:.3g} {unit} | {beside} | {ratio} | {row['how']} |")
    return "\n".join(lines) + "\n"


def main():
    """Measure, print the table, write it beside the data; exit with 1 when a module could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "bench")
    arguments = parser.parse_args()
    rows, failed = [], []
    for name in arguments.modules or MODULES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found, reason = measure(name)
        rows += found
        failed += [reason] if reason else []
    arguments.out.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    (arguments.out / "table.md").write_text(table(rows), "utf-8")
    (arguments.out / "table.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", "utf-8")
    print(table(rows))
    for reason in failed:
        print(f"not measured: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
