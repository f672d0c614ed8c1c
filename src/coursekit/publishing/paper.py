"""The book on paper: its pages as one document, printed to PDF by a headless Chromium.

Figures that move are printed as the still pictures that they carry. Practice questions are printed with their options,
and the comments on the options stand at the end of the document, so that nobody reads an answer before its question.
"""

import re
import shutil
import tempfile
from html import escape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from string import ascii_uppercase
from urllib.parse import unquote, urldefrag, urljoin

from coursekit.publishing.book import BookError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
NEEDS = ("playwright", "pypdf", "bs4")
MINUTES = 10
SETTLED = "() => document.fonts.ready.then(() => true)"
ANSWERS, ANSWERS_TITLE = "answers", "Practice questions: what each option leads to"
IDLE = ".headerlink, script, .still-note, style, template, .tally, button"  # elements that are of no use on paper


def find_browser():
    """The path of a Chromium; BookError where it, or a package that drives it, is missing."""
    if missing := [name for name in NEEDS if not find_spec(name)]:
        raise BookError(f"a PDF needs {', '.join(missing)}: install this package with its extra `pdf`.")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise BookError(f"a PDF needs Chromium, and none of {', '.join(BROWSERS)} is on the PATH: install it.")
    return path


def print_book(page, target, parts):
    """Print the book around its first page to the PDF file `target` and return it.

    `parts` are (caption, names of pages), as `publish.parts` gives them.
    """
    browser = find_browser()
    from playwright.sync_api import Error, sync_playwright

    target.parent.mkdir(parents=True, exist_ok=True)
    book = Paper(page.parent, parts)
    with tempfile.TemporaryDirectory(prefix="paper-") as folder, sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
            printed = pdf(chromium, book, Path(folder) / "book.html")
            chromium.close()
        except Error as error:
            raise BookError(f"Chromium did not print the book: {str(error).splitlines()[0]}") from error
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(bound(printed, book))
    part.replace(target)
    return target


def pdf(chromium, book, source):
    """The bytes of a Paper as PDF, by way of the file `source`."""
    source.write_text(book.html({}), encoding="utf-8")
    numbers = page_numbers(_print(chromium, source))  # known only once the pages are there
    source.write_text(book.html(numbers), encoding="utf-8")
    return _print(chromium, source)


def _print(chromium, source):
    page = chromium.new_page(color_scheme="light")
    page.set_default_timeout(MINUTES * 60_000)
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto(source.as_uri())
    page.wait_for_function(SETTLED)
    printed = page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    page.close()
    return printed


def bound(printed, book):
    """The bytes of a PDF with its title, author and subject, and with the parts above their chapters in the outline."""
    from pypdf import PdfReader, PdfWriter

    reader = PdfReader(BytesIO(printed))
    writer = PdfWriter(clone_from=reader)
    writer.add_metadata({f"/{name}": text for name, text in book.about().items() if text})
    of_part = {book.titles[name]: caption for caption, names in book.parts for name in names}
    root = writer.root_object
    root.pop("/Outlines", None)
    heads = {}

    def copy(items, parent, top):
        last = None
        for item in items:
            if isinstance(item, list):
                copy(item, last, False)
                continue
            page = reader.get_destination_page_number(item)
            caption = of_part.get(item.title) if top else None
            if caption and caption not in heads:
                heads[caption] = writer.add_outline_item(title=caption, page_number=page)
            above = heads.get(caption, parent)
            last = writer.add_outline_item(title=item.title, page_number=page, parent=above, fit=_fit(item))

    copy(reader.outline, None, True)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def _fit(item):
    """Where on its page a place of the outline is."""
    from pypdf.generic import Fit

    return Fit.xyz(left=item.left, top=item.top) if item.top is not None else Fit.fit()


def page_numbers(printed):
    """Page number of each anchor that a link leads to, from the bytes of a PDF."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(printed))
    return {
        name.lstrip("/"): reader.get_destination_page_number(place) + 1
        for name, place in reader.named_destinations.items()
    }


class Paper:
    """A built book as one HTML document."""

    def __init__(self, folder, parts):
        """`folder` holds the book's `index.html`, `parts` are (caption, names of pages)."""
        self.folder, self.parts = Path(folder), parts
        first = self._soup("index")
        refresh = first.find("meta", attrs={"http-equiv": re.compile("refresh", re.IGNORECASE)})
        opening = re.search(r"url=(.+?)\.html", refresh["content"])[1] if refresh else "index"
        self.names = list(dict.fromkeys([opening, *(name for _, names in parts for name in names)]))
        self.titles, self.chapters, self.answers = {}, [], []
        soups = {name: self._soup(name) for name in self.names}
        for name, soup in soups.items():
            self.chapters.append(self._chapter(name, soup))
        self.head = _head({self._address(name): soup for name, soup in soups.items()})
        self.title = soups[opening].select_one(".navbar-brand .title, .logo__title")
        self.title = self.title.get_text(strip=True) if self.title else self.titles[opening]
        rights = soups[opening].find(class_="copyright")
        self.rights = " ".join(rights.get_text().split()) if rights else ""
        self.language = soups[opening].html.get("lang", "en")
        said = soups[opening].find("meta", attrs={"name": "description"})
        self.description = said["content"] if said else ""

    def _soup(self, name):
        from bs4 import BeautifulSoup

        return BeautifulSoup((self.folder / f"{name}.html").read_text(encoding="utf-8"), "html.parser")

    def _address(self, name):
        return (self.folder / f"{name}.html").resolve().as_uri()

    def _chapter(self, name, soup):
        """A page's article as a section whose anchors are its own and whose links stay inside the document."""
        article = soup.find("article") or soup.body
        for node in article.select(IDLE):
            node.decompose()
        for node in article.find_all(re.compile("-")):
            node.unwrap()  # a custom element: what it holds is the still picture
        for node in article.select("a.enlarge"):
            node.unwrap()
        for node in article.find_all("figure"):
            node.name = "div"  # Chromium tags the frame and the picture as figures, and the frame has no text
        self.titles[name] = article.find("h1").get_text(strip=True)
        for node in article.find_all(id=True):
            node["id"] = f"{key(name)}--{node['id']}"
        for node in article.find_all(attrs={"aria-labelledby": True}):
            node["aria-labelledby"] = f"{key(name)}--{node['aria-labelledby']}"
        for node in article.find_all("a", href=True):
            node["href"] = self._link(name, node["href"])
        for node in article.find_all(["img", "source"], src=True):
            node["src"] = urljoin(self._address(name), node["src"])
            node.attrs.pop("loading", None)  # on paper everything is near
        self._part_with_answers(name, article)
        for node in article.find_all("details"):
            node["open"] = ""
        return f'<section class="chapter" id="{key(name)}">{article.decode_contents()}</section>'

    def _link(self, name, href):
        """The target of a link on paper: a place in the document, a file beside the book by name, or another host."""
        address, anchor = urldefrag(urljoin(self._address(name), href))
        inside = {self._address(other): other for other in self.names}.get(address)
        if inside is None:
            return href
        return f"#{key(inside)}--{unquote(anchor)}" if anchor else f"#{key(inside)}"

    def _part_with_answers(self, name, article):
        """Print the options of practice questions as a list, and keep the comments on them for the end."""
        told = ""
        for number, question in enumerate(article.select(".question"), start=1):
            options = question.find_all("details")
            told += f"<h3>Question {number}</h3><dl>"
            for letter, option in zip(ascii_uppercase, options, strict=False):
                label = option.summary.extract()
                kind = "right" if "right" in option["class"] else "wrong"
                told += (
                    f'<dt class="{kind}">{letter}. {label.decode_contents()}</dt><dd>{option.decode_contents()}</dd>'
                )
                option.name, option.attrs = "p", {"class": "option"}
                option.clear()
                option.append(f"{letter}. ")
                option.append(label)
                label.unwrap()
            told += "</dl>"
        if told:
            self.answers.append(f"<section><h2>{escape(self.titles[name])}</h2>{told}</section>")

    def html(self, numbers):
        """The document; `numbers` are the page numbers of its anchors, as far as they are known."""
        answers = ""
        if self.answers:
            answers = (
                f'<section class="chapter" id="{ANSWERS}"><h1>{ANSWERS_TITLE}</h1>{"".join(self.answers)}</section>'
            )
        style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
        style += "".join(_running_head(key(name), title) for name, title in self.titles.items())
        return (
            f'<!doctype html><html lang="{self.language}" data-theme="light" data-mode="light">'
            f'<head><meta charset="utf-8">'
            f"<title>{escape(self.title)}</title>{self.head}<style>{style}</style></head><body>"
            f'<header class="title-page"><h1>{escape(self.title)}</h1><p>{escape(self.titles[self.names[0]])}</p>'
            f"<p>{escape(self.rights)}</p></header>{self._contents(numbers)}"
            f'<main class="bd-article">{"".join(self.chapters)}{answers}</main></body></html>'
        )

    def about(self):
        """The document's properties: title, author and subject."""
        author = re.sub(r"^(?:By\s|©\s?Copyright|©)?\s*(?:\d{4},?\s*)?|(?<=\w\w\w)\.\s.*$|\.$", "", self.rights).strip()
        return {"Title": self.title, "Author": author, "Subject": self.description, "Creator": self.title}

    def _contents(self, numbers):
        def line(anchor, title):
            return (
                f'<li><a href="#{anchor}"><span>{escape(title)}</span><i></i><b>{numbers.get(anchor, "")}</b></a></li>'
            )

        lines = line(key(self.names[0]), self.titles[self.names[0]])
        for caption, names in self.parts:
            listed = "".join(line(key(name), self.titles[name]) for name in names)
            lines += f"<li><strong>{escape(caption)}</strong><ol>{listed}</ol></li>"
        lines += line(ANSWERS, ANSWERS_TITLE) if self.answers else ""
        return f'<nav class="paper-contents" aria-label="Contents"><h1>Contents</h1><ol>{lines}</ol></nav>'


def _running_head(anchor, title):
    """The chapter's title above each of its pages but the first, which has it larger."""
    text = title.replace("\\", "\\\\").replace('"', '\\"')
    return f'#{anchor} {{ page: {anchor}; }} @page {anchor} {{ @top-right {{ content: "{text}"; }} }}'


def key(name):
    """The anchor of a page: its name, in letters that every reader of PDFs takes."""
    return re.sub(r"\W", "-", name)


def _head(soups):
    """The style sheets of all pages, by address of the page: each once, to be used from anywhere."""
    sheets = {
        urljoin(address, node["href"]): None
        for address, soup in soups.items()
        for node in soup.find_all("link", rel="stylesheet")
    }
    return "".join(f'<link rel="stylesheet" href="{escape(sheet)}">' for sheet in sheets)
