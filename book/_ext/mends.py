"""What Sphinx and the theme write into a page, put right for every reader and every connection."""

import re

MENDS = {
    'role="doc-biblioentry"': 'role="listitem"',  # deprecated, and not allowed in a list
    '<th class="head"><p></p></th>': "<td></td>",  # the empty corner of a table is no heading
}
SCRIPT = re.compile(r"<script>.{500,}?</script>", re.DOTALL)


def mend(app, pagename, templatename, context, doctree) -> None:
    """Change the body of a page."""
    body = context.get("body")
    if body:
        for old, new in MENDS.items():
            body = body.replace(old, new)
        context["body"] = once(body)


def once(body: str) -> str:
    """A body in which a script that figures share stands only with the first of them."""
    seen = set()

    def keep_first(script: re.Match) -> str:
        known = script[0] in seen
        seen.add(script[0])
        return "" if known else script[0]

    return SCRIPT.sub(keep_first, body)


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
