"""The book in a real browser, with every other host out of reach."""

import io
import re
import threading
from importlib.resources import files
from pathlib import Path

import pytest
from pypdf import PdfReader

from coursekit.publish import pages, server

pytestmark = pytest.mark.browser

WEIGHT, WEIGHT_WITH_MATH = 1.2e6, 2.1e6  # bytes, uncompressed, everything that a page asks for
EXPLORERS = "[data-spec]"
LISTED = pages(Path(__file__).resolve().parents[2])
LESSON = next(name for name in LISTED if name.startswith("lessons/"))
# What axe-core says against us and cannot know: it reads no MathML, so a heading that is a formula is empty to it.
UNKNOWING = "empty-table-header"
# Thousands of coloured words in code, and the drawn half of each formula, which is hidden from screen readers, take axe
# nine tenths of its time. Code goes plain before it looks; the colours have a test of their own, in every page.
PLAIN = """() => {
  for (const code of document.querySelectorAll("pre")) code.textContent = code.textContent;
  for (const drawn of document.querySelectorAll("mjx-math")) drawn.replaceChildren();
}"""
JUDGE = """() => axe.run(document, {resultTypes: ["violations"], preload: false, elementRef: true}).then(
  (found) => found.violations.flatMap((rule) => rule.nodes.map((node) =>
    [rule.id, node.target.join(" "), node.html, node.element.querySelector("mjx-container") !== null])))"""
SCROLLING = """() => [...document.querySelectorAll("[class*=scrollable], mjx-container[display='true'], pre")]
  .every((box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""
COLOURS = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("pre, pre span")) {
    let ground = word;
    const clear = (e) => /, 0\\)$|transparent/.test(getComputedStyle(e).backgroundColor);
    while (ground.parentElement && clear(ground)) ground = ground.parentElement;
    if (word.textContent.trim())
      seen.add(getComputedStyle(word).color + " on " + getComputedStyle(ground).backgroundColor);
  }
  return [...seen];
}"""


@pytest.fixture(scope="module")
def origins(book):
    """Where the book is read: from a server on this machine, and from its folder."""
    with server(book) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{httpd.server_address[1]}", "file": book.as_uri()}
        httpd.shutdown()


class Visit:
    """A page opened on its own, and what the browser said and asked for meanwhile."""

    def __init__(self, browser, origin, name, scheme="light", **options):
        self.origin, self.complaints, self.outside, self.weight = origin, [], [], {}
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900}, **options)
        self.page = self.context.new_page()
        self.page.route("**/*", self._admit)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("response", self._weigh)
        self.page.goto(f"{origin}/{name}.html")
        self.page.wait_for_selector("h1:visible")
        self.page.wait_for_function(  # formulas and explorers stand
            "() => !window.MathJax?.startup || MathJax.startup.promise?.then(() => document.fonts.ready)"
        )
        self.page.wait_for_function(f"[...document.querySelectorAll('{EXPLORERS}')].every(e => 'live' in e.dataset)")

    def _admit(self, route):
        if route.request.url.startswith((self.origin, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def _hear(self, said):
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _weigh(self, response):
        if response.url.startswith("http") and response.ok:
            self.weight[response.url] = int(response.headers["content-length"])

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.context.close()


@pytest.mark.parametrize("name", ["index", "search", *LISTED])
@pytest.mark.parametrize(("origin", "scheme"), [("http", "light"), ("file", "dark")])
def test_page_stands_alone(browser, origins, origin, scheme, name):
    with Visit(browser, origins[origin], name, scheme) as visit:
        looks_right(visit.page, scheme)
        formulas = visit.page.locator("article .math").count()
        assert sum(visit.weight.values()) <= (WEIGHT_WITH_MATH if formulas else WEIGHT)
        for figure in visit.page.locator(EXPLORERS).all():
            answers_to_the_keyboard(visit.page, figure)
        visit.page.set_viewport_size({"width": 1400 if scheme == "light" else 360, "height": 900})
        can_be_read_by_all(visit.page)
        assert visit.complaints == []
        assert visit.outside == []


def looks_right(page, scheme):
    """One heading, every formula and icon drawn, the reader's colours, and no sideways scrolling on any screen."""
    assert page.locator("h1:visible").count() == 1
    assert page.locator("article mjx-container").count() >= page.locator("article .math").count()
    assert page.locator("mjx-merror").count() == 0
    drawn = page.locator("i[class*='fa-']").evaluate_all("all => all.map(i => getComputedStyle(i, '::before').content)")
    assert "none" not in drawn
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(")
    assert (int(ground.split(",")[0]) < 128) == (scheme == "dark")
    for width in (360, 820, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def can_be_read_by_all(page):
    """Nothing that axe-core objects to, and every word of code in a colour that stands out."""
    assert [pair for pair in page.evaluate(COLOURS) if contrast(pair) < 4.5] == []
    page.wait_for_function(SCROLLING)  # the keyboard reaches what is wider than the page; scripts see to it
    page.evaluate(PLAIN)
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(JUDGE)
    assert [fault for fault in found if not (fault[0] == UNKNOWING and fault[3])] == []


def contrast(pair):
    """The WCAG contrast ratio of "rgb(…) on rgb(…)"."""
    lights = []
    for colour in pair.split(" on "):
        parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


# Curves and marks: some sliders move a mark alone.
DRAWN = "e => JSON.stringify(e.values()) + e.shadowRoot.querySelector('.stage').innerHTML"


def answers_to_the_keyboard(page, figure):
    """Every slider of an explorer changes what is drawn, and says its value."""
    drawn = {figure.evaluate(DRAWN)}
    for slider in figure.locator("input[type=range]").all():
        before = len(drawn)
        slider.focus()
        for key in ("Home", "End"):
            page.keyboard.press(key)
            drawn.add(figure.evaluate(DRAWN))
            assert slider.get_attribute("aria-valuetext")
        assert len(drawn) > before


def test_the_first_page_has_a_live_figure_above_the_fold(browser, origins):
    with Visit(browser, origins["file"], "book/intro") as visit:
        slider = visit.page.locator(f"{EXPLORERS} input[type=range]").first
        assert slider.bounding_box()["y"] < 900


@pytest.mark.parametrize("origin", ["http", "file"])
def test_search_finds_pages_offline(browser, origins, origin):
    with Visit(browser, origins[origin], "search") as visit:
        visit.page.goto(f"{origins[origin]}/search.html?q=glossary")
        visit.page.wait_for_selector("#search-results li a")
        assert visit.complaints == []
        assert visit.outside == []


def test_paper_is_light_whatever_the_screen(browser, origins):
    with Visit(browser, origins["file"], "book/intro", "dark") as visit:
        theme = "document.documentElement.dataset.theme"
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert visit.page.evaluate(theme) == "light"
        visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert visit.page.evaluate(theme) == "dark"


def test_the_checklist_is_one_sheet_of_paper(browser, origins):
    with Visit(browser, origins["file"], "book/checklist") as visit:
        printed = visit.page.pdf(format="A4", print_background=True)
    assert len(PdfReader(io.BytesIO(printed)).pages) == 1


def test_axe_would_object(browser, origins):
    """The judge is awake: it sees a picture without a text and grey on grey."""
    with Visit(browser, origins["file"], "book/map") as visit:
        visit.page.evaluate(
            "document.querySelector('article').innerHTML += '<p style=color:#ccc>pale</p><img src=data:,>'"
        )
        with pytest.raises(AssertionError, match=r"2 more items, first extra item: \['color-contrast'"):
            can_be_read_by_all(visit.page)


def test_a_choice_says_right_or_wrong_once_it_is_taken(browser, origins):
    """By keyboard: nothing told before, then sign and words, and in the end how many first choices were right."""
    with Visit(browser, origins["file"], LESSON) as visit:
        page = visit.page
        sign = "e => getComputedStyle(e, '::before').content"
        assert not page.locator(".choice > p").first.is_visible()
        assert page.locator(".tally").inner_text() == ""
        for k, question in enumerate(page.locator(".question").all()):
            assert page.get_by_role("group", name=re.compile(rf"^{k + 1}\.")).count() == 1
            for kind, mark in (("right", "✓"), ("wrong", "✗")) if k else (("wrong", "✗"), ("right", "✓")):
                label = question.locator(f".{kind} > summary").first
                assert "✓" not in label.evaluate(sign)
                assert "✗" not in label.evaluate(sign)
                label.focus()
                page.keyboard.press("Enter")
                assert mark in label.evaluate(sign)
                assert question.locator(f".{kind}[open] > p").first.inner_text().startswith(kind.capitalize())
                page.wait_for_function("(e) => e.closest('.question').dataset.first", arg=label.element_handle())
        assert page.get_by_role("status").inner_text() == "4 of 5 right at the first choice."


def test_the_map_is_layers_or_a_list_and_lights_its_lines(browser, origins):
    with Visit(browser, origins["file"], "book/map") as visit:
        page = visit.page
        width = "e => getComputedStyle(e).strokeWidth"
        for size, kind, other in ((1400, "wide", "narrow"), (360, "narrow", "wide")):
            page.set_viewport_size({"width": size, "height": 900})
            drawing, line = page.locator(f".course-map svg.{kind}"), f".course-map svg.{kind} .to-05"
            assert drawing.is_visible()
            assert not page.locator(f".course-map svg.{other}").is_visible()
            page.locator(".lesson-04 a").focus()
            assert page.locator(line).first.evaluate(width) == "1.5px"
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.closest('li').className").startswith("lesson-05")
            assert page.locator(line).first.evaluate(width) == "3px"
            boxes = [item.bounding_box() for item in page.locator(".course-map li").all()]
            apart = lambda a, b: (  # noqa: E731
                a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
                or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
            )  # fmt: skip
            assert all(apart(a, b) for k, a in enumerate(boxes) for b in boxes[:k])
            cut = "all => all.filter(e => e.scrollHeight > e.clientHeight + 1).map(e => e.innerText)"
            assert page.locator(".course-map li").evaluate_all(cut) == []
        page.keyboard.press("Enter")
        page.wait_for_url("**/lessons/05_*.html")


def test_nothing_moves_for_those_who_asked_for_rest(browser, origins):
    with Visit(browser, origins["file"], LESSON, reduced_motion="reduce") as visit:
        moving = """all => all.filter(e => ["transitionDuration", "animationDuration"].some(
            what => getComputedStyle(e)[what].split(", ").some(time => parseFloat(time) > 0))).map(e => e.className)"""
        assert visit.page.locator("body *").evaluate_all(moving) == []
        assert visit.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


@pytest.mark.parametrize(("kind", "link"), [("primary", "04 ·"), ("secondary", "Practice questions")])
def test_menus_open_on_a_phone_and_give_the_keyboard_back(browser, origins, kind, link):
    with Visit(browser, origins["file"], LESSON) as visit:
        page = visit.page
        page.set_viewport_size({"width": 360, "height": 740})
        page.get_by_role("link", name=link).first.wait_for(state="hidden")
        button = page.locator(f".{kind}-toggle:visible")
        assert button.get_attribute("aria-label")
        button.focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("link", name=link).first.wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("link", name=link).first.wait_for(state="hidden")
        assert page.evaluate("document.activeElement.className").count(f"{kind}-toggle") == 1
