"""The built book, read as files: every page whole, every link alive, no answer anywhere but in the instructor's."""

import importlib
import json
import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from docutils import nodes
from fontTools.ttLib import TTFont
from pybtex.database import parse_file
from tinyhtml5.parser import HTMLParser as HTML5

from coursekit.lessons.course import Course
from coursekit.publishing import coursemap
from coursekit.publishing.book import inspect, pages
from coursekit.publishing.editions import build_instructor_book

ROOT = Path(__file__).resolve().parents[2]
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
        if tag == "details":  # the evidence, what came out after a prediction, or a choice
            self.open += "open" in here
        if tag == "details" and "choice" in classes:
            self.choices.append([kind for kind in classes if kind in ("right", "wrong")])
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
        if path.suffix in TEXTS:
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


@pytest.mark.parametrize("name", ["index", "404", "search", *pages(ROOT)])
def test_a_page_is_valid_html(book, name):
    raw = (book / f"{name}.html").read_bytes()
    assert html_errors(raw) == []
    assert raw.lstrip().lower().startswith(b"<!doctype html>")
    assert re.search(rb"<title>[^<]+</title>", raw)


def html_errors(raw):
    """What a browser's parser objects to."""
    parser = HTML5()
    parser.parse(raw)
    return parser.errors


def test_invalid_html_would_be_found():
    assert html_errors(b"<!doctype html><title>t</title><p><div></p></div>")
    assert not html_errors(b"<!doctype html><title>t</title><p>text</p>")


@pytest.mark.parametrize("name", pages(ROOT))
def test_a_page_says_what_it_is_about(book, name):
    raw = (book / f"{name}.html").read_text(encoding="utf-8")
    (says,) = re.findall(r'<meta name="description" content="([^"]*)"', raw)
    assert 40 < len(unescape(says)) <= 165
    assert not re.search(r"\\|\$|^\d+ min", says)
    assert f'<meta property="og:description" content="{says}"' in raw
    assert raw.count('<meta property="og:title"') == 1
    assert raw.count("@incollection{") == name.startswith("lessons/")
    assert "canonical" not in raw  # as long as the book has no address


def test_descriptions_differ(book):
    says = [
        re.search(r'name="description" content="([^"]*)"', (book / f"{n}.html").read_text())[1] for n in pages(ROOT)
    ]
    assert len(set(says)) == len(says)


def test_an_address_brings_a_site_map_a_card_and_addresses_in_pages(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    found = importlib.import_module("found")
    config = SimpleNamespace(html_baseurl="https://example.org/b/", html_title="A & B", project="", language="en",
                             copyright="2026")  # fmt: skip
    app = SimpleNamespace(outdir=str(tmp_path), srcdir=str(ROOT), config=config, env=SimpleNamespace(all_docs=["one"]),
                          builder=SimpleNamespace(format="html"))  # fmt: skip
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=one.html" />')
    (tmp_path / "one.html").write_text('<meta name="description" content="Says it."/>')
    found.write_rest(app, None)
    assert "<loc>https://example.org/b/one.html</loc>" in (tmp_path / "sitemap.xml").read_text()
    assert "Sitemap: https://example.org/b/sitemap.xml" in (tmp_path / "robots.txt").read_text()
    assert (tmp_path / found.CARD).read_bytes().startswith(b"\x89PNG")
    assert html_errors((tmp_path / "index.html").read_bytes()) == []
    paragraph = nodes.paragraph(
        "", "", nodes.Text("Long enough to say what it is about, with "), nodes.math("", r"\sigma")
    )
    context = {"title": "<b>One</b>", "body": ""}
    found.describe(app, "lessons/01_one", "page.html", context, nodes.document(None, None, "", paragraph))
    assert '<meta property="og:url" content="https://example.org/b/lessons/01_one.html"/>' in context["metatags"]
    assert "with sigma" in context["metatags"]
    assert "url = {https://example.org/b/lessons/01_one.html}" in context["body"]


@pytest.mark.parametrize("name", pages(ROOT))
def test_formulas_are_set_and_no_tex_is_left(book, name):
    """Each formula is MathML without an error in it, and nobody reads a TeX command, a dollar sign pair or `\\(`."""
    raw = (book / f"{name}.html").read_text(encoding="utf-8")
    assert raw.count('class="math notranslate"') <= raw.count("<math")
    assert tex_left(raw) == []


def tex_left(raw):
    """What TeX a reader of a page would see, and formulas that say themselves that they are wrong."""
    wrong = re.findall(r"<merror.*?</merror>|tml-error|#b22222|<math[^>]*>\s*</math>", raw)
    quiet = r"<(pre|code|script|style|template)\b.*?</\1>|<[^>]+>"  # code may hold backslashes, and attributes numbers
    seen = unescape(re.sub(quiet, " ", raw, flags=re.DOTALL))
    return wrong + re.findall(r"\\(?:[A-Za-z]+|[()\[\],;!|{}])|\$[^$\n]*[\\_^=][^$\n]*\$", seen)


def test_tex_that_is_left_would_be_found():
    assert tex_left(r"<p>the norm \(x\) of $a_1$ and \sigma</p>") == [r"\(", r"\)", "$a_1$", r"\sigma"]
    assert tex_left("<math><merror><mi>x</mi></merror></math>")
    assert tex_left(r"<pre>print('\n')</pre><p>from 5 $ to 6 $</p>") == []


def test_a_root_keeps_its_radical_which_no_text_holds(book):
    face = TTFont(book / "_static" / "formulas.woff")
    assert ord("√") in face.getBestCmap()
    assert any("<msqrt" in (book / f"{name}.html").read_text(encoding="utf-8") for name in pages(ROOT))


def test_the_courses_formulas_are_many(book):
    assert sum((book / f"{name}.html").read_text(encoding="utf-8").count("<math") for name in pages(ROOT)) > 1500


def test_a_formula_that_tex_would_refuse_stops_the_build(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    formulas = importlib.import_module("formulas")
    with pytest.raises(formulas.SphinxError, match=r"foo.*Unsupported function name"):
        formulas.mathml(r"\foo{x}")
    assert formulas.text("a < $\\sigma$ in `x_1`").startswith("a &lt; <math")


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


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_ends_with_what_was_tried_behind_it(book, name):
    path = ROOT / "evidence" / f"{Path(name).name}.json"
    text = unescape((book / f"{name}.html").read_text(encoding="utf-8"))
    assert text.count('<details class="evidence">') == path.is_file()
    if path.is_file():
        panel = text[text.index('<details class="evidence">') :]
        for entry in json.loads(path.read_text(encoding="utf-8"))["claims"]:
            for words in (entry["claim"], entry["found"]):
                assert all(plain in panel for plain in re.split(r"\$[^$]+\$|`[^`]+`", words.replace("**", "")))
