"""The built book, read as files: every page whole, every link alive, no answer anywhere."""

import json
import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from pybtex.database import parse_file

from coursekit.publish import inspect, pages

ROOT = Path(__file__).resolve().parents[1]
TRIVIAL = re.compile(r"#.*|return \w+|import .*|from .* import .*|def .*")  # anybody's lines
TEXTS = {".html", ".js", ".ipynb", ".md", ".txt", ".json", ".css", ".xml"}


class Page(HTMLParser):
    """The ids, links, images and headings of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.headings = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        here = dict(attributes)
        if "id" in here:
            self.ids.add(here["id"])
        if tag == "a" and "href" in here:
            self.links.append(here["href"])
        if tag == "img":
            self.images.append(here)
        if tag == "h1":
            self.headings.append(here)


@cache
def read(path):
    """A page, read once."""
    return Page(path)


def sources(path, mark=""):
    """The code cells of a notebook that begin with a mark."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and cell.source.startswith(mark)]


def answer_lines(solution, lessons):
    """The telling lines, of 12 characters or more, of the reference answers that no lesson shows by itself.

    A gap shows its lines only while it is one: filled, it would be the leak that is looked for.
    """
    every = [source for lesson in lessons for source in sources(lesson)]
    shown = [s for s in every if not s.startswith("#| exercise:") or s.rstrip().endswith("...")]
    lines = {line.strip() for source in sources(solution, "#| answer:") for line in source.splitlines()}
    lines = {line for line in lines if len(line) >= 12 and not TRIVIAL.fullmatch(line)}
    return {line for line in lines if not any(line in source for source in shown)}


def leaks(html, lines):
    """The given lines that can be read in any text file of a folder, as (file, line)."""
    found = []
    for path in sorted(html.rglob("*")):
        if path.suffix in TEXTS and "mathjax" not in path.parts:
            raw = path.read_text(encoding="utf-8")
            text = unescape(re.sub(r"<[^>]+>", "", raw)) if path.suffix == ".html" else raw
            escaped = {line: json.dumps(line, ensure_ascii=False)[1:-1] for line in lines}
            found += [(path.name, line) for line in lines if line in text or escaped[line] in raw]
    return found


def test_every_listed_page_was_built_and_calls_nobody(book):
    inspect(book, pages(ROOT))


@pytest.mark.parametrize("name", pages(ROOT))
def test_page_is_whole(book, name):
    page = read(book / f"{name}.html")
    assert len(page.headings) >= 1
    assert [image for image in page.images if not (image.get("alt") or "").strip()] == []


@pytest.mark.parametrize("name", pages(ROOT))
def test_internal_links_and_anchors_resolve(book, name):
    here, dead = (book / f"{name}.html").resolve(), []
    for link in read(here).links:
        target = urlsplit(link)
        if target.scheme or link in ("", "#"):
            continue
        path = (here.parent / unquote(target.path)).resolve() if target.path else here
        if path.is_file() and target.fragment and path.suffix == ".html":
            if unquote(target.fragment) not in read(path).ids:
                dead.append(link)
        elif not path.is_file():
            dead.append(link)
    assert dead == []


def test_no_line_of_a_reference_answer_is_in_the_book(book):
    lessons, lines = sorted(ROOT.glob("lessons/[0-9]*.ipynb")), set()
    for solution in sorted(ROOT.glob("solutions/[0-9]*.ipynb")):
        lines |= answer_lines(solution, lessons)
    assert lines
    assert leaks(book, lines) == []


def test_a_leaked_answer_would_be_found(tmp_path):
    line = 'return x * "a" < 1 and slope(x)'
    cell = nbformat.v4.new_code_cell(f"#| answer: 1.1\ndef f(x, and_more):\n    {line}")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "solution.ipynb")
    gap = nbformat.v4.new_code_cell("#| exercise: 1.1\ndef f(x, and_more):\n    ...")
    nbformat.write(nbformat.v4.new_notebook(cells=[gap]), tmp_path / "lesson.ipynb")
    lines = answer_lines(tmp_path / "solution.ipynb", [tmp_path / "lesson.ipynb"])
    assert lines == {line}
    shown = line.replace("<", "&lt;")
    (tmp_path / "page.html").write_text(f"<pre><b>{shown[:9]}</b>{shown[9:]}</pre>")
    (tmp_path / "clean.html").write_text("<pre>return y</pre>")
    assert {name for name, _ in leaks(tmp_path, lines)} == {"page.html", "solution.ipynb"}


def test_references_are_well_formed():
    entries = parse_file(ROOT / "book" / "references.bib").entries
    for key, entry in entries.items():
        known = entry.fields
        assert "doi" in known or "eprint" in known or known.get("url", "").startswith("https://"), key
        assert re.fullmatch(r"10\.\d{4,9}/\S+", known.get("doi", "10.1000/182")), key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", known.get("eprint", "1234.56789")), key
        assert re.fullmatch(r"(19|20)\d\d", known["year"]), key
