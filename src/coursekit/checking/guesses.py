"""`guess`: what a learner predicted beside what came out; what explains it stays closed until there is a guess."""

import html
import math
import sys

import numpy as np

from coursekit.checking.verdicts import STYLES
from coursekit.checking.words import short

_made = {}  # by name: whether the guess was near, in the order in which they were resolved


def guess(name, mine, truth, text="", *, tolerance=None):
    """Resolve a prediction: show the guess beside the truth and open the text; ask for a guess where there is none.

    name       what was to be guessed, "loudness after 20 people"
    mine       the learner's guess, a number; `...` or None as long as there is none
    truth      what came out, a finite number
    text       the paragraph that explains it, closed until there is a guess
    tolerance  how far off a guess may be to count as near; by default it is near within a decade, a factor of ten
    """
    truth, number = float(truth), _number(mine)
    if mine is None or mine is Ellipsis:
        _made.pop(name, None)
        _show(f"? {name}: guess first, then run this cell again.", text, "blank", False)
    elif number is None:
        _made.pop(name, None)
        _show(f"? {name}: a guess is a finite number, for example 0.1; then run this cell again.", text, "blank", False)
    else:
        near, words = _compared(number, truth, tolerance)
        _made[name] = near
        line = f"{name}: you guessed {short(number)}, it is {short(truth)}: {words}."
        _show(line, text, "right" if near else "blank", True)


def score():
    """Show how many of the guesses that were resolved in this kernel were near."""
    near, every = sum(_made.values()), len(_made)
    words = f"Your guesses: {near} of {every} within a decade." if every else "You have not guessed yet."
    _show(words, "", "blank", True)


guess.score = score


def _number(value):
    """A guess as a float; None for what is not a finite number."""
    try:
        number = float(value) if np.ndim(value) == 0 and not isinstance(value, str | bytes | bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _compared(mine, truth, tolerance):
    """(near or not, how far off in words)."""
    if tolerance is not None:
        near = abs(mine - truth) <= tolerance
        return near, "near" if near else f"{short(abs(mine - truth))} off"
    if mine == truth:
        return True, "within a decade"
    if mine == 0 or truth == 0:
        return False, "one of them is zero"
    if (mine < 0) != (truth < 0):
        return False, "of another sign"
    decades = abs(math.log10(abs(mine)) - math.log10(abs(truth)))
    return decades <= 1, "within a decade" if decades <= 1 else f"{decades:.0f} decades off"


def _show(line, text, kind, is_open):
    """Display a line and a paragraph that can be folded; print them where there is no notebook."""
    plain = f"{line}\n{text}" if text and is_open else line
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        print(plain)
        return
    told = f"<div>{html.escape(line)}</div>"
    if text:
        paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in text.split("\n\n"))
        told += f"<details{' open' if is_open else ''}><summary>What comes out, and why</summary>{paragraphs}</details>"
    bundle = {"text/plain": plain, "text/html": f'<div class="coursekit-guess" style="{STYLES[kind]}">{told}</div>'}
    sys.modules["IPython"].display.display(bundle, raw=True)
