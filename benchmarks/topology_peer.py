"""`vanishing.topology` beside pymoto 2.0.1: the same beam, mesh, stiffness, density filter and moves, in turns.

pymoto bounds the mean of the design, `vanishing.topology.optimise` that of the filtered design, which is what is
built; hence two compliances that differ in the third digit. CPU time of one thread, median of the iterations; memory
is the largest resident size of a process that does nothing else.

    python benchmarks/topology_peer.py [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

for library in ("OMP", "OPENBLAS", "MKL"):  # before numpy: one thread each
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

PEER = "pymoto==2.0.1"
SIZES = ((60, 20, 2.4, 60), (120, 40, 4.8, 20), (240, 80, 9.6, 8))  # elements, filter radius, iterations
MOVE, VOLUME = 0.2, 0.5


class Ours:
    """`vanishing.topology.optimise` without a projection."""

    def __init__(self, nelx, nely, radius):
        from vanishing import topology

        beam = topology.mbb(nelx, nely, radius)
        self.steps = topology.optimise(beam, np.full(beam.n, VOLUME), [0] * 10_000, move=MOVE, volume=VOLUME)

    def iterate(self):
        """One iteration; the compliance of the design that it began with."""
        return next(self.steps).compliance


class Peer:
    """The same problem in pymoto's blocks."""

    def __init__(self, nelx, nely, radius):
        import pymoto

        grid = pymoto.VoxelDomain(nelx, nely)
        held = np.append(2 * grid.nodes[0, :].ravel(), 2 * grid.nodes[nelx, 0].item() + 1)
        force = np.zeros(2 * grid.nnodes)
        force[2 * grid.nodes[0, nely].item() + 1] = -1
        x = pymoto.Signal("x", state=np.full(grid.nel, VOLUME))
        with pymoto.Network() as network:
            z = pymoto.DensityFilter(grid, radius=radius)(x)
            moduli = pymoto.MathExpression("1e-9 + (1 - 1e-9) * inp0^3")(z)
            stiffness = pymoto.AssembleStiffness(grid, bc=held, plane="stress")(moduli)
            self.compliance = pymoto.EinSum("i,i->")(pymoto.LinSolve()(stiffness, force), force)
        self.oc = pymoto.OC(x, self.compliance, network, move=MOVE, maxvol=VOLUME, verbosity=0)

    def iterate(self):
        """One iteration; the compliance of the design that it began with."""
        self.oc.x = self.oc.step()[0]
        return float(self.compliance.state)


KINDS = {"ours": Ours, "pymoto": Peer}


def in_turns(nelx, nely, radius, iterations):
    """{name: (median milliseconds an iteration, last compliance)}."""
    solvers = {name: kind(nelx, nely, radius) for name, kind in KINDS.items()}
    spent, last = {name: [] for name in solvers}, {}
    for k in range(iterations + 1):
        for name, solver in solvers.items():
            before = time.process_time()
            last[name] = solver.iterate()
            if k:  # the first sets up what later ones find
                spent[name].append(1e3 * (time.process_time() - before))
    return {name: (median(spent[name]), last[name]) for name in solvers}


def memory(name, nelx, nely, radius):
    """Mebibytes of a process with two iterations in it."""
    code = f"import topology_peer as t; t.alone({name!r}, {nelx}, {nely}, {radius})"
    here = Path(__file__).resolve().parent
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=here, check=True, capture_output=True)
    return float(done.stdout)


def alone(name, nelx, nely, radius):
    """Iterate twice and print the largest resident size, from /proc: `getrusage` counts what came before, too."""
    solver = KINDS[name](nelx, nely, radius)
    solver.iterate(), solver.iterate()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024)


def main():
    """Print a line for each size, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    warnings.simplefilter("ignore")  # pymoto's own, about the format of its matrix
    found = []
    for nelx, nely, radius, iterations in SIZES:
        times = in_turns(nelx, nely, radius, iterations)
        held = {name: memory(name, nelx, nely, radius) for name in KINDS}
        found.append({"size": [nelx, nely], "iterations": iterations, "times": times, "memory": held})
        if not wanted.json:
            ours, peer = times["ours"], times["pymoto"]
            print(
                f"{nelx} × {nely}: {ours[0]:.2f} ms, pymoto {peer[0]:.2f} ms, ratio {peer[0] / ours[0]:.2f}; "
                f"c {ours[1]:.3f} and {peer[1]:.3f}; memory {held['ours']:.0f} and {held['pymoto']:.0f} MiB",
                flush=True,
            )
    if wanted.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
