"""Lateness: what is late, by how many days, and what that costs."""

import math
from dataclasses import dataclass
from datetime import datetime

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Rule:
    """A teacher's rule: when the work is due (None: as the platform says), and the share of points that a day costs."""

    due: datetime | None = None
    penalty: float = 0.0

    def days(self, when, late, extension=None):
        """Days late, each begun one counting whole; a late mark of a platform's that gives no time counts as one day.

        `extension` is a person's own due date and overrides the class's. A time without a zone is by the platform's
        clock, and so is the date to which it is compared.
        """
        due = extension or self.due
        if due is None or when is None:
            return 1 if late and extension is None else 0
        return max(0, math.ceil(seconds_after(when, due) / DAY))

    def factor(self, days):
        """The share of the points that is left after so many days."""
        return max(0.0, 1.0 - self.penalty * days)


NO_RULE = Rule()


def seconds_after(when, due):
    """Seconds from `due` to `when`; where only one of them has a zone, the other is in this machine's."""
    if (when.tzinfo is None) != (due.tzinfo is None):
        when, due = when.astimezone(), due.astimezone()
    return (when - due).total_seconds()
