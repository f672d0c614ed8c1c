"""Outputs agree when a reader would say that they do."""

import base64
import io

import numpy as np
import pytest
from nbformat.v4 import new_output
from PIL import Image

from coursekit.proving.comparison import outputs_agree, texts_agree, unit

AGREE = [
    ("a = 2.35", "a = 2.36"),
    ("1.2e-06", "1.3e-06"),
    ("-0.50", "-0.51"),
    ("nan inf", "nan inf"),
    ("about 2.15 × 10⁹", "about 2.16 × 10⁹"),
    ("[1.00 2.00]", "[1.01 1.99]"),
]
DIFFER = [
    ("a = 2.35", "a = 2.37"),
    ("a = 2.35", "a = 2.3"),
    ("12 of 20", "13 of 20"),
    ("1e-06", "1e-07"),
    ("0.50", "-0.50"),
    ("a = 2.35", "b = 2.35"),
    ("x1", "x2"),
    ("nan", "inf"),
    ("2.15 × 10⁹", "2.15 × 10⁸"),
    ("10⁻⁵", "10⁻⁶"),
    ("2.15 × 10⁹", "2.17 × 10⁹"),
    ("1.00", "1.00 "),
    ("1.00\n2.00", "1.00"),
]


@pytest.mark.parametrize(("new", "old"), AGREE)
def test_a_turned_last_digit_agrees(new, old):
    assert texts_agree(new, old)
    assert texts_agree(old, new)


@pytest.mark.parametrize(("new", "old"), DIFFER)
def test_anything_else_differs(new, old):
    assert not texts_agree(new, old)
    assert not texts_agree(old, new)


@pytest.mark.parametrize(("number", "size"), [("2.35", 0.01), ("1.2e-06", 1e-7), ("2e3", 1e3), ("12", 0), ("1.", 0)])
def test_unit_of_the_last_digit(number, size):
    assert unit(number) == pytest.approx(size)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def picture(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return new_output(
        "display_data", {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": "<Figure>"}
    )


WHITE = np.full((40, 50, 3), 255, dtype=np.uint8)
SPOT, BLOT, FAINT = WHITE.copy(), WHITE.copy(), WHITE - 5
SPOT[:3, :3], BLOT[:4, :4] = 0, 0
WIDGET = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "7%"})
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])

SAME = [
    ([stream("a"), stream("b")], [stream("ab")]),
    ([stream("1.23")], [stream("1.24")]),
    ([picture(SPOT)], [picture(WHITE)]),
    ([picture(FAINT)], [picture(WHITE)]),
    ([WIDGET, stream("a")], [stream("a")]),
    ([ERROR], [ERROR]),
]
UNLIKE = [
    ([stream("ab")], [stream("ac")], "stdout differs: 'ab', recorded 'ac'"),
    ([stream("a\nb\nc")], [stream("a\nB\nc")], "stdout differs: 'b', recorded 'B'"),
    ([stream("a")], [stream("a", "stderr")], "shows stdout where stderr was recorded"),
    ([stream("a")], [], "shows stdout where nothing more was recorded"),
    ([], [stream("a")], "shows nothing more where stdout was recorded"),
    ([picture(BLOT)], [picture(WHITE)], "shows a picture that differs from the recorded one"),
    ([picture(WHITE[:-1])], [picture(WHITE)], "shows a picture that differs from the recorded one"),
    ([ERROR], [new_output("error", ename="TypeError", evalue="no", traceback=[])], "error differs"),
    ([ERROR], [], "shows error"),
]


@pytest.mark.parametrize(("got", "recorded"), SAME)
def test_outputs_agree(got, recorded):
    assert outputs_agree(got, recorded) is None
    assert outputs_agree(recorded, got) is None


@pytest.mark.parametrize(("got", "recorded", "sentence"), UNLIKE)
def test_outputs_differ(got, recorded, sentence):
    assert outputs_agree(got, recorded).startswith(sentence)
