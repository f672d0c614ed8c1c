"""At the end of each lesson a closed panel: what was tried behind its measured claims, and what came out."""

import html
import json
from pathlib import Path

from docutils import nodes
from formulas import text

PANEL = """<details class="evidence"><summary>What was tried behind this page</summary>
<p>Each measured claim was run again at a larger budget: more steps, more seeds, another size, the obvious alternative.
{versions}</p>
{claims}
</details>"""
CLAIM = """<section class="claim {kind}"><p><strong>{mark}</strong> {claim}</p>
<dl><dt>in the lesson</dt><dd>{budget}</dd><dt>tried</dt><dd>{tried}</dd><dt>found</dt><dd>{found}</dd></dl>
</section>"""


def panel(record: dict) -> str:
    """The panel of a record as `course evidence` writes it."""
    claims = []
    for entry in record["claims"]:
        held = {"kind": "held", "mark": "Held."} if entry["held"] else {"kind": "refuted", "mark": "Did not hold:"}
        words = {key: text(entry[key].replace("**", "")) for key in ("claim", "budget", "tried", "found")}
        claims.append(CLAIM.format(**held, **words))
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return PANEL.format(claims="\n".join(claims), versions=html.escape(versions))


def add_panel(app, doctree) -> None:
    """Put the panel at the end of a lesson that has a record."""
    docname = app.env.docname
    path = Path(app.srcdir) / "evidence" / f"{Path(docname).name}.json"
    if docname.startswith("lessons/") and path.is_file():
        app.env.note_dependency(str(path))
        sections = [node for node in doctree.children if isinstance(node, nodes.section)]
        place = sections[-1] if sections else doctree
        place.append(nodes.raw("", panel(json.loads(path.read_text(encoding="utf-8"))), format="html"))


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("doctree-read", add_panel)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
