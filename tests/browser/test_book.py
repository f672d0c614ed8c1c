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

    def __init__(self, browser, origin, name, **context):
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.complaints, self.outside, self.weight = [], [], {}
        self.page.route("**/*", lambda route: self._admit(route, origin))
        self.page.on("console", lambda said: self._hear(said))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("response", lambda response: self._weigh(response))
        self.page.goto(f"{origin}/{name}.html")
        self.page.wait_for_load_state("networkidle")

    def _admit(self, route, origin):
        if route.request.url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def _hear(self, said):
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _weigh(self, response):
        if response.url.startswith("http") and response.ok:
            self.weight[response.url] = len(response.body())

    def settle(self):
        """Wait until formulas and explorers stand."""
        self.page.wait_for_function("!window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)")
        self.page.wait_for_function(f"[...document.querySelectorAll('{EXPLORERS}')].every(e => 'live' in e.dataset)")

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.context.close()


@pytest.mark.parametrize("name", ["index", "search", *LISTED])
@pytest.mark.parametrize(("origin", "scheme"), [("http", "light"), ("file", "dark")])
def test_page_stands_alone(browser, origins, origin, scheme, name):
    with Visit(browser, origins[origin], name, color_scheme=scheme) as visit:
        visit.settle()
        page = visit.page
        assert visit.complaints == []
        assert visit.outside == []
        assert page.locator("h1:visible").count() == 1
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        formulas = page.locator("article .math").count()
        assert page.locator("article mjx-container").count() >= formulas
        assert page.locator("mjx-merror").count() == 0
        assert sum(visit.weight.values()) <= (WEIGHT_WITH_MATH if formulas else WEIGHT)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(")
        assert (int(ground.split(",")[0]) < 128) == (scheme == "dark")


@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("name", LISTED)
def test_every_slider_is_alive(browser, origins, origin, name):
    with Visit(browser, origins[origin], name) as visit:
        visit.settle()
        for figure in visit.page.locator(EXPLORERS).all():
            sliders = figure.locator("input[type=range]").all()
            assert sliders
            drawn = {figure.evaluate("e => JSON.stringify(e.values())")}
            for slider in sliders:
                slider.focus()
                for key in ("Home", "End"):
                    visit.page.keyboard.press(key)
                    drawn.add(figure.evaluate("e => JSON.stringify(e.values())"))
                    assert slider.get_attribute("aria-valuetext")
            assert len(drawn) > len(sliders), "a slider that changes nothing"
        assert visit.complaints == []


def test_the_first_page_has_a_live_figure_above_the_fold(browser, origins):
    with Visit(browser, origins["file"], "book/intro", viewport={"width": 1400, "height": 900}) as visit:
        visit.settle()
        slider = visit.page.locator(f"{EXPLORERS} input[type=range]").first
        assert slider.bounding_box()["y"] < 900


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("width", [360, 820, 1400])
def test_no_page_scrolls_sideways(browser, origins, name, width):
    with Visit(browser, origins["http"], name, viewport={"width": width, "height": 800}) as visit:
        visit.settle()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("origin", ["http", "file"])
def test_search_finds_pages_offline(browser, origins, origin):
    with Visit(browser, origins[origin], "search") as visit:
        visit.page.goto(f"{origins[origin]}/search.html?q=glossary")
        visit.page.wait_for_selector("#search-results li a")
        assert visit.complaints == []
        assert visit.outside == []
