"""How many sick networks `vanishing.probe` names the cause of, and how many healthy ones it leaves alone.

python benchmarks/sick/run.py [--only WORD] [--seeds 1] [--first 0]
"""

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import strange  # noqa: F401 - adds to both
from healthy import HEALTHY
from networks import SICK


def judged(kinds, p):
    """'named', 'missed' (no finding) or 'wrong', by the first finding."""
    found = p.findings()
    if not found:
        return "missed"
    return "named" if found[0].kind in kinds else "wrong"


def main():
    """Print a line for each network that was judged otherwise than it should be, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--ward", choices=("sick", "healthy", "both"), default="both")
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts = {"named": 0, "missed": 0, "wrong": 0, "quiet": 0, "alarm": 0}
    start = time.process_time()
    for seed in range(options.first, options.first + options.seeds):
        for name, (kinds, listen) in SICK.items() if options.ward != "healthy" else ():
            if options.only in name:
                torch.manual_seed(seed)
                p = listen()
                counts[(verdict := judged(kinds, p))] += 1
                if verdict != "named" or options.only:
                    print(
                        f"{verdict}: {name} ({', '.join(kinds)}):", *p.findings() or p.remarks(), *p.notes, sep="\n    "
                    )
        for name, listen in HEALTHY.items() if options.ward != "sick" else ():
            if options.only in name:
                torch.manual_seed(seed)
                p = listen()
                verdict = "alarm" if p.findings() or any("failed" in n for n in p.notes) else "quiet"
                counts[verdict] += 1
                if verdict == "alarm" or options.only:
                    print(f"{verdict}: {name}:", *p.findings(), *p.notes, sep="\n    ")
    print(f"sick: {counts['named']} named, {counts['missed']} missed, {counts['wrong']} wrong;", end=" ")
    print(
        f"healthy: {counts['quiet']} quiet, {counts['alarm']} with an alarm; {time.process_time() - start:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
