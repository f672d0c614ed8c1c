"""The book in a real browser, with every other host out of reach."""

import threading
from pathlib import Path

import pytest

from coursekit.publish import pages, server

pytestmark = pytest.mark.browser

WEIGHT, WEIGHT_WITH_MATH = 1.2e6, 2.1e6  # bytes, uncompressed, everything that a page asks for
EXPLORERS = "[data-spec]"
LISTED = pages(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def origins(book):
    """Where the book is read: from a server on this machine, and from its folder."""
    with server(book) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield {"http": f"http://127.0.0.1:{httpd.server_address[1]}", "file": book.as_uri()}
        httpd.shutdown()


class Visit:
    """A page opened on its own, and what the browser said and asked for meanwhile."""

    def __init__(self, browser, origin, name, scheme="light"):
        self.origin, self.complaints, self.outside, self.weight = origin, [], [], {}
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900})
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
            drawn.add(
                figure.evaluate("e => JSON.stringify(e.values()) + e.shadowRoot.querySelector('.stage').innerHTML")
            )
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
