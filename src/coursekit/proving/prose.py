"""Numbers in prose, and whether a cell of the same lesson prints them."""

import itertools
import math
import re

from coursekit.proving.comparison import NUMBER, SUPERSCRIPTS, parts, value

EXEMPT = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|\]\([^)]*\)|<[^>]+>|https?://\S+"
    r"|\b(?:doi|arXiv)[:\s]+\S+|^#[^\n]*|^\d+ min · CPU[^\n]*|\b(?:[Ll]esson|[Ee]xercise|[Ss]ection)s? [\d.]+",
    re.DOTALL | re.MULTILINE,
)
STATED = re.compile(
    r"(?<![\w.])[−-]?(?P<number>\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+\.\d+(?:e[-+−]?\d+)?|\d+e[-+−]?\d+)"
    r"(?:\s*[×·]\s*10(?P<times>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
    r"|(?<![\w.])(?:(?P<lead>\d+)\s*[×·]\s*)?10(?P<power>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
)
PRINTED = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w|\.\d)", re.IGNORECASE)


def unbound(notebook):
    """Numbers that the prose states as results and that no output of the notebook prints: [(number, line)]."""
    printed = printed_numbers(notebook)
    # Practice questions argue about numbers that nothing prints.
    claims = [(number, line) for number, line, practice in _claims(notebook) if not practice]
    return [(number, line) for number, line in claims if not bound(number, printed)]


def unsteady(notebook, moves):
    """Numbers of the prose, practice questions included, that an output prints but another arithmetic does not.

    moves: {cell: {part: {number: distance}}}, as `comparison.moved` returns them; returns [(number, line)].
    """
    printed, steady = printed_numbers(notebook), printed_numbers(notebook, moves)
    claims = [(number, line) for number, line, _ in _claims(notebook)]
    return [(number, line) for number, line in claims if bound(number, printed) and not bound(number, steady)]


def _claims(notebook):
    """(number, line, whether in a practice question) of a notebook's prose; references have volumes and pages."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.split(r"^#+ References", cell.source, maxsplit=1, flags=re.MULTILINE)[0]
            first, *practice = re.split(r"^#+ Practice", text, maxsplit=1, flags=re.MULTILINE)
            for piece, asked in ((first, False), *((text, True) for text in practice)):
                yield from ((number, line, asked) for number, line in stated(piece))


def stated(text):
    """(number, line) for each decimal, power or grouped integer outside code, mathematics, links and headings."""
    text = EXEMPT.sub(lambda match: "\n" * match[0].count("\n") or " ", text)
    return [(match[0].strip(), line.strip()) for line in text.splitlines() for match in STATED.finditer(line)]


def printed_numbers(notebook, moves=None):
    """Every number in the text outputs of a notebook's code cells, without its sign: a tuple of its possible values.

    These are its value and, where its cell's moves have a distance for it, the values that far below and above.
    """
    numbers = []
    for cell in notebook.cells:
        for k, (kind, text) in enumerate(parts(cell.get("outputs", []))):
            if kind in ("stdout", "stderr", "text/plain"):
                far = (moves or {}).get(cell.id, {}).get(str(k), {})
                texts = [text, *(_shifted(text, far, way) for way in (-1, 1) if far)]
                values = [_values(text, kind) for text in texts]
                same = len({*map(len, values)}) == 1
                numbers += zip(*values, strict=True) if same else ((value,) for value in values[0])
    return [values for values in numbers if all(map(math.isfinite, values))]


def _values(text, kind):
    text = text.replace("−", "-").replace(",", "") if kind != "text/plain" else text
    return [abs(float(number.replace("−", "-"))) for number in PRINTED.findall(text)]


def _shifted(text, far, way):
    """A text whose numbers have all moved in one direction, each by its own distance."""
    count = itertools.count()

    def shifted(match):
        key = str(next(count))
        return repr(value(match[0]) + way * far[key]) if key in far else match[0]

    return NUMBER.sub(shifted, text)


def bound(number, printed):
    """Whether some printed number, whatever it may be, is this one as the prose rounds it."""
    return any(all(_is(number, value) for value in values) for values in printed)


def _is(number, p):
    """Whether a value, rounded as the prose rounds, is this number; powers of ten agree by their exponent."""
    match = STATED.fullmatch(number)
    if match["power"]:
        exponent, lead = int(match["power"].translate(SUPERSCRIPTS)), int(match["lead"] or 1)
        if match["lead"]:
            return p > 0 and round(p / 10.0**exponent) == lead
        return p > 0 and round(math.log10(p)) == exponent
    digits = match["number"].replace(",", "").replace(" ", "").replace("−", "-")
    mantissa, _, exponent = digits.partition("e")
    shift = int(exponent or 0) + int((match["times"] or "0").translate(SUPERSCRIPTS))
    decimals = len(mantissa.partition(".")[2])
    half, scale = 0.5001 * 10.0**-decimals, 10.0**shift
    return scale > 0 and abs(p / scale - float(mantissa)) <= half  # prose may speak of 1e-1549
