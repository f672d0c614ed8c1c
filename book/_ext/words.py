"""The glossary and the lessons point at each other: a term in bold leads to its entry, an entry to its lesson.

A term is known by its name, by each of several names that a comma or a parenthesis divides, by its plural, and by
what a line `.. also: saturated, saturates` below its entry lists.
"""

import html
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY = "book/glossary"
LESSONS = "lessons/"
TERM = re.compile(r'<a class="term[^"]*" href="[^"#]*#([^"]+)">')
ALSO = re.compile(r"^\.\. also: (.+)$")


def names(term: str) -> list[str]:
    """The names by which an entry is known: "ReZero, SkipInit" by two, "layer normalisation (layer norm)" by two."""
    parts = [part.strip(" )") for part in re.split(r",|\(", term)]
    return [normal(name) for name in [term, *parts] if name]


def normal(text: str) -> str:
    """A name as it is compared: small letters, single spaces, no stop at the end."""
    return " ".join(text.lower().split()).rstrip(".:,")


def spellings(text: str) -> list[str]:
    """What a bold text may be called in the glossary: itself, or its singular."""
    word = normal(text)
    return [
        word,
        *(word[: -len(end)] + new for end, new in (("s", ""), ("es", ""), ("ies", "y")) if word.endswith(end)),
    ]


def aliases(source: str) -> dict[str, str]:
    """Other names of terms, from the glossary's own text."""
    found, term = {}, ""
    for line in source.splitlines():
        if also := ALSO.match(line):
            found |= {normal(name): normal(term) for name in also[1].split(",")}
        elif re.match(r"[^\s.`:#]", line):
            term = line
    return found


def collect(app, doctree) -> None:
    """Remember the bold texts of a lesson, in order, and that its page depends on the glossary."""
    env = app.env
    if not hasattr(env, "course_bold"):
        env.course_bold = {}
    if env.docname.startswith(LESSONS):
        env.note_dependency(env.doc2path(GLOSSARY))
        env.course_bold[env.docname] = [normal(node.astext()) for node in doctree.findall(nodes.strong)]


def forget(app, env, docname) -> None:
    """A page that is read again starts afresh."""
    getattr(env, "course_bold", {}).pop(docname, None)


def merge(app, env, docnames, other) -> None:
    """Bring together what several readers remembered."""
    env.course_bold = getattr(env, "course_bold", {}) | getattr(other, "course_bold", {})


def entries(env) -> dict[str, str]:
    """Anchor of the glossary's entry by every name that it has."""
    found = {}
    for objname, _, kind, docname, anchor, _ in env.get_domain("std").get_objects():
        if kind == "term" and docname == GLOSSARY:
            found |= dict.fromkeys(names(objname), anchor)
    with open(env.doc2path(GLOSSARY), encoding="utf-8") as file:
        others = aliases(file.read())
    return {alias: found[term] for alias, term in others.items() if term in found} | found


class Words(SphinxPostTransform):
    """Lead from bold terms to the glossary, and from the glossary to the lesson that comes first with a term."""

    default_priority = 5

    def run(self, **kwargs) -> None:
        """Change one page."""
        if self.env.docname == GLOSSARY:
            self.lead_back()
        elif self.env.docname.startswith(LESSONS):
            self.lead_on()

    def lead_on(self) -> None:
        """The first bold occurrence of each term becomes a link."""
        known, used = entries(self.env), set()
        glossary = self.app.builder.get_relative_uri(self.env.docname, GLOSSARY)
        for strong in list(self.document.findall(nodes.strong)):
            anchor = next((known[name] for name in spellings(strong.astext()) if name in known), None)
            if anchor is None or anchor in used or inside(strong, nodes.reference):
                continue
            used.add(anchor)
            link = nodes.reference("", "", refuri=f"{glossary}#{anchor}", internal=True, classes=["term"])
            strong.replace_self(link)
            link += strong

    def lead_back(self) -> None:
        """Each entry ends with the lesson in which its term is first set in bold."""
        known, first = entries(self.env), {}
        for docname, bold in sorted(getattr(self.env, "course_bold", {}).items()):
            for text in bold:
                anchor = next((known[name] for name in spellings(text) if name in known), None)
                first.setdefault(anchor, docname)
        for item in self.document.findall(nodes.definition_list_item):
            found = [first[name] for term in item.findall(nodes.term) for name in term["ids"] if name in first]
            if found:
                item[-1] += self.pointer(found[0])
        for entries_list in self.document.findall(nodes.definition_list):
            entries_list.parent.insert(entries_list.parent.index(entries_list), letters(entries_list))
            break

    def pointer(self, docname: str) -> nodes.Node:
        """A small line with the lesson's title as a link."""
        title = self.env.titles[docname].astext()
        uri = self.app.builder.get_relative_uri(GLOSSARY, docname)
        link = nodes.reference("", title, refuri=uri, internal=True)
        return nodes.paragraph("", "Lesson ", link, classes=["first-use"])


def preview(app, pagename, templatename, context, doctree) -> None:
    """Give each link to a term what its entry says, for a reader who rests on it."""
    body = context.get("body", "")
    if 'class="term' in body:
        says = definitions(app)
        context["body"] = TERM.sub(lambda link: f'{link[0][:-1]} data-says="{says.get(link[1], "")}">', body)


def definitions(app) -> dict[str, str]:
    """By anchor, the first paragraph of an entry as escaped HTML, formulas set, without links."""
    if not hasattr(app, "course_definitions"):
        found = {}
        for item in app.env.get_and_resolve_doctree(GLOSSARY, app.builder).findall(nodes.definition_list_item):
            first = next(iter(item[-1].findall(nodes.paragraph)), None)
            written = app.builder.render_partial(first)["fragment"] if first is not None else ""
            says = html.escape(re.sub(r"</?(?:a|p)\b[^>]*>", "", written).strip())
            found |= {anchor: says for term in item.findall(nodes.term) for anchor in term["ids"]}
        app.course_definitions = found
    return app.course_definitions


def letters(entries_list: nodes.definition_list) -> nodes.Node:
    """A line that leads to the first entry of each letter."""
    firsts = {}
    for term in entries_list.findall(nodes.term):
        firsts.setdefault(term.astext()[:1].upper(), term["ids"][0])
    line = nodes.paragraph("", "", classes=["letters"])
    for letter, anchor in firsts.items():
        line += [nodes.reference("", letter, refid=anchor, internal=True), nodes.Text(" ")]
    return line


def inside(node: nodes.Node, kind) -> bool:
    """Whether some node around this one is of a kind."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kind | addnodes.pending_xref):
            return True
    return False


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", preview)
    app.add_post_transform(Words)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
