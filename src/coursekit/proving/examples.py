"""An exercise's own Example: the value that its check records is the one that the prose shows."""

import json
import math
import re

from coursekit.checking.agreement import entries
from coursekit.checking.checks import EXAMPLE
from coursekit.checking.values import leaves
from coursekit.checking.words import short
from coursekit.lessons.notebook import mark

NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+−]?\d+)?(?![\w])|\binf\b|\bnan\b", re.IGNORECASE)


def unshown(course, lesson):
    """Sentences on examples of checks whose recorded value the exercise's text does not show."""
    path = course.expected / f"{lesson.name}.json"
    if not path.is_file():
        return
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        values = {exercise: entry[EXAMPLE] for exercise, entry in records.items() if EXAMPLE in entry}
    except (ValueError, TypeError, AttributeError):
        return  # the proof of the answers says that it is damaged
    for exercise, value in values.items():
        if exercise in lesson.gaps:
            text = example_text(lesson, exercise)
            if not text:
                yield f"the check of {exercise} has an example, and its text has no sentence with the word Example"
            elif missing := missing_from(text, value):
                yield f"the example of {exercise} gives {missing}, which its text does not say: {text[:100]}"


def example_text(lesson, exercise):
    """The paragraphs with the word Example between the cell before an exercise and its check, and its docstring."""
    texts = []
    for cell in lesson.notebook.cells:
        found = mark(cell)
        if found and found.kind == "check" and found.exercise == exercise:
            break
        if cell.cell_type == "code" and not (found and found.kind == "exercise" and found.exercise == exercise):
            texts = []
        else:
            texts.append(cell.source)
    paragraphs = re.split(r"\n\s*\n", "\n\n".join(texts))
    return "\n".join(text for text in paragraphs if re.search(r"\bexamples?\b", text, re.IGNORECASE))


def missing_from(text, value):
    """The first number or word of an encoded value that a text does not show, as shown; None when all are there."""
    shown = [match[0].replace("−", "-") for match in NUMBER.finditer(text)]
    for leaf in leaves(value):
        for number in entries(leaf):
            parts = [number.real, number.imag] if isinstance(number, complex) else [number]
            if any(not any(_shows(written, part) for written in shown) for part in parts):
                return short(number, 6)
        if leaf[0] == "s" and leaf[1] not in text:
            return repr(leaf[1])
    return None


def _shows(written, number):
    """Whether a number as written, to its last digit, is this one."""
    stated = float(written)
    if not math.isfinite(number) or not math.isfinite(stated):
        return stated == number or (math.isnan(stated) and math.isnan(number))
    mantissa, _, exponent = written.lower().partition("e")
    step = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    # A number written exactly (0.3 for the float 0.1 + 0.2) or as an integer means that number, not a rounded one.
    return abs(stated - number) <= (0.5001 * step if "." in mantissa or exponent else 1e-12 + 1e-9 * abs(number))
