"""Practice questions: each option is a choice that looks right or wrong once it is taken, and says so to every reader.

In a lesson an option is a <details> whose text begins with ✓ or ✗. Here it gets a class for the look, the question and
its options become a group, and the sign, which screen readers pass over, becomes a word.
"""

import re

from docutils import nodes

OPEN = re.compile(r"(?:</details>\s*)?<details>\s*<summary>(.*?)</summary>\s*", re.DOTALL)
CLOSE = re.compile(r"\s*</details>\s*")
INLINE = re.compile(r"\$([^$]+)\$|`([^`]+)`|<code>([^<]+)</code>|(?<!\w)(?:\*([^*]+)\*|<em>([^<]+)</em>)")
SIGNS = {"✓": "right", "✗": "wrong"}


class question(nodes.General, nodes.Element):
    """A question with its choices; the first child is the paragraph that asks."""


class choice(nodes.General, nodes.Element):
    """One choice: a `choice_label`, then the text that explains it."""


class choice_label(nodes.General, nodes.TextElement):
    """What a choice says before it is taken."""


class tally(nodes.General, nodes.Element):
    """Stands below the last question; a script counts there."""


def group(app, doctree) -> None:
    """Turn every run of <details> with a sign into choices, and put them below their question."""
    parents = {id(raw.parent): raw.parent for raw in doctree.findall(nodes.raw) if OPEN.fullmatch(raw.astext())}
    for parent in parents.values():
        parent[:] = regrouped(parent.children)
    asked = list(doctree.findall(question))
    for number, node in enumerate(asked, start=1):
        node[0]["ids"].append(f"question-{number}")
    if asked:
        last = asked[-1]
        last.parent.insert(last.parent.index(last) + 1, tally())


def regrouped(children: list[nodes.Node]) -> list[nodes.Node]:
    """The children of a node, with questions in the place of paragraphs that choices follow."""
    made, k = [], 0
    while k < len(children):
        choices, after = choices_at(children, k)
        if choices and made and isinstance(made[-1], nodes.paragraph):
            made.append(question("", made.pop(), *choices))
            k = after
        else:
            made.append(children[k])
            k += 1
    return made


def choices_at(children: list[nodes.Node], k: int) -> tuple[list[choice], int]:
    """The choices that begin with the HTML at place k, and the place after them; none where something is amiss."""
    found, opened = [], OPEN.fullmatch(html(children[k]))
    while opened:
        end = next((j for j in range(k + 1, len(children)) if html(children[j])), k)
        found.append(choice_of(opened[1], children[k + 1 : end]))
        k, opened = end, OPEN.fullmatch(html(children[end])) if end > k else None
    return (found, k + 1) if all(found) and CLOSE.fullmatch(html(children[k])) else ([], k)


def html(node: nodes.Node) -> str:
    """The HTML of a raw node, nothing of any other."""
    return node.astext() if isinstance(node, nodes.raw) else ""


def choice_of(summary: str, inner: list[nodes.Node]) -> choice | None:
    """A choice, or None where the text does not begin with a sign."""
    first = next(iter(inner[0].findall(nodes.Text)), None) if inner else None
    if first is None or first.astext()[:1] not in SIGNS:
        return None
    kind, says = SIGNS[first.astext()[0]], first.astext()[1:].lstrip()
    inner = [node.deepcopy() for node in inner]
    first = next(iter(inner[0].findall(nodes.Text)))
    first.parent.replace(first, nodes.Text(says))
    if not says.startswith("Right"):
        inner[0].insert(0, nodes.inline("", f"{kind.capitalize()}: ", classes=["visually-hidden"]))
    return choice("", choice_label("", "", *inline(summary.strip())), *inner, kind=kind)


def inline(text: str) -> list[nodes.Node]:
    """Mathematics, code and emphasis, which JupyterLab shows inside a summary and HTML does not."""
    made, at = [], 0
    for match in INLINE.finditer(text):
        made.append(nodes.Text(text[at : match.start()]))
        formula, code, code_too, stressed, stressed_too = match.groups()
        if formula:
            made.append(nodes.math("", formula))
        elif code or code_too:
            made.append(nodes.literal("", code or code_too))
        else:
            made.append(nodes.emphasis("", stressed or stressed_too))
        at = match.end()
    return [*made, nodes.Text(text[at:])]


def open_question(self, node) -> None:
    """The group, named by its question."""
    self.body.append(f'<div class="question" role="group" aria-labelledby="{node[0]["ids"][0]}">\n')


def open_choice(self, node) -> None:
    """A closed choice."""
    self.body.append(f'<details class="choice {node["kind"]}">')


def setup(app) -> dict:
    """Register with Sphinx."""

    def write(start, end=""):
        begin = start if callable(start) else lambda self, node: self.body.append(start)
        return {"html": (begin, lambda self, node: self.body.append(end))}

    app.add_node(question, **write(open_question, "</div>\n"))
    app.add_node(choice, **write(open_choice, "</details>\n"))
    app.add_node(choice_label, **write("<summary><span>", "</span></summary>\n"))
    app.add_node(tally, **write('<p class="tally" role="status">', "</p>\n"))
    app.connect("doctree-read", group)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
