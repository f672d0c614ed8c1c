"""The page on one recurrence: what it states, lesson 17 prints."""

import re
from pathlib import Path

from coursekit.lessons.course import Course
from coursekit.proving.prose import EXEMPT, bound, printed_numbers, stated

ROOT = Path(__file__).parents[2]
WHOLE = re.compile(r"(?<![\w.,])\d{2,}(?![\w.,]*\d)")  # two digits or more, no decimals


def numbers(page):
    """Decimals and powers, and whole numbers of two digits or more, outside code, mathematics, links and headings."""
    decimals = [number for number, _ in stated(page)]
    rest = EXEMPT.sub(" ", page)
    for number in decimals:
        rest = rest.replace(number, " ")
    return decimals, WHOLE.findall(rest)


def unprinted(page):
    """The numbers of a page that no cell of lesson 17 prints."""
    printed = printed_numbers(Course.find(ROOT).lesson("17").notebook)
    decimals, whole = numbers(page)
    return [n for n in decimals if not bound(n, printed)] + [n for n in whole if (float(n),) not in printed]


def test_every_number_on_the_page_is_printed_by_lesson_17():
    page = (ROOT / "book" / "one_recurrence.md").read_text(encoding="utf-8")
    decimals, whole = numbers(page)
    assert len(decimals) >= 5
    assert len(whole) >= 5
    assert unprinted(page) == []


def test_a_wrong_number_is_noticed():
    page = "Off by −1.27, price 95, 12 digits, 3.3 × 10⁻²², 3326 of 83, [lesson 12](12.ipynb), $h = 0.77$."
    assert unprinted(page) == ["3.3 × 10⁻²²", "95", "3326"]
