"""The book in a real browser, with every other host out of reach."""

import csv
import io
import re
import threading
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from coursekit.publishing.book import pages, server

pytestmark = pytest.mark.browser

WEIGHT = 0.8e6  # bytes, uncompressed, everything that a page asks for before it is scrolled
SHIFT = 0.05  # of layout, cumulated: half of what is called good
SMALLEST = 11  # pixels, of a label in a picture on the narrowest screen
LABEL = 9.5 / 72 * 96  # pixels, of a tick label where a picture is as wide as it was made
SIZES = {"http": (1280, 800), "file": (390, 844)}  # of the window in which a page opens
EXPLORERS = "[data-spec]"
LISTED = pages(Path(__file__).resolve().parents[2])
LESSON = next(name for name in LISTED if name.startswith("lessons/"))
# What axe-core says against us and cannot know: it reads no MathML, so a heading that is a formula is empty to it.
UNKNOWING = "empty-table-header"
# Thousands of coloured words in code and of letters in formulas take axe nine tenths of its time. Both go plain before
# it looks; the colours of code have a test of their own, in every page, and formulas have the colour of their text.
PLAIN = """() => {
  for (const code of document.querySelectorAll("pre")) code.textContent = code.textContent;
  for (const formula of document.querySelectorAll("math")) {
    formula.innerHTML = "<mtext>formula</mtext>";
  }
}"""
JUDGE = """() => axe.run(document, {resultTypes: ["violations"], preload: false, elementRef: true}).then(
  (found) => found.violations.flatMap((rule) => rule.nodes.map((node) =>
    [rule.id, node.target.join(" "), node.html, node.element.querySelector("math") !== null])))"""
SCROLLING = """() => [...document.querySelectorAll("[class*=scrollable], div.math, pre")]
  .filter((box) => !box.closest("details:not([open])"))
  .every((box) => box.scrollWidth <= box.clientWidth || box.tabIndex === 0)"""
SHIFTED = """() => new Promise((done) => {
  let moved = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) moved += entry.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(moved), 100);
})"""
WAKE = """() => Promise.all([...document.querySelectorAll("live-figure")].map(
  (figure) => customElements.whenDefined("live-figure").then(() => figure.wake())))"""
LABELS = """(size) => [...document.querySelectorAll(".house-figure img")].filter((image) => image.clientWidth)
  .map((image) => size * image.clientWidth / image.getAttribute("width"))"""
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

    def __init__(self, browser, origin, name, scheme="light", size=(1400, 900), **options):
        self.origin, self.complaints, self.outside, self.weight = origin, [], [], {}
        self.context = browser.new_context(
            color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, **options
        )
        self.page = self.context.new_page()
        self.page.route("**/*", self._admit)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("response", self._weigh)
        self.page.goto(f"{origin}/{name}.html")
        self.page.wait_for_selector("h1:visible")
        self.page.evaluate("document.fonts.ready.then(() => true)")
        self.first_weight = sum(self.weight.values())
        self.page.evaluate(WAKE)
        self.page.wait_for_function("[...document.querySelectorAll('live-figure')].every(f => 'awake' in f.dataset)")

    def _admit(self, route):
        if route.request.url.startswith((self.origin, "data:", "blob:")):
            route.continue_(headers=route.request.headers | {"accept-encoding": "identity"})  # weighed uncompressed
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
    with Visit(browser, origins[origin], name, scheme, SIZES[origin]) as visit:
        assert visit.page.evaluate(SHIFTED) <= SHIFT
        looks_right(visit.page, scheme)
        assert visit.first_weight <= WEIGHT
        for figure in visit.page.locator(EXPLORERS).all():
            answers_to_the_keyboard(visit.page, figure)
        visit.page.set_viewport_size({"width": 1400 if scheme == "light" else 360, "height": 900})
        can_be_read_by_all(visit.page)
        assert visit.complaints == []
        assert visit.outside == []


def looks_right(page, scheme):
    """One heading, every formula and icon drawn, the reader's colours, and no sideways scrolling on any screen."""
    assert page.locator("h1:visible").count() == 1
    flat = "all => all.filter(e => !e.closest('details:not([open])') && e.getBoundingClientRect().height < 5).length"
    assert page.locator("article math").evaluate_all(flat) == 0
    drawn = page.locator("i[class*='fa-']").evaluate_all("all => all.map(i => getComputedStyle(i, '::before').content)")
    assert "none" not in drawn
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(")
    assert (int(ground.split(",")[0]) < 128) == (scheme == "dark")
    for width in (360, 820, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(page.evaluate(LABELS, LABEL), default=SMALLEST) >= SMALLEST


def can_be_read_by_all(page):
    """Nothing that axe-core objects to, and every word of code in a colour that stands out."""
    assert [pair for pair in page.evaluate(COLOURS) if contrast(pair) < 4.5] == []
    page.evaluate("for (const panel of document.querySelectorAll('details.cite')) panel.open = true")
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


def test_a_page_that_moves_while_it_loads_would_be_found(browser, tmp_path):
    late = "setTimeout(() => (document.querySelector('h1').style.height = '400px'), 300)"
    (tmp_path / "late.html").write_text(f"<h1>Late</h1>{'<p>text</p>' * 20}<script>{late}</script>")
    page = browser.new_page()
    page.goto((tmp_path / "late.html").as_uri())
    page.wait_for_timeout(800)
    moved = page.evaluate(SHIFTED)
    page.close()
    assert moved > SHIFT


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_scripts_nothing_is_lost(browser, origins, scheme):
    """Formulas in their font, the reader's colours, still pictures with a word why they stand still."""
    with browser.new_context(java_script_enabled=False, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{origins['file']}/{LESSON}.html")
        assert page.locator("live-figure img").first.is_visible()
        assert page.get_by_text("Here it stands still").first.is_visible()
        assert page.locator("math").first.bounding_box()["height"] > 5
        colour = lambda css, what: page.locator(css).first.evaluate(f"e => getComputedStyle(e).{what}")  # noqa: E731
        ground, quote = colour("body", "backgroundColor"), colour("article blockquote", "backgroundColor")
        assert (int(re.search(r"\d+", ground)[0]) < 128) == (scheme == "dark")
        assert quote not in (ground, "rgba(0, 0, 0, 0)")
        assert contrast(f"{colour('article p', 'color')} on {ground}") > 4.5
        code = colour("article div.cell_input pre", "backgroundColor")
        assert contrast(f"{colour('article div.cell_input pre span', 'color')} on {code}") > 4.5


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
        assert page.get_by_role("status").inner_text().startswith("4 of 5 right at the first choice.")


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


def live(visit):
    """The first live figure of a page: the element that draws."""
    return visit.page.locator(EXPLORERS).first


def test_a_live_figure_tells_its_values_under_the_pointer_and_by_keyboard(browser, origins):
    with Visit(browser, origins["file"], LESSON) as visit:
        figure, page = live(visit), visit.page
        stage, box = figure.locator(".stage"), figure.locator("output")
        assert not box.is_visible()
        stage.scroll_into_view_if_needed()
        area = stage.bounding_box()
        page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
        assert box.is_visible()
        assert figure.locator(".cross").count() == 1
        page.mouse.move(0, 0)
        assert not box.is_visible()
        stage.focus()
        for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
            page.keyboard.press(key)
            x, y = figure.evaluate("(e, j) => [e.spec.x.values[j], Object.values(e.values())[0][j]]", place)
            told = [float(text.replace("−", "-")) for text in box.locator("b").all_inner_texts()[:2]]
            assert told == pytest.approx([x, y], rel=1e-3)
        page.keyboard.press("Escape")
        assert not box.is_visible()
        assert visit.complaints == []


def test_a_setting_is_played_reset_and_sent(browser, origins):
    with Visit(browser, origins["file"], LESSON) as visit:
        figure, page = live(visit), visit.page
        places = lambda f: f.evaluate("e => e.inputs.map(i => +i.value)")  # noqa: E731
        start = places(figure)
        figure.get_by_role("button", name="Play").click()
        page.wait_for_function("([e, v]) => +e.inputs[0].value !== v", arg=[figure.element_handle(), start[0]])
        figure.get_by_role("button", name="Pause").click()
        held = places(figure)
        page.wait_for_timeout(500)
        assert places(figure) == held
        figure.get_by_role("button", name="Reset").click()
        assert places(figure) == start
        assert "#" not in page.url
        figure.locator("input").first.focus()
        page.keyboard.press("End")
        page.wait_for_url("**#figure-1:*")
        with visit.context.new_page() as other:
            other.goto(page.url)
            other.wait_for_selector("#figure-1[data-awake]")
            other.wait_for_function("v => document.querySelector('#figure-1').figure.inputs[0].value === v",
                                    arg=str(places(figure)[0]))  # fmt: skip
            assert places(other.locator(EXPLORERS).first) == places(figure) != start
        assert visit.complaints == []


def test_play_is_a_step_for_those_who_asked_for_rest(browser, origins):
    with Visit(browser, origins["file"], LESSON, reduced_motion="reduce") as visit:
        figure = live(visit)
        before = figure.evaluate("e => +e.inputs[0].value")
        figure.get_by_role("button", name="Step").click()
        visit.page.wait_for_timeout(500)
        assert figure.evaluate("e => +e.inputs[0].value") == before + 1


def test_data_and_picture_of_a_live_figure_come_as_files(browser, origins, tmp_path):
    with Visit(browser, origins["http"], LESSON) as visit:
        figure = live(visit)
        with visit.page.expect_download() as told:
            figure.get_by_role("button", name="Data").click()
        told.value.save_as(tmp_path / "data.csv")
        names, *rows = csv.reader((tmp_path / "data.csv").read_text(encoding="utf-8").splitlines())
        values = figure.evaluate("e => Object.entries(e.values()).map(([name, v]) => [name, v.map(String)])")
        assert names[1:] == [name for name, _ in values]
        assert [list(column) for column in zip(*rows, strict=True)][1:] == [column for _, column in values]
        with visit.page.expect_download() as told:
            figure.get_by_role("button", name="Picture").click()
        told.value.save_as(tmp_path / "picture.svg")
        root = ElementTree.parse(tmp_path / "picture.svg").getroot()
        assert root.tag.endswith("svg")
        assert "rgb(0, 104, 169)" in (tmp_path / "picture.svg").read_text(encoding="utf-8")  # the first curve's colour


def test_a_term_says_what_it_means_where_it_stands(browser, origins):
    with Visit(browser, origins["file"], LESSON) as visit:
        page, card = visit.page, visit.page.get_by_role("tooltip")
        link = page.locator("a.term").first
        link.hover()
        card.wait_for()
        assert len(card.inner_text()) > 20
        page.keyboard.press("Escape")
        assert not card.is_visible()
        page.mouse.move(0, 0)
        page.locator("a.term").nth(1).scroll_into_view_if_needed()
        page.keyboard.press("Tab")
        page.locator("a.term").nth(1).focus()
        card.wait_for()
        assert page.locator("a.term").nth(1).get_attribute("aria-describedby") == "preview"
        assert visit.complaints == []


def test_what_was_taken_is_remembered_until_one_starts_again(browser, origins):
    with Visit(browser, origins["http"], LESSON) as visit:
        page = visit.page
        for question in page.locator(".question").all():
            question.locator(".wrong > summary").first.click()
        told = page.locator(".tally").inner_text()
        assert told.startswith("0 of")
        page.reload()
        page.wait_for_selector(".tally button")
        assert page.locator(".tally").inner_text() == told
        assert page.locator(".choice.wrong[open]").count() == page.locator(".question").count()
        page.get_by_role("button", name="Start again").click()
        page.reload()
        page.wait_for_load_state()
        assert page.locator(".choice[open]").count() == 0
        assert page.locator(".tally").inner_text() == ""
