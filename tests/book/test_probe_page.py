"""The page about the probe: its code runs, and prints what the page shows."""

import contextlib
import io
import re

import pytest

BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)")


def agree(printed, shown):
    """The same words, and numbers that differ by no more than a step in the last digit or two per cent."""
    if NUMBER.sub("#", printed).split() != NUMBER.sub("#", shown).split():
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=0.02, abs=step(b)) for a, b in pairs)


def step(text):
    """One unit in the last digit of a number as it is written."""
    mantissa, _, exponent = text.partition("e")
    return 1.001 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def test_agreement_of_numbers():
    assert agree("a 1.2e-07 3 4", "a  1.1e-07 3\n 4")
    assert agree("[0.169 0.102]", "[0.170 0.102]")
    for other in ("a 1.4e-07 3 4", "a 1.2e-06 3 4", "b 1.2e-07 3 4", "a 1.2e-07 3", "a 1.2e-07 5 4"):
        assert not agree("a 1.2e-07 3 4", other)


def test_the_page_prints_what_it_shows(root):
    blocks = BLOCK.findall((root / "book" / "probe.md").read_text(encoding="utf-8"))
    shown = [text for _, text in blocks if text]
    assert len(shown) >= 5
    names = {}
    for code, text in blocks:
        if not text:
            continue  # the sketch at the top, with names that stand for the reader's own
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "book/probe.md", "exec"), names)
        assert agree(printed.getvalue(), text), f"the page shows\n{text}\nand its code prints\n{printed.getvalue()}"


def test_the_page_knows_every_kind_of_finding(root):
    code = "".join(p.read_text(encoding="utf-8") for p in (root / "src" / "vanishing" / "probe").glob("*.py"))
    kinds = set(re.findall(r'(?:Finding\(|_say\()\s*"([a-z_ ]+)"', code))
    assert len(kinds) > 30
    page = (root / "book" / "probe.md").read_text(encoding="utf-8")
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


def test_rows_of_the_checklist_that_the_page_names_are_there(root):
    page, checklist = ((root / "book" / name).read_text(encoding="utf-8") for name in ("probe.md", "checklist.md"))
    text = re.search(r"has a row in \[the checklist\]\(checklist.md\):(.*?)\n\n", page, re.DOTALL)[1]
    code = (root / "src" / "vanishing" / "probe" / "diagnosis.py").read_text(encoding="utf-8")
    sizes = set(re.findall(r'Finding\(\s*"([a-z_ ]+)"', code)) - {"not finite", "unheard", "saturated", "fast"}
    assert sizes <= set(re.findall(r"`([a-z ]+)`", text))
    rows = {int(n) for n in re.findall(r"^\| \*\*(\d+)\*\*", checklist, re.MULTILINE)}
    named = {int(n) for n in re.findall(r"\b(\d+)\b", text)}
    assert named <= rows
    assert rows - named == {6, 15}  # 6 is within "5 to 7"; 15 is good health
