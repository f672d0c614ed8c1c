"""The explorer without a browser: what it packs, writes and refuses."""

import base64
import gzip
import json
import re
from html import unescape

import numpy as np
import pytest

from vanishing import Axis, Choice, Explorer, Slider
from vanishing.figures.explorer import number

SLOPES = np.array([0.1, 0.5, 1.0, 1.5])
DEPTHS = np.array([5, 10, 50])
K = np.arange(51)
CHAIN = SLOPES[:, None, None] ** np.where(DEPTHS[:, None] >= K, K, np.nan)


def explorer(**changes):
    """A small explorer, with some arguments changed."""
    arguments = {
        "title": "How loud is the whisper?",
        "curves": {"chain": CHAIN, "bound": 0.25**K},
        "sliders": [Slider("slope a", SLOPES, fmt="{:.2f}", start=1.5), Slider("depth L", DEPTHS)],
        "x": Axis("layer k", K),
        "y": Axis("loudness", log=True),
        "caption": "{slope a}: after {depth L} layers {chain:last}.",
        "alt": "One straight line on a log axis that falls for slopes below one.",
    }
    return Explorer(**arguments | changes)


def linear(table, **changes):
    """An explorer of one curve with one slider on a linear axis."""
    table = np.asarray(table)
    given = {
        "curves": {"curve": table},
        "sliders": [Slider("s", np.arange(len(table)))],
        "x": Axis("x", np.arange(table.shape[1])),
        "y": Axis("y"),
        "caption": "{curve:max}",
    }
    return explorer(**given | changes)


def test_values_survive_packing_on_a_log_axis():
    """Within 0.006 decade over 60 decades, gaps where they were."""
    e = explorer()
    for i in range(len(SLOPES)):
        for j in range(len(DEPTHS)):
            seen = e.value("chain", i, j)
            np.testing.assert_array_equal(np.isnan(seen), np.isnan(CHAIN[i, j]))
            np.testing.assert_allclose(np.log10(seen), np.log10(CHAIN[i, j]), atol=0.006)
            np.testing.assert_allclose(np.log10(e.value("bound", i, j)), np.log10(0.25) * K, atol=0.006)


def test_short_spans_are_packed_more_finely():
    """Over three decades the error stays below 0.0001."""
    table = np.geomspace(1e-2, 1e1, 400).reshape(4, 100)
    e = linear(table, y=Axis("y", log=True))
    errors = [np.abs(np.log10(e.value("curve", i)) - np.log10(table[i])).max() for i in range(4)]
    assert max(errors) < 1.01e-4


def test_zeros_infinities_and_gaps_survive_exactly():
    """On both kinds of axis, next to ordinary values."""
    row = np.array([1.0, 0.0, np.inf, np.nan, 1e-300, 0.0])
    seen = linear([row, row[::-1]], y=Axis("y", log=True)).value("curve", 1)[::-1]
    np.testing.assert_array_equal(seen[[1, 2, 3, 5]], row[[1, 2, 3, 5]])
    np.testing.assert_allclose(seen[[0, 4]], row[[0, 4]], rtol=0.02)
    row = np.array([0.5, -np.inf, np.inf, np.nan, -2.0])
    np.testing.assert_allclose(linear([row]).value("curve", 0), row, atol=2.5 / 4096)


def test_linear_values_are_within_a_4096th_of_the_range_and_whole_numbers_exact():
    """Measured on noise."""
    table = np.random.default_rng(0).normal(size=(3, 200))
    e = linear(table)
    assert max(np.abs(e.value("curve", i) - table[i]).max() for i in range(3)) < np.ptp(table) / 4096
    counts = np.random.default_rng(0).integers(0, 5000, (3, 40))
    np.testing.assert_array_equal(linear(counts).value("curve", 2), counts[2])


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, np.nan], [7.5, 7.5], [np.inf, np.nan]])
@pytest.mark.parametrize("log", [True, False])
def test_constant_and_empty_curves(row, log):
    """They are packed, and drawn by the still figure without a warning."""
    e = linear([row], y=Axis("y", log=log))
    np.testing.assert_allclose(e.value("curve", 0), row)
    assert "<img" in e.html


def test_the_same_bytes_twice():
    """The whole output, gzip header included."""
    assert explorer().html == explorer().html


def test_html_carries_everything_in_attributes():
    """Spec and table can be read back; without script and unknown tags only the still figure and caption remain."""
    e = explorer(title='It\'s <b> & "quoted"')
    html = e.html
    spec = json.loads(unescape(re.search(r"data-spec='([^']*)'", html)[1]))
    assert spec["title"] == 'It\'s <b> & "quoted"'
    assert spec["sliders"][0] == {
        "label": "slope a", "texts": ["0.10", "0.50", "1.00", "1.50"], "start": 3, "choice": False
    }  # fmt: skip
    assert spec["x"]["values"] == K.tolist()
    table = gzip.decompress(base64.b64decode(re.search(r"data-table='([^']*)'", html)[1]))
    assert json.loads(table[2 * spec["size"] :])[0][-1] == number(1.5**50)
    rest = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", "", html, flags=re.S)
    assert rest == e.caption_at(*e.start)
    assert f'alt="{e.alt}"' in html
    assert "http" not in re.sub(r"http://www\.w3\.org/|data:image[^\"]*", "", html.replace("${", ""))


def test_the_element_is_named_by_its_script():
    """Two explorers share one definition; the placeholders are gone."""
    names = {re.match(r"<(vanishing-explorer-[0-9a-f]{8}) ", e.html)[1] for e in (explorer(), linear([[0, 1]]))}
    assert len(names) == 1
    assert "__" not in re.search(r"<script>.*</script>", explorer().html, re.S)[0]


def test_captions_say_what_python_computed():
    """To three digits, for every kind of field."""
    e = explorer(
        caption="{slope a} {depth L} {chain:first} {chain:last} {chain:min} {chain:max} {layers} {verdict}",
        facts={"layers": DEPTHS * 1000, "verdict": np.where(SLOPES < 1, "whisper", "shout")[:, None]},
    )
    assert e.caption_at(3, 1) == "1.50 10 1 57.7 1 57.7 10000 shout"
    assert e.caption_at(0, 2) == "0.10 50 1 10⁻⁵⁰ 10⁻⁵⁰ 1 50000 whisper"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (7, "7"), (123456, "123456"), (0.0625, "0.0625"), (57.665, "57.7"), (3325.26, "3325"),
        (99.96, "100"), (99999.7, "10⁵"), (0.00099996, "0.001"), (9.0949e-13, "9.09 × 10⁻¹³"), (1e-46, "10⁻⁴⁶"),
        (-2.5, "−2.5"), (-1.5e9, "−1.5 × 10⁹"), (np.inf, "∞"), (-np.inf, "−∞"), (np.nan, "–"),
    ],
)  # fmt: skip
def test_numbers_in_words(value, text):
    """As a reader writes them."""
    assert number(value) == text


def test_axes_keep_their_limits():
    """The union over all sliders, or what was asked for; references count, bars start at zero."""
    assert explorer().spec["y"]["lo"] == -50
    assert explorer().spec["y"]["hi"] == 9
    asked = explorer(y=Axis("y", log=True, lo=1e-60, hi=10)).spec["y"]
    assert (asked["lo"], asked["hi"]) == (-60, 1)
    assert explorer(references={"float64's floor": 5e-200}).spec["y"]["lo"] == -200
    assert explorer(curves={"tiny": np.full(K.size, 5e-324)}, caption="").spec["y"]["lo"] == -307
    bars = linear([[3, 4, 5], [1, 2, 3]], kind="bars").spec
    assert (bars["y"]["lo"], bars["x"]["lo"], bars["x"]["hi"]) == (0, -0.5, 2.5)


def test_marks_follow_the_sliders():
    """A table by slider; NaN and infinity hide the mark."""
    marks = explorer(marks={"half way": DEPTHS / 2, "never": [[np.nan], [np.inf], [3], [4]]}).spec["marks"]
    assert marks[0] == {"label": "half way", "shape": (1, 3), "at": [2.5, 5, 25]}
    assert marks[1] == {"label": "never", "shape": (4, 1), "at": [None, None, 3, 4]}


def test_a_function_may_write_the_values():
    """And minus signs are minus signs."""
    assert Slider("w", [-2, 3], fmt=lambda v: f"{v:+d}").texts() == ["−2", "+3"]
    assert Slider("w", range(3)).texts() == ["0", "1", "2"]
    assert Choice("phi", ["tanh", "relu"]).position() == 0
    assert Slider("w", [1, 2, 3]).position() == 1


def test_shown_in_a_notebook_once(monkeypatch):
    """As HTML with the alt text beside it."""
    seen = []
    monkeypatch.setattr("vanishing.figures.explorer.display", seen.append)
    e = explorer()
    e._ipython_display_()
    assert [(still.html, still.alt) for still in seen] == [(e.html, e.alt)]


TWO = [Slider("slope a", SLOPES), Slider("slope a", DEPTHS)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"alt": "a chart"}, "at least 20 characters"),
        ({"title": " "}, "needs a title"),
        ({"kind": "pie"}, "'lines' or 'bars', not 'pie'"),
        ({"curves": {}}, "1 to 6 curves, not 0"),
        ({"sliders": []}, "at least one Slider or Choice"),
        ({"sliders": TWO}, "'slope a' is used twice"),
        ({"sliders": [Slider("slope a", []), Slider("depth L", DEPTHS)]}, "'slope a' has no values"),
        (
            {"sliders": [Slider("slope a", SLOPES, start=7), Slider("depth L", DEPTHS)]},
            "start=7 is not one of the values",
        ),
        ({"curves": {"chain": CHAIN[:2]}}, r"shape \(2, 3, 51\), which does not broadcast to \(4, 3, 51\)"),
        ({"curves": {"chain": CHAIN[None]}}, "does not broadcast"),
        ({"curves": {"chain": -CHAIN}}, "negative values, which a log axis"),
        ({"marks": {"m": [1, 2]}}, "'m' has shape"),
        ({"x": Axis("layer k")}, "at least two values, in increasing order"),
        ({"x": Axis("layer k", K[::-1])}, "in increasing order"),
        ({"x": Axis("layer k", K, log=True)}, "log axis 'layer k' must be above 0"),
        ({"y": Axis("loudness", log=True, lo=0)}, "log axis 'loudness' must be above 0"),
        ({"references": {"zero": 0}}, "log axis 'loudness' must be above 0"),
        ({"caption": "{chain:median}"}, r"\{chain:median\} is none of slope a, depth L, chain:first"),
        ({"caption": "{chain}"}, r"\{chain\} is none of"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(changes, sentence):
    """Each says what to change."""
    with pytest.raises(ValueError, match=sentence) as error:
        explorer(**changes)
    assert str(error.value).count("\n") == 0
    assert str(error.value).endswith(".")


def test_value_wants_a_known_curve_and_every_position():
    """Else one sentence."""
    with pytest.raises(ValueError, match="no curve 'gone'"):
        explorer().value("gone", 0, 0)
    with pytest.raises(ValueError, match="2 slider positions, not 1"):
        explorer().value("chain", 0)
