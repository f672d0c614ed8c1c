"""The explorer in a real browser, over file://, with no network: it draws what Python computed."""

import numpy as np
import pytest

from vanishing import Axis, Choice, Explorer, Slider

pytestmark = pytest.mark.browser

LAYERS = np.arange(41)
SLOPES = np.round(np.arange(0.1, 1.55, 0.1), 2)
FORMATS = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


def chain():
    """Curves that end early (NaN), on a log axis, with every kind of caption field."""
    depths = np.array([5, 10, 20, 40])
    return Explorer(
        title="How loud is the whisper?",
        curves={
            "the chain": SLOPES[:, None, None] ** np.where(depths[:, None] >= LAYERS, LAYERS, np.nan),
            "the bound": 0.25**LAYERS,
        },
        sliders=[Slider("slope a", SLOPES, fmt="{:.2f}", start=0.9), Slider("depth L", depths, start=20)],
        x=Axis("layer k", LAYERS),
        y=Axis("loudness", log=True),
        caption="{slope a}: after {depth L} layers {the chain:last}, {verdict}.",
        facts={"verdict": np.where(SLOPES < 1, "a <whisper>", "a shout")[:, None]},
        references={"float16's floor": 6e-8},
        marks={"half way": depths / 2},
        alt="One straight line on a log axis that falls for slopes below one and rises above.",
    )


def underflow():
    """Exact zeros and infinities on a log axis, and a choice."""
    k = np.arange(200)
    with np.errstate(over="ignore", under="ignore"):
        table = {name: [np.cumprod(np.full(200, f, t)) for t in FORMATS.values()] for name, f in
                 {"halving": 0.5, "tripling": 3}.items()}  # fmt: skip
    return Explorer(
        title="When small becomes nothing",
        curves={name: np.array(rows, float) for name, rows in table.items()},
        sliders=[Choice("format", list(FORMATS), start="float32")],
        x=Axis("factors", k),
        y=Axis("value", log=True, lo=1e-60, hi=1e60),
        caption="In {format} halving ends at {halving:last}, tripling at {tripling:last}.",
        alt="Two lines part from 1; one drops to an exact zero, the other jumps to infinity.",
    )


def bars():
    """A histogram on a linear axis."""
    edges = np.linspace(-3, 3, 13)
    counts = [np.histogram(g * np.linspace(-1, 1, 101), edges)[0] for g in (1, 2, 3)]
    return Explorer(
        title="Where the activations fall",
        curves={"z": np.array(counts)},
        sliders=[Slider("gain", [1, 2, 3])],
        x=Axis("value", (edges[1:] + edges[:-1]) / 2),
        y=Axis("count"),
        kind="bars",
        caption="The tallest bar holds {z:max}.",
        alt="A histogram that spreads out as the gain grows, until it fills the width.",
    )


def write(folder, *explorers, theme="light"):
    """A static page with the explorers in it, and its address."""
    body = "".join(f"<div>{explorer.html}</div>" for explorer in explorers)
    path = folder / "page.html"
    path.write_text(f'<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8">{body}', "utf-8")
    return path.as_uri()


def alive(page, explorers):
    """The explorers' elements, once all of them are drawn."""
    page.wait_for_function(f"document.querySelectorAll('[data-live] ').length === {len(explorers)}")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-live]')].every(e => e.shadowRoot.querySelector('.stage svg'))"
    )
    return page.locator("[data-live]").all()


def drawn(element, curve):
    """The values on the page; JSON has no NaN or infinity, so they come as text."""
    return np.array(element.evaluate("(e, c) => e.values()[c].map(String)", curve), dtype=float)


def test_what_is_drawn_is_what_python_computed(page, faults, tmp_path):
    """Every curve at every step of the keyboard's arrow equals Explorer.value; the caption equals caption_at."""
    explorers = [chain(), underflow(), bars()]
    page.goto(write(tmp_path, *explorers))
    first, second, third = alive(page, explorers)
    slope = first.get_by_label("slope a")
    slope.focus()
    at, depth = explorers[0].start
    for key, step in [("ArrowRight", 1)] * 3 + [("ArrowLeft", -1)] * 5 + [("Home", -99), ("End", 99)]:
        page.keyboard.press(key)
        at = int(np.clip(at + step, 0, len(SLOPES) - 1))
        for curve in explorers[0].curves:
            np.testing.assert_allclose(drawn(first, curve), explorers[0].value(curve, at, depth), rtol=1e-12)
        assert slope.get_attribute("aria-valuetext") == f"{SLOPES[at]:.2f}"
        assert first.locator("p[aria-live=polite]").inner_text() == explorers[0].caption_at(at, depth)
    for i, name in enumerate(FORMATS):
        second.get_by_label("format").select_option(name)
        for curve in explorers[1].curves:
            np.testing.assert_allclose(drawn(second, curve), explorers[1].value(curve, i), rtol=1e-12)
        assert second.locator("p[aria-live=polite]").inner_text() == explorers[1].caption_at(i)
    np.testing.assert_array_equal(drawn(third, "z"), explorers[2].value("z", 1))
    assert faults == []


def test_an_exact_zero_is_marked_at_the_floor(page, tmp_path):
    """A ring and the word 0 where halving dies, infinity where tripling overflows, neither where nothing does."""
    page.goto(write(tmp_path, underflow()))
    (element,) = alive(page, [1])
    ends = lambda: [t for t in element.locator("text.name:not(.halo)").all_text_contents() if t]  # noqa: E731
    assert ends() == ["0", "∞"]
    element.get_by_label("format").select_option("float64")
    assert ends() == []


def test_the_still_figure_gives_way(browser, page, tmp_path):
    """It is shown without scripts, alt text and all, and hidden by the live figure."""
    address = write(tmp_path, chain())
    page.goto(address)
    alive(page, [1])
    assert not page.get_by_alt_text("One straight line").is_visible()
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(address)
        assert plain.get_by_alt_text("One straight line").is_visible()
        assert plain.get_by_text("0.90: after 20 layers").is_visible()


def test_dark_and_light_while_open(page, tmp_path):
    """The theme is toggled under an open figure; the panel follows, and nothing is drawn again."""
    page.goto(write(tmp_path, chain(), theme="dark"))
    (element,) = alive(page, [1])
    panel = lambda: element.locator(".card").evaluate("e => getComputedStyle(e).backgroundColor")  # noqa: E731
    assert panel() == "rgb(23, 27, 33)"
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert panel() == "rgb(255, 255, 255)"
    page.evaluate("delete document.documentElement.dataset.theme; document.body.dataset.jpThemeLight = 'false'")
    assert panel() == "rgb(23, 27, 33)"
    page.evaluate("delete document.body.dataset.jpThemeLight")
    page.emulate_media(color_scheme="dark")
    assert panel() == "rgb(23, 27, 33)"
    page.emulate_media(color_scheme="dark", media="print")
    assert panel() == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [320, 640, 1400])
def test_it_fits_the_window(page, tmp_path, width):
    """Nothing sticks out sideways; narrow figures name their curves in a key instead of beside them."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(write(tmp_path, chain(), underflow(), bars()))
    elements = alive(page, [1, 2, 3])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert elements[0].locator(".key").is_visible() == (width == 320)
    for text in elements[0].locator("svg text:visible").all():
        box = text.bounding_box()
        assert box["width"] == 0 or (box["x"] >= 0 and box["x"] + box["width"] <= width)


def test_screen_reader_names(page, tmp_path):
    """The group has the title, the drawing has the alt text, every control its label."""
    page.goto(write(tmp_path, chain()))
    alive(page, [1])
    group = page.get_by_role("group", name="How loud is the whisper?")
    assert group.get_by_role("img", name="One straight line").count() == 1
    assert group.get_by_role("slider").count() == 2
    assert group.get_by_role("slider", name="depth L").get_attribute("aria-valuetext") == "20"
