"""The house figure style: alt text, the same bytes, labels that keep apart, ticks in powers of ten."""

import re
from urllib.parse import unquote

import numpy as np
import pytest

from vanishing import figure, label_line, log_axis
from vanishing.figures import style

ALT = "Three straight lines fan out from one on a log axis."


@pytest.fixture
def shown(monkeypatch):
    """What the code under test displays, instead of a notebook."""
    seen = []
    monkeypatch.setattr(style, "display", seen.append)
    return seen


def three_lines():
    """A figure with labels at its line ends; the labels, for a closer look."""
    k = np.arange(21)
    with figure(alt=ALT) as (fig, ax):
        labels = [label_line(ax, *ax.semilogy(k, a**k), f"a = {a}") for a in (0.5, 0.52, 0.9)]
        ax.set(xlabel="layer k", ylabel="loudness")
    return fig, labels


@pytest.mark.parametrize("alt", ["", "   ", "a line chart", None])
def test_a_figure_without_alt_text_is_refused(alt):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match="at least 20 characters"), figure(alt=alt):
        raise AssertionError("the body must not run")


def test_shown_once_with_its_alt_text(shown):
    """HTML for pages, the alt text for everything else, and both in the metadata."""
    three_lines()
    (still,) = shown
    data, metadata = still._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert data["text/plain"] == repr(still) == ALT
    assert f'<img alt="{ALT}"' in data["text/html"]
    assert metadata == {"text/html": {"alt": ALT, "picture": False}}


def test_alt_text_is_escaped(shown):
    """Quotes and angle brackets do not end the attribute."""
    with figure(alt='The "bound" lies above <every> true curve') as (_, ax):
        ax.plot([0, 1])
    assert 'alt="The &quot;bound&quot; lies above &lt;every&gt; true curve"' in shown[0].html


def test_nothing_is_shown_after_an_error(shown):
    """The error comes through."""
    with pytest.raises(ZeroDivisionError), figure(alt=ALT):
        1 / 0  # noqa: B018
    assert shown == []


@pytest.mark.parametrize("picture", [False, True])
def test_the_same_bytes_twice(shown, picture):
    """SVG and PNG."""
    for _ in range(2):
        with figure(alt=ALT, picture=picture, ncols=2) as (_, (left, right)):
            left.imshow(np.eye(3))
            right.plot([1, 2], label="λ")
            right.set_title("$\\partial L$")
    assert shown[0].html == shown[1].html
    assert ('src="data:image/png' in shown[0].html) == picture == shown[0].picture
    assert ("house-picture" in shown[0].html) == picture
    assert ("invert" in shown[0].html) != picture


def test_svg_is_whole_and_free_of_fonts(shown):
    """The address decodes to one well-formed drawing, text as paths, no metadata."""
    from xml.etree import ElementTree

    three_lines()
    svg = unquote(re.search(r'src="data:image/svg\+xml,([^"]*)"', shown[0].html)[1])
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    for word in ("<text", "font-family", "<metadata", "<!--"):
        assert word not in svg.lower()


def test_style_stays_inside(shown):
    """The reader's own matplotlib settings are as before."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    three_lines()
    assert dict(mpl.rcParams) == before


def test_labels_at_line_ends_keep_apart(shown):
    """Two that would overlap are moved, one that would not stays."""
    fig, labels = three_lines()
    heights = [t.get_window_extent().y0 * 72 / fig.dpi for t in labels]
    assert heights[1] - heights[0] == pytest.approx(13, abs=0.5)
    assert labels[2].xyann[1] == pytest.approx(0, abs=1e-9)
    assert len({t.get_color() for t in labels}) == 3


@pytest.mark.parametrize("places", [[0, 0, 0], [5, 1, 30], [10, 9, 8, 40, 41]])
def test_apart(places):
    """In the same order, at least the gap apart, around the same centre, idle when there is room."""
    after = style.apart(places, 4.0)
    order = np.argsort(places, kind="stable")
    assert (np.diff(after[order]) >= 4 - 1e-9).all()
    assert after.mean() == pytest.approx(np.mean(places))
    np.testing.assert_allclose(style.apart(after, 4.0), after)


def test_label_line_at_x_and_on_arrays(shown):
    """At a chosen x the label stands above the line; NaN ends and exact zeros on a log axis are passed over."""
    k = np.arange(5.0)
    with figure(alt=ALT) as (_, ax):
        ax.set_yscale("log")
        above = label_line(ax, (k, 10**k), "here", x=1.9)
        end = label_line(ax, (k, [1, 0.1, 0.01, 0, np.nan]), "dies")
        with pytest.raises(ValueError, match="no finite point"):
            label_line(ax, (k, k * np.nan), "nothing")
    assert above.xy == (2, 100)
    assert end.xy == (2, 0.01)


@pytest.mark.parametrize(("lo", "hi"), [(1e-50, 1), (1e-250, 1e250), (1e-5, 1e3), (0.2, 3)])
def test_log_axes_have_a_few_powers_of_ten(shown, lo, hi):
    """Whatever the span, with log_axis or with plain semilogy."""
    for explicit in (True, False):
        with figure(alt=ALT) as (_, ax):
            ax.semilogy([0, 1], [lo, hi])
            ax.set_ylim(lo, hi)
            if explicit:
                log_axis(ax, "y")
        texts = [t.get_text() for t in ax.get_yticklabels() if lo <= t.get_position()[1] <= hi]
        assert 3 <= len(texts) <= 9
        assert all(re.fullmatch(r"1|10|10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|0?\.?\d+", text) for text in texts)
    with pytest.raises(ValueError, match="'x' or 'y'"):
        log_axis(ax, "z")


def contrast(a, b):
    """The WCAG contrast ratio of two #rrggbb colours."""

    def luminance(colour):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_read():
    """Labels in a line's own colour have a contrast of 4.5 on the light and on the dark panel."""
    assert all(contrast(colour, style.PANEL) >= 4.5 for colour in (*style.COLOURS, style.INK, style.MUTED))
    assert all(contrast(colour, "#171b21") >= 4.5 for colour in style.COLOURS_DARK)
    assert len(set(style.DASHES)) == len(style.COLOURS) == len(style.COLOURS_DARK)
