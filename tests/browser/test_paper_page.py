"""The book on paper, printed from pages of the real book."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from coursekit.publishing import paper
from coursekit.publishing.book import pages, parts

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
PAGE = """<!doctype html><html lang="en"><body><article><h1 id="top">{title}</h1>
<p>{text} <a href="two.html#there">next</a> <a href="https://example.org/">out</a></p>
<live-figure data-x="1"><img alt="A still picture of some size." src="data:," width="9"></live-figure>
<h2 id="there">There</h2>{more}</article><p class="copyright">© Copyright 2026, A. Writer. CC BY.</p></body></html>"""
QUESTION = """<div class="question" role="group" aria-labelledby="q"><p id="q">How much?</p>
<details class="choice wrong"><summary><span>One</span></summary><p>Wrong: add up.</p></details>
<details class="choice right"><summary><span>Two</span></summary><p>Right, it is.</p></details></div>"""


@pytest.fixture
def small(tmp_path):
    """A book of two pages."""
    (tmp_path / "index.html").write_text(
        '<html><head><meta http-equiv="Refresh" content="0; url=one.html" /></head></html>'
    )
    (tmp_path / "one.html").write_text(PAGE.format(title="First", text="Whisper", more=""))
    (tmp_path / "two.html").write_text(PAGE.format(title='A "second" one', text="Roar", more=QUESTION))
    return tmp_path


def test_pages_become_chapters_with_links_inside(small):
    html = paper.Paper(small, [("Part", ["two"])]).html({"two": 7})
    assert html.index("<h1>Contents") < html.index("Whisper") < html.index("Roar")
    assert html.count('href="#two--there"') == 2
    assert 'href="https://example.org/"' in html
    assert 'id="one--there"' in html
    assert "live-figure" not in html
    assert html.count('alt="A still picture') == 2
    assert '<a href="#two"><span>A &quot;second&quot; one</span><i></i><b>7</b></a>' in html
    assert '@page two { @top-right { content: "A \\"second\\" one"; } }' in html


def test_what_options_lead_to_stands_at_the_end(small):
    html = paper.Paper(small, [("Part", ["two"])]).html({})
    chapters, answers = html.split(f'id="{paper.ANSWERS}"')
    assert "add up" not in chapters
    assert "<details" not in chapters
    assert re.search(
        r'<p class="option">A\. <span>One</span></p>\s*<p class="option">B\. <span>Two</span></p>', chapters
    )
    assert '<dt class="wrong">A. <span>One</span></dt><dd><p>Wrong: add up.</p></dd>' in answers
    assert '<dt class="right">B. <span>Two</span></dt><dd><p>Right, it is.</p></dd>' in answers


def test_a_book_without_questions_has_no_answers(small):
    assert paper.ANSWERS_TITLE not in paper.Paper(small, []).html({})


def test_a_small_book_is_printed(browser, small):
    """In a thread of its own, since the test's browser has this one."""
    target = small / "out" / "book.pdf"
    with ThreadPoolExecutor(1) as other:
        assert other.submit(paper.print_book, small / "index.html", target, [("Part", ["two"])]).result() == target
    reader = PdfReader(target)
    assert {"/Title": "First", "/Author": "A. Writer", "/Creator": "First"}.items() <= reader.metadata.items()
    whole = [item.title for item in reader.outline if not isinstance(item, list)]
    assert "Part" in whole
    at = next(k for k, item in enumerate(reader.outline) if getattr(item, "title", "") == "Part")
    inside = reader.outline[at + 1]
    assert inside[0].title == 'A "second" one'
    assert 'A "second" one' in reader.pages[reader.get_destination_page_number(inside[0])].extract_text()
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert [path.name for path in target.parent.iterdir()] == ["book.pdf"]


def test_chapters_of_the_real_book(book, browser, tmp_path):
    """Title page, contents whose numbers are true, chapters and figures whole, formulas set, answers last."""
    lesson = next(name for name in pages(ROOT) if name.startswith("lessons/"))
    part = [(caption, [name for name in names if name in (lesson, "book/map")]) for caption, names in parts(ROOT)]
    source = paper.Paper(book, [(caption, names) for caption, names in part if names])
    printed = paper.pdf(browser, source, tmp_path / "book.html")
    reader = PdfReader(BytesIO(printed))
    text = [page.extract_text() for page in reader.pages]
    assert source.title in text[0]
    assert "Contents" in text[1]
    starts = {}
    for number, title in enumerate((source.titles[name] for name in source.names), start=1):
        page = int(re.search(rf"{re.escape(title)}\s*(\d+)", text[1])[1])
        assert title in text[page - 1]
        assert re.match(rf"\s*{re.escape(title)}\s*\n{page}\n", text[page - 1])  # above and below the page
        starts[page] = number
    assert list(starts) == sorted(starts)
    first = next(k for k, page in enumerate(text) if k > 1 and paper.ANSWERS_TITLE in " ".join(page.split()))
    assert "Right:" not in "".join(text[:first])
    assert "Right:" in "".join(text[first:])
    assert "\\(" not in "".join(text)
    alts = [node.get("/Alt") for node in figures(reader)]
    assert len(alts) >= 5
    assert all(alts)
    assert {item.title for item in flat(reader.outline)} >= {source.titles[name] for name in source.names}


def flat(outline):
    """The entries of an outline, whatever their depth."""
    for item in outline:
        if isinstance(item, list):
            yield from flat(item)
        else:
            yield item


def figures(reader):
    """The figures in the structure of a tagged PDF."""
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if hasattr(node, "get"):
            if node.get("/S") == "/Figure":
                yield node
            kids = node.get("/K", [])
            kids = kids.get_object() if hasattr(kids, "get_object") else kids
            waiting += [k for k in (kids if isinstance(kids, list) else [kids]) if hasattr(k, "get_object")]
