"""The built book, read as files: every page whole, every link alive, no answer anywhere but in the instructor's."""

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

from coursekit import coursemap
from coursekit.course import Course
from coursekit.editions import build_instructor_book
from coursekit.publish import inspect, pages

ROOT = Path(__file__).resolve().parents[1]
LESSONS = [name for name in pages(ROOT) if name.startswith("lessons/")]
DOI, ARXIV = r"10\.\d{4,9}/\S+", r"(?:\d{4}\.\d{4,5}|[a-z-]+/\d{7})"
EXTERNAL = re.compile(
    rf"https://doi\.org/{DOI}|https://arxiv\.org/abs/{ARXIV}|https://(?!doi|arxiv)[\w.-]+\.[a-z]+/\S*"
)
TRIVIAL = re.compile(r"#.*|return \w+|import .*|from .* import .*|def .*")  # anybody's lines
TEXTS = {".html", ".js", ".ipynb", ".md", ".txt", ".json", ".css", ".xml"}


class Page(HTMLParser):
    """The ids, links, images and headings of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.twice, self.links, self.images, self.headings = set(), set(), [], [], []
        self.terms, self.choices, self.questions, self.open = [], [], 0, 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        here = dict(attributes)
        classes = (here.get("class") or "").split()
        if "id" in here:
            self.twice |= {here["id"]} & self.ids
            self.ids.add(here["id"])
        if tag == "details":
            self.choices.append([kind for kind in classes if kind in ("right", "wrong")])
            self.open += "open" in here
        self.questions += "question" in classes
        if tag == "a" and "term" in classes:
            self.terms.append(here["href"].partition("#")[2])
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
    assert page.twice == set()


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


@pytest.mark.parametrize("name", pages(ROOT))
def test_external_addresses_are_well_formed(book, name):
    links = {link for link in read(book / f"{name}.html").links if urlsplit(link).scheme}
    assert [link for link in sorted(links) if not EXTERNAL.fullmatch(link)] == []


@pytest.mark.parametrize("name", LESSONS)
def test_practice_questions_are_groups_of_closed_choices(book, name):
    page = read(book / f"{name}.html")
    assert page.questions == 5
    assert len(page.choices) >= 15
    assert page.open == 0
    kinds = [kind for choice in page.choices for kind in choice]
    assert len(kinds) == len(page.choices)
    assert kinds.count("right") == 5


def test_bold_terms_lead_to_the_glossary_and_entries_lead_back(book):
    used = {name: read(book / f"{name}.html").terms for name in LESSONS}
    for name, terms in used.items():
        assert terms, name
        assert len(set(terms)) == len(terms), name
    glossary = (book / "book" / "glossary.html").read_text(encoding="utf-8")
    entries = re.findall(r'<dt id="([^"]+)">(?:(?!<dt).)*?</dd>', glossary, re.DOTALL)
    back = dict(
        re.findall(
            r'<dt id="([^"]+)">(?:(?!<dt).)*?first-use">Lesson <a[^>]*href="\.\./([^"]+)\.html', glossary, re.DOTALL
        )
    )
    first = {}
    for name in LESSONS:
        for term in used[name]:
            first.setdefault(term, name)
    assert back == first
    assert set(back) <= set(entries)


def test_the_map_links_all_lessons_and_its_numbers_are_counted(book):
    text = (book / "book" / "map.html").read_text(encoding="utf-8")
    drawn = text[text.index('class="course-map"') : text.index("</nav>", text.index('class="course-map"'))]
    assert re.findall(r'<a href="\.\./([^"]+)\.html"', drawn) == LESSONS
    listed = coursemap.nodes(Course(ROOT))
    hours = round(sum(node.minutes for node in listed) / 60)
    assert f"<p>{len(listed)} lessons, about {hours} hours" in text


def test_every_reference_has_an_address(book):
    entries = parse_file(ROOT / "book" / "references.bib").entries
    text = (book / "book" / "references.html").read_text(encoding="utf-8")
    cited = re.findall(r'<div class="citation" id="([^"]+)".*?</div>', text, re.DOTALL)
    linked = re.findall(r'<div class="citation" id="([^"]+)"(?:(?!</div>).)*?href="https://', text, re.DOTALL)
    assert sorted(cited) == sorted(linked)
    assert len(cited) == len(entries)


@pytest.fixture(scope="module")
def answers():
    """The telling lines of all reference answers."""
    lessons = sorted(ROOT.glob("lessons/[0-9]*.ipynb"))
    return {line for path in sorted(ROOT.glob("solutions/[0-9]*.ipynb")) for line in answer_lines(path, lessons)}


def test_no_line_of_a_reference_answer_is_in_the_book(book, answers):
    assert answers
    assert leaks(book, answers) == []


def test_the_instructors_book_has_them_all_in_closed_panels(answers, tmp_path):
    page = build_instructor_book(ROOT, tmp_path)
    inspect(page.parent, pages(ROOT))
    assert "do not hand it out" in page.with_name("search.html").read_text(encoding="utf-8")
    told = {line for name, line in leaks(page.parent / "lessons", answers) if name.endswith(".html")}
    assert told == answers
    for name in LESSONS:
        html = (page.parent / f"{name}.html").read_text(encoding="utf-8")
        gaps = len(Course(ROOT).lesson(name.removeprefix("lessons/")).gaps)
        assert html.count('<details class="for-instructors"><summary>Exercise') == gaps


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
        assert re.fullmatch(DOI, known.get("doi", "10.1000/182")), key
        assert re.fullmatch(ARXIV, known.get("eprint", "1234.56789")), key
        assert re.fullmatch(r"(19|20)\d\d", known["year"]), key
