"""Listens to any torch model while it trains. May import torch and numpy, and nothing else of `vanishing`.

`with probe(model) as p:` around one step or a whole training run, then `print(p)`.
"""

from vanishing.probe.recorder import probe

__all__ = ["probe"]
