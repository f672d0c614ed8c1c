"""Text with nothing hidden: characters that are invisible or change the order of letters are spelled out."""

import re
import unicodedata

from coursekit.checking.marks import clean

BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters and marks by category, but drawn as nothing
SELECTORS = re.compile(r"[\ufe00-\ufe0f]|[\U000e0100-\U000e01ef]")


def visible(text, kept=""):
    """Text in which control, format, bidirectional and zero-width characters read as ⟨U+202E⟩.

    Characters in `kept` stay, as does the selector that gives a symbol its colours.
    """
    text = clean(text)
    if text.isascii() and text.isprintable():
        return text
    shown = [_shown(text, k, kept) for k in range(len(text))]
    return "".join(shown)


def _shown(text, k, kept):
    character = text[k]
    if character in kept or (character.isprintable() and character not in BLANKS and not SELECTORS.match(character)):
        return character
    if character in "\ufe0e\ufe0f" and k and unicodedata.category(text[k - 1])[0] == "S":
        return character
    if unicodedata.category(character) == "Zs":  # wide and narrow spaces are no secret
        return " "
    return f"⟨U+{ord(character):04X}⟩"
