"""What `check` says: a line with a sign, and below it what helps to find the mistake."""

import html
import sys
from dataclasses import dataclass, field

from coursekit.checking.marks import digest, latest

VERDICT_MIME = "application/vnd.coursekit.verdict+json"
SIGNS = {"right": "✓", "blank": "○", "wrong": "✗", "error": "!"}


@dataclass
class Verdict:
    """What `check` found: `kind` is right, blank, wrong or error; `text` is one line, `more` are lines below it."""

    exercise: str
    kind: str
    text: str
    more: list = field(default_factory=list)

    @property
    def line(self):
        return f"{SIGNS[self.kind]} {self.exercise}  {' '.join(self.text.splitlines())}"

    @property
    def shown(self):
        """All lines in one text."""
        return "\n".join([self.line, *(f"  {line}" for line in self.more)])

    def show(self, name=""):
        """Display the lines in a notebook, print them elsewhere; `name` is that of the function which was checked."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is None:
            print(self.shown)
            return
        style = f'class="coursekit-verdict coursekit-{self.kind}" style="{STYLES[self.kind]}"'
        bundle = {
            "text/plain": self.shown,
            "text/html": f"<div {style}>{html.escape(self.shown)}</div>",
            VERDICT_MIME: {"exercise": self.exercise, "kind": self.kind} | self._answer(shell, name),
        }
        sys.modules["IPython"].display.display(bundle, raw=True)

    def _answer(self, shell, name):
        """{"answer": digest of the answer that ran in this kernel}: the verdict is about no other answer."""
        inputs = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None) or []
        found = latest(self.exercise, [source for source in inputs if isinstance(source, str)], name)
        return {"answer": digest(found)} if found else {}


_BOX = "padding:.35em .7em;border-left:4px solid {};font-family:inherit;white-space:pre-wrap"
STYLES = {
    kind: _BOX.format(colour)
    for kind, colour in {
        "right": "#1a7f5a",
        "blank": "#8a8f98",
        "wrong": "#c2410c",
        "error": "#c2410c",
    }.items()
}
