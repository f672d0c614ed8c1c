"""What watching costs: training steps under `vanishing.probe`, and under its peers, over plain ones, in CPU time.

All kinds of step take turns in one process, in short blocks, so that a busy machine is as busy for each. The middle
step of a block is compared with that of the plain block before it; what is printed is the middle of these ratios, the
quarters between which half of them lie, and the ratio of the fastest steps of all. Peers that are not installed are
passed over: `pip install lightning tensorboard wandb` into a throw-away environment puts them beside the probe.

    python benchmarks/probe_overhead.py [--network perceptron] [--rounds 20] [--block 20] [--peers]
"""

import argparse
import contextlib
import importlib.util
import os
import tempfile
import time
from statistics import median, quantiles

import torch
from torch import nn

from vanishing.probe import probe


def training(depth, width, batch):
    """A model and a function that does one training step: `depth` linear layers of `width`, ReLU, cross-entropy, Adam.

    The function takes another one, which is called between the backward pass and the step.
    """
    layers = [nn.Linear(width, width) for _ in range(depth - 1)]
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())), nn.Linear(width, 10))
    x, y = torch.randn(batch, width), torch.randint(10, (batch,))
    return model, _stepping(model, lambda: nn.functional.cross_entropy(model(x), y))


def _stepping(model, loss):
    optimizer = torch.optim.Adam(model.parameters())

    def step(look=None):
        optimizer.zero_grad()
        loss().backward()
        if look is not None:
            look()
        optimizer.step()

    return step


class Transformer(nn.Module):
    """A language model of four layers of 64, over 100 words."""

    def __init__(self, words=100, width=64, depth=4):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.words, self.head = nn.Embedding(words, width), nn.Linear(width, words)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, x):
        return self.head(self.layers(self.words(x)))


def reading(batch=16, length=32):
    """The same of a transformer: 16 sequences of 32 words."""
    model, x = Transformer(), torch.randint(100, (batch, length))
    return model, _stepping(model, lambda: nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten()))


NETWORKS = {"perceptron": lambda: training(20, 512, 128), "transformer": reading}


@contextlib.contextmanager
def _probed(model, every=1):
    with probe(model, every=every):
        yield None


@contextlib.contextmanager
def _lightning(model):
    from lightning.pytorch.utilities import grad_norm

    yield lambda: grad_norm(model, norm_type=2)


@contextlib.contextmanager
def _histograms(model):
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

        def look():
            for name, p in model.named_parameters():
                writer.add_histogram(name, p.grad)

        yield look


@contextlib.contextmanager
def _wandb(model):
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    with tempfile.TemporaryDirectory() as folder, wandb.init(mode="offline", dir=folder) as run:
        run.watch(model, log="gradients", log_freq=1)
        yield lambda: run.log({"step": 0})
        run.unwatch(model)


WATCHERS = {
    "plain": lambda model: contextlib.nullcontext(),
    "probe": _probed,
    "probe, every=10": lambda model: _probed(model, 10),
}
PEERS = {
    "Lightning's grad_norm": ("lightning", _lightning),
    "TensorBoard, histograms": ("tensorboard", _histograms),
    "wandb.watch, offline": ("wandb", _wandb),
}


def overhead(made, watchers=("plain", "probe"), rounds=20, block=20):
    """CPU seconds of each step, by watcher: a list of `rounds` lists. The first steps of a block are not counted.

    In those the watcher begins; the probe learns the network in the 1st, 2nd, 4th, 8th, … step of a block.
    """
    model, step = made
    every = WATCHERS | {name: make for name, (_, make) in PEERS.items()}
    seconds = {name: [] for name in watchers}
    for _ in range(5):
        step()
    for _ in range(rounds):
        for name in watchers:
            with every[name](model) as look:
                for _ in range(4):
                    step(look)
                seconds[name].append([_seconds(step, look) for _ in range(block)])
    return seconds


def _seconds(step, look):
    start = time.process_time()
    step(look)
    return time.process_time() - start


def compared(seconds, name):
    """The middle of the ratios of blocks, the two quarters, and the ratio of the fastest steps."""
    pairs = zip(seconds[name], seconds["plain"], strict=True)
    ratios = [median(watched) / median(plain) for watched, plain in pairs]
    low, middle, high = quantiles(ratios, n=4)
    return middle, low, high, min(map(min, seconds[name])) / min(map(min, seconds["plain"]))


def rows():
    """The benchmark's row: milliseconds of a training step, plain and under a probe."""
    torch.set_num_threads(1)
    seconds = overhead(NETWORKS["perceptron"](), rounds=5)
    plain, probed = (min(map(min, seconds[name])) for name in ("plain", "probe"))
    yield {
        "what": "a training step under `probe`",
        "unit": "ms",
        "ours": 1e3 * probed,
        "others": {"the same step without it": 1e3 * plain},
        "how": "20 layers of 512, batch 128, Adam, one thread; CPU time, in turns, the fastest of 100 each",
    }


def main():
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, help="by default, all")
    parser.add_argument("--peers", action="store_true", help="those of them that are installed, too")
    for name, value in {"rounds": 20, "block": 20, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    watchers = list(WATCHERS)
    if options.peers:
        watchers += [name for name, (module, _) in PEERS.items() if importlib.util.find_spec(module)]
    for name in [options.network] if options.network else NETWORKS:
        seconds = overhead(NETWORKS[name](), watchers, options.rounds, options.block)
        print(f"{name}: {1e3 * min(map(min, seconds['plain'])):.2f} ms a step")
        for watcher in watchers[1:]:
            middle, low, high, fastest = compared(seconds, watcher)
            print(f"  {watcher:24} {middle:.3f} ({low:.3f} to {high:.3f}); of the fastest steps {fastest:.3f}")


if __name__ == "__main__":
    main()
