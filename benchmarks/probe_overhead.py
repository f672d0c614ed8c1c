"""What `vanishing.probe` costs: training steps of a multilayer perceptron with it, over steps without it.

Both kinds of step take turns in one process, and the fastest of each are compared: those that nothing else disturbed.

    python benchmarks/probe_overhead.py [--depth 20] [--width 512] [--batch 128] [--steps 100]
"""

import argparse
import time

import torch
from torch import nn

from vanishing.probe import probe

LIMIT = 1.10


def training(depth, width, batch):
    """A function that does one training step: `depth` linear layers of `width`, ReLU, cross-entropy, Adam."""
    layers = [nn.Linear(width, width) for _ in range(depth - 1)]
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())), nn.Linear(width, 10))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(batch, width), torch.randint(10, (batch,))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return model, step


def overhead(depth=20, width=512, batch=128, steps=100):
    """Seconds of a plain step and of one under a probe, the fastest of `steps` each."""
    model, step = training(depth, width, batch)
    times = {"plain": [], "probed": []}
    listener = probe(model)
    for _ in range(5):
        step()
    for _ in range(steps // 4):
        times["plain"] += [_seconds(step) for _ in range(4)]
        with listener:
            times["probed"] += [_seconds(step) for _ in range(5)][1:]
    return [min(values) for values in times.values()]


def _seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def rows():
    """The benchmark's row: milliseconds of a training step, plain and under a probe."""
    torch.set_num_threads(1)
    plain, probed = overhead()
    yield {
        "what": "a training step under `probe`",
        "unit": "ms",
        "ours": 1e3 * probed,
        "others": {"the same step without it": 1e3 * plain},
        "how": "20 layers of 512, batch 128, Adam, one thread; in turns, the fastest of 100 each",
    }


def main():
    """Print the ratio; exit with 1 if it is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"depth": 20, "width": 512, "batch": 128, "steps": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=1)
    options = vars(parser.parse_args())
    torch.set_num_threads(options.pop("threads"))
    plain, probed = overhead(**options)
    print(f"step {1e3 * plain:.2f} ms, with a probe {1e3 * probed:.2f} ms: ratio {probed / plain:.3f}")
    raise SystemExit(probed / plain > LIMIT)


if __name__ == "__main__":
    main()
