"""The directive {taste}: a lesson's first live figure, shown on another page without a second copy of it."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
CUSTOM_ELEMENT = re.compile(r"<[a-z]+(-[a-z0-9]+)+[\s>]")


class taste(nodes.General, nodes.Element):
    """Stands where the figure will be."""


class Taste(SphinxDirective):
    """`{taste} lessons/01_name` marks the place."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave a mark, and remember that this page depends on the lesson."""
        lesson = self.arguments[0]
        self.env.note_dependency(self.env.doc2path(lesson))
        mark = taste(lesson=lesson)
        self.set_source_info(mark)
        return [mark]


class Lift(SphinxPostTransform):
    """Copy the lesson's outputs over the mark, before myst-nb chooses among their formats."""

    default_priority = 1

    def run(self, **kwargs) -> None:
        """Replace every mark."""
        for mark in list(self.document.findall(taste)):
            lesson = self.env.get_doctree(mark["lesson"])
            figures = [box for box in lesson.findall(nodes.container) if is_live(box)]
            if not figures:
                log.warning("%s has no live figure to show", mark["lesson"], location=mark)
            mark.replace_self([box.deepcopy() for box in figures[:1]])


def is_live(box: nodes.container) -> bool:
    """Whether a box holds the outputs of a cell, a custom element among them."""
    return "cell_output" in box["classes"] and any(
        CUSTOM_ELEMENT.search(raw.astext()) for raw in box.findall(nodes.raw)
    )


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_node(taste)
    app.add_directive("taste", Taste)
    app.add_post_transform(Lift)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
