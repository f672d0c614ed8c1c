"""The directive {coursemap} and the role {total}: what the lessons say of themselves, counted and drawn."""

from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from coursekit.lessons.course import Course
from coursekit.lessons.errors import CourseError
from coursekit.publishing import coursemap
from coursekit.publishing.book import TOC


class course_map(nodes.General, nodes.Element):
    """Stands where the map will be."""


def note_lessons(env) -> Course:
    """The course that is being built; the page is built again when a lesson or the contents change."""
    course = Course(Path(env.srcdir))
    for path in [*course.paths, course.root / TOC]:
        env.note_dependency(str(path))
    return course


class CourseMap(SphinxDirective):
    """`{coursemap}` marks the place."""

    def run(self) -> list[nodes.Node]:
        """Read the lessons, so that a mistake in them is reported here."""
        try:
            coursemap.nodes(note_lessons(self.env))
        except CourseError as error:
            raise self.severe(str(error)) from error
        return [course_map()]


class Total(SphinxRole):
    """`{total}` with `lessons`, `exercises`, `hours` or `seconds`, and perhaps the number of a part."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number, as text."""
        try:
            return [nodes.Text(coursemap.total(note_lessons(self.env), self.text))], []
        except CourseError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [], [message]


def draw(app, doctree, docname) -> None:
    """Put the map in its place, with links as this page needs them."""
    for mark in list(doctree.findall(course_map)):
        course = Course(Path(app.srcdir))
        html = coursemap.drawing(
            coursemap.nodes(course),
            [caption for caption, _ in coursemap.lesson_parts(course)],
            lambda name: app.builder.get_relative_uri(docname, f"lessons/{name}"),
        )
        mark.replace_self(nodes.raw("", html, format="html"))


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_node(course_map)
    app.add_directive("coursemap", CourseMap)
    app.add_role("total", Total())
    app.connect("doctree-resolved", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
