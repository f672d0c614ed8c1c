"""What one iteration of `vanishing.topology` costs, beside a straightforward Python implementation of the same scheme.

The straightforward one is written in the style of the 165-line Python code of Aage and Johansen (2013): loops over
elements to set up, entries in triplets, a general sparse solver, bisection with its tolerance. Both minimise the
compliance of the same MBB beam with the sensitivity filter; their iterations take turns in one process.

    python benchmarks/topology_iteration.py [--nelx 60] [--nely 20] [--radius 2.4] [--iterations 120]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):  # before numpy: one thread each, as in the lesson
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy.sparse import coo_matrix  # noqa: E402
from scipy.sparse.linalg import spsolve  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from topology_peer import PEER  # noqa: E402

from layered import environment, layered  # noqa: E402
from vanishing import topology  # noqa: E402


class Plain:
    """The baseline: one object that holds a beam and does an iteration at a time."""

    def __init__(self, nelx, nely, radius, volume=0.5, penalty=3.0, void=1e-9, move=0.2):
        self.nelx, self.nely, self.volume, self.penalty, self.void, self.move = nelx, nely, volume, penalty, void, move
        self.ke, self.ndof = topology.element_stiffness(), 2 * (nelx + 1) * (nely + 1)
        self.edof = np.zeros((nelx * nely, 8), dtype=int)
        for i in range(nelx):
            for j in range(nely):
                left, right = (nely + 1) * i + j, (nely + 1) * (i + 1) + j
                corners = (left, right, right + 1, left + 1)
                self.edof[i * nely + j] = [2 * node + way for node in corners for way in (0, 1)]
        self.rows = np.kron(self.edof, np.ones((8, 1), dtype=int)).flatten()
        self.columns = np.kron(self.edof, np.ones((1, 8), dtype=int)).flatten()
        self.h, self.h_sum = self.neighbours(radius)
        held = np.union1d(np.arange(0, 2 * (nely + 1), 2), [self.ndof - 1])
        self.free = np.setdiff1d(np.arange(self.ndof), held)
        self.f, self.u = np.zeros((self.ndof, 1)), np.zeros((self.ndof, 1))
        self.f[1, 0] = 1
        self.x = np.full(nelx * nely, volume)
        self.seconds = {"assembly": 0.0, "solution": 0.0, "gradient and filter": 0.0, "update": 0.0}

    def neighbours(self, radius):
        """The weights of the filter, (n, n) sparse, and their sums by row, (n, 1)."""
        row, column, value = [], [], []
        for i in range(self.nelx):
            for j in range(self.nely):
                for k in range(max(i - int(radius), 0), min(i + int(radius) + 1, self.nelx)):
                    for m in range(max(j - int(radius), 0), min(j + int(radius) + 1, self.nely)):
                        row.append(i * self.nely + j)
                        column.append(k * self.nely + m)
                        value.append(max(0.0, radius - np.sqrt((i - k) ** 2 + (j - m) ** 2)))
        n = self.nelx * self.nely
        h = coo_matrix((value, (row, column)), shape=(n, n)).tocsc()
        return h, h.sum(1)

    def iterate(self):
        """One iteration: the compliance of the design, and the largest change of a density."""
        t = [time.perf_counter()]
        moduli = self.void + self.x**self.penalty * (1 - self.void)
        entries = (self.ke.flatten()[np.newaxis].T * moduli).flatten(order="F")
        k = coo_matrix((entries, (self.rows, self.columns)), shape=(self.ndof, self.ndof)).tocsc()
        k = k[self.free, :][:, self.free]
        t.append(time.perf_counter())
        self.u[self.free, 0] = spsolve(k, self.f[self.free, 0])
        t.append(time.perf_counter())
        u_e = self.u[self.edof].reshape(len(self.x), 8)
        energy = (u_e @ self.ke * u_e).sum(1)
        compliance = float((moduli * energy).sum())
        dc = -self.penalty * self.x ** (self.penalty - 1) * (1 - self.void) * energy
        dc = np.asarray((self.h * (self.x * dc))[np.newaxis].T / self.h_sum)[:, 0] / np.maximum(0.001, self.x)
        t.append(time.perf_counter())
        new = self.bisection(dc)
        t.append(time.perf_counter())
        for stage, spent in zip(self.seconds, np.diff(t), strict=True):
            self.seconds[stage] += spent
        change, self.x = np.abs(new - self.x).max(), new
        return compliance, change

    def bisection(self, dc):
        """The optimality criteria update, λ by bisection to a relative 1e-3."""
        low, high = 0.0, 1e9
        while (high - low) / (low + high) > 1e-3:
            middle = (low + high) / 2
            moved = np.minimum(1.0, np.minimum(self.x + self.move, self.x * np.sqrt(-dc / middle)))
            new = np.maximum(0.0, np.maximum(self.x - self.move, moved))
            low, high = (middle, high) if new.sum() > self.volume * len(new) else (low, middle)
        return new


class Ours:
    """The same iteration with `vanishing.topology`, its stages timed."""

    def __init__(self, nelx, nely, radius, move=0.2, volume=0.5):
        self.beam, self.move, self.volume = topology.mbb(nelx, nely, radius), move, volume
        self.x, self.equal = np.full(self.beam.n, volume), np.full(self.beam.n, 1 / self.beam.n)
        _ = self.beam.H, self.beam.assembly
        self.seconds = {"assembly and solution": 0.0, "gradient and filter": 0.0, "update": 0.0}

    def iterate(self):
        """One iteration, as in `topology.optimise_classic`."""
        t = [time.perf_counter()]
        E, slope = topology.simp(self.x)
        u = self.beam.displacement(E)
        t.append(time.perf_counter())
        u_e = u[self.beam.dofs]
        energy = ((u_e @ self.beam.element) * u_e).sum(axis=1)
        compliance = float(self.beam.force @ u)
        dc = self.beam.H @ (-self.x * slope * energy) / np.maximum(self.x, 1e-3)
        t.append(time.perf_counter())
        new = topology.optimality_criteria(self.x, dc, self.equal, np.mean, self.volume, self.move)
        t.append(time.perf_counter())
        for stage, spent in zip(self.seconds, np.diff(t), strict=True):
            self.seconds[stage] += spent
        change, self.x = np.abs(new - self.x).max(), new
        return compliance, change


def measure(nelx=60, nely=20, radius=2.4, iterations=120):
    """For each of the two: milliseconds an iteration, in all and by stages, seconds to set up, where it stopped."""
    found = {}
    for name, kind in {"straightforward": Plain, "vanishing.topology": Ours}.items():
        start = time.perf_counter()
        found[name] = {"solver": kind(nelx, nely, radius), "each": 0.0, "stopped": None}
        found[name]["setup"] = time.perf_counter() - start
    for k in range(iterations):
        for one in found.values():
            start = time.perf_counter()
            compliance, change = one["solver"].iterate()
            one["each"] += 1e3 * (time.perf_counter() - start) / iterations
            if change <= 0.01 and one["stopped"] is None:
                one["stopped"] = k + 1, compliance
    for one in found.values():
        one["stages"] = {stage: 1e3 * spent / iterations for stage, spent in one["solver"].seconds.items()}
    return found


def rows():
    """Two rows for the table of benchmarks: the classic size, and four times as many elements."""
    for nelx, nely, radius, iterations in ((60, 20, 2.4, 120), (120, 40, 4.8, 30)):
        found = measure(nelx, nely, radius, iterations)
        yield {
            "what": f"topology optimisation, an iteration on {nelx} × {nely} elements",
            "unit": "ms",
            "ours": found["vanishing.topology"]["each"],
            "others": {"straightforward Python (triplets, sparse LU)": found["straightforward"]["each"]},
            "how": f"MBB beam, sensitivity filter, {iterations} iterations in turns; K as a band makes the difference",
        }
    yield from beside_peer()


def beside_peer():
    """A row for each of three sizes beside pymoto, and one for the memory at the largest."""
    if not (home := layered(PEER)):
        raise RuntimeError(f"{PEER} could not be installed")
    script = Path(__file__).with_name("topology_peer.py")
    command = [home / "bin" / "python", script, "--json"]
    done = subprocess.run(command, env=environment(home), check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    for one in found:
        (nelx, nely), (ours, c), (peer, c_peer) = one["size"], one["times"]["ours"], one["times"]["pymoto"]
        yield {
            "what": f"topology optimisation, an iteration on {nelx} × {nely} elements, density filter",
            "unit": "ms of CPU",
            "ours": ours,
            "others": {PEER.replace("==", " "): peer},
            "how": f"MBB beam, {one['iterations']} iterations in turns; compliance at the last {c:.3f}, pymoto "
            f"{c_peer:.3f}: ours bounds the filtered volume",
        }
    yield {
        "what": "the same, memory of a process with the largest of them",
        "unit": "MiB",
        "ours": found[-1]["memory"]["ours"],
        "others": {PEER.replace("==", " "): found[-1]["memory"]["pymoto"]},
        "how": "largest resident size, imports included",
    }


def main():
    """Print both, stage by stage, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"nelx": 60, "nely": 20, "radius": 2.4, "iterations": 120}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    found = measure(**vars(parser.parse_args()))
    for name, one in found.items():
        print(f"{name:20} {one['each']:7.2f} ms an iteration, set up in {one['setup']:.2f} s")
        print("    " + ", ".join(f"{stage} {spent:.2f}" for stage, spent in one["stages"].items()))
        if one["stopped"]:
            print("    c = {1:.2f} after {0} iterations, when no density moved by 0.01".format(*one["stopped"]))
    plain, ours = found.values()
    print(f"ratio {plain['each'] / ours['each']:.1f}. Saved in each iteration:")
    saved = plain["stages"]["assembly"] + plain["stages"]["solution"] - ours["stages"]["assembly and solution"]
    print(
        f"    {saved:.2f} ms by K as a band, filled by one product and solved by Cholesky, instead of triplets and LU"
    )


if __name__ == "__main__":
    main()
