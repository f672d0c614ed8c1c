"""The course's twins of what learners write, until `toolbox.py` in a learner's own folder stands before this one."""

from coursekit.checking.toolbox import lend as __getattr__

__all__ = ["__getattr__"]
