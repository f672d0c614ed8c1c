"""Numbers in prose, and whether a cell of the same lesson prints them."""

import math
import re

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
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
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # Practice questions argue about numbers; references have volumes and pages.
            text = re.split(r"^#+ (?:References|Practice)", cell.source, maxsplit=1, flags=re.MULTILINE)[0]
            found += [(text, line) for text, line in stated(text) if not bound(text, printed)]
    return found


def stated(text):
    """(number, line) for each decimal, power or grouped integer outside code, mathematics, links and headings."""
    text = EXEMPT.sub(lambda match: "\n" * match[0].count("\n") or " ", text)
    return [(match[0].strip(), line.strip()) for line in text.splitlines() for match in STATED.finditer(line)]


def printed_numbers(notebook):
    """Every number in the text outputs of a notebook's code cells, without its sign."""
    numbers = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            text = text.replace("−", "-").replace(",", "") if output.output_type == "stream" else text
            numbers += [abs(float(number.replace("−", "-"))) for number in PRINTED.findall(text)]
    return [number for number in numbers if math.isfinite(number)]


def bound(number, printed):
    """Whether some printed number, rounded as the prose rounds, is this one; powers of ten by their exponent."""
    match = STATED.fullmatch(number)
    if match["power"]:
        exponent, lead = int(match["power"].translate(SUPERSCRIPTS)), int(match["lead"] or 1)
        if match["lead"]:
            return any(p > 0 and round(p / 10.0**exponent) == lead for p in printed)
        return any(p > 0 and round(math.log10(p)) == exponent for p in printed)
    digits = match["number"].replace(",", "").replace(" ", "").replace("−", "-")
    mantissa, _, exponent = digits.partition("e")
    shift = int(exponent or 0) + int((match["times"] or "0").translate(SUPERSCRIPTS))
    decimals = len(mantissa.partition(".")[2])
    half = 0.5001 * 10.0**-decimals
    return any(abs(p / 10.0**shift - float(mantissa)) <= half for p in printed)
