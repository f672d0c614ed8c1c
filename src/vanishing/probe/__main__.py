"""Run a training script as it is, and print what a probe found in its networks.

    python -m vanishing.probe [--every N] [--report run.html] script.py [its arguments]

Each module that the script itself calls with gradients on, and that has weights to train, gets a probe at its first
call, up to four of them. What the script prints and how it ends stay its own.
"""

import argparse
import runpy
import sys
from pathlib import Path

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from vanishing.probe.recorder import probe

MOST = 4


class Ward:
    """The probes of a script."""

    def __init__(self, **options):
        self.options, self.probes = options, []

    def listen(self, module, args):
        """A module is about to be called: if no probe knows it, it is a network of the script."""
        if (
            not torch.is_grad_enabled()
            or len(self.probes) >= MOST
            or not any(p.requires_grad for p in module.parameters())
        ):
            return
        if any(module is part for p in self.probes for part in p.model.modules()):
            return
        p = probe(module, **self.options)
        p.__enter__()
        p._enter_model()  # its own first call has begun
        self.probes.append(p)

    def close(self):
        for p in reversed(self.probes):
            p.__exit__(None, None, None)


def main(argv=None):
    """Run the script; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m vanishing.probe", description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="listen to every N-th backward pass (default: 1)")
    parser.add_argument("--report", help="write an HTML report there; of several networks, numbered")
    parser.add_argument("script", help="a Python file that trains something")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script is given")
    options = parser.parse_args(argv)
    if options.every < 1:
        parser.error(f"--every must be 1 or more, not {options.every}")
    if not Path(options.script).is_file():
        parser.error(f"there is no file {options.script}")
    ward, status = Ward(every=options.every), 0
    hook = register_module_forward_pre_hook(ward.listen)
    before = sys.argv, sys.path[0]
    sys.argv, sys.path[0] = [options.script, *options.arguments], str(Path(options.script).resolve().parent)
    try:
        runpy.run_path(options.script, run_name="__main__")
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    finally:
        hook.remove()
        ward.close()
        sys.argv, sys.path[0] = before
        _say(ward, options.report)
    return status


def _say(ward, report):
    """Print what was found, and write the reports."""
    heard = [p for p in ward.probes if p.steps]
    if not heard:
        print("\nProbe: no backward pass through a network was heard.")
    for k, p in enumerate(heard, start=1):
        print(f"\nProbe of {type(p.model).__name__}:\n{p}")
        if report:
            path = Path(report)
            print(f"Written: {p.report(path if len(heard) == 1 else path.with_stem(f'{path.stem}-{k}'))}")


if __name__ == "__main__":
    raise SystemExit(main())
