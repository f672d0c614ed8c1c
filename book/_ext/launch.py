"""Below a lesson's heading, links that run it elsewhere, once the repository's address stands in `_config.yml`."""

from html import escape
from pathlib import Path

from coursekit.lessons.errors import CourseError
from coursekit.publishing.doors import binder, colab, repository


def links(root, notebook):
    """[(name, address)] of the doors to a lesson; none while the repository has no address."""
    try:
        where = repository(root)
    except CourseError:
        return []
    found = [("Binder", binder(where, notebook))]
    return [*found, ("Colab", colab(where, notebook))] if where.path else found


def launch(app, pagename, templatename, context, doctree):
    """Put the links below the heading of a lesson's page."""
    if doctree is None or not pagename.startswith("lessons/"):
        return
    found = links(Path(app.srcdir), f"{Path(pagename).name}.ipynb")
    shown = " · ".join(f'<a href="{escape(address)}">{name}</a>' for name, address in found)
    if shown:
        heading = "</h1>"
        line = f'{heading}\n<p class="launch">Run this lesson, without installing anything, on {shown}.</p>'
        context["body"] = context["body"].replace(heading, line, 1)


def setup(app):
    app.connect("html-page-context", launch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
