"""Whether two outputs of a cell agree, as a reader would judge it.

Text agrees word by word, numbers to the last printed digit; figures by what they draw. Where a recording knows how far
a number moves under another arithmetic (`shake`), it may move as far again and twice more.
"""

import base64
import functools
import io
import itertools
import json
import re
from importlib import metadata

import numpy as np

from coursekit.checking.checks import VERDICT_MIME
from coursekit.lessons.notebook import WIDGET_MIME

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
POWER = r"10(?P<power>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
NUMBER = re.compile(rf"(?<![\w.])[-+−]?(?:(?:\d+\.?\d* × )?{POWER}|\d+\.?\d*(?:[eE][-+]?\d+)?)")
MARGIN = 3  # an arithmetic that was not tried may move a number further than those that were
STROKE = 0.003  # of a figure's width or height: too little for a reader to see
FREE = "free"  # a figure that another arithmetic draws with other lines: only its words are compared


def outputs_agree(got, recorded, moves=None):
    """Return None when two lists of outputs agree, else a sentence on the first difference.

    moves: as `moved` returns them, what each part of the outputs may do beyond its last printed digit.
    """
    got, recorded, moves = list(parts(got)), list(parts(recorded)), moves or {}
    for k, pair in enumerate(itertools.zip_longest(got, recorded, fillvalue=(None, None))):
        (kind, new), (old_kind, old) = pair
        if kind != old_kind:
            return f"shows {kind or 'nothing more'} where {old_kind or 'nothing more'} was recorded"
        if said := _difference(kind, new, old, moves.get(str(k), {})):
            return said
    return None


def moved(got, recorded):
    """How far each part of some outputs lies from a recording: {part: {number or curve: distance}}, and sentences.

    The sentences name differences that are not numerical: a word, a line more or less.
    """
    got, recorded = list(parts(got)), list(parts(recorded))
    moves, otherwise = {}, []
    for k, pair in enumerate(itertools.zip_longest(got, recorded, fillvalue=(None, None))):
        (kind, new), (old_kind, old) = pair
        if kind != old_kind:
            otherwise.append(f"shows {kind or 'nothing more'} where {old_kind or 'nothing more'} was recorded")
            continue
        if new == old:
            continue
        figures = [_drawn(text) if kind == "text/html" else None for text in (new, old)]
        if figures[1] is None:
            found, said = _text_moves(str(new), str(old))
        else:
            found, said = _figure_moves(*figures)
        otherwise += said
        if found:
            moves[str(k)] = found
    return moves, otherwise


def together(moves, more):
    """The larger of two distances, part by part."""
    for part, found in more.items():
        own = moves.setdefault(part, {})
        for name, far in found.items():
            own[name] = FREE if FREE in (far, own.get(name)) else max(far, own.get(name, 0.0))
    return moves


def parts(outputs):
    """(stream name or MIME type, content) of each output; consecutive writes to one stream are one."""
    # A progress bar may stand between two pieces of one stream; it is never stored.
    outputs = [output for output in outputs if WIDGET_MIME not in output.get("data", {})]
    for kind, group in itertools.groupby(outputs, key=lambda output: output.get("name", "")):
        group = list(group)
        if kind:
            yield kind, "".join(output["text"] for output in group)
            continue
        for output in group:
            data = output.get("data", {})
            if output["output_type"] == "error":
                yield "error", f"{output['ename']}: {output['evalue']}"
            elif VERDICT_MIME in data:
                yield "text/plain", data["text/plain"]
            else:
                yield from sorted(data.items())


def _difference(kind, new, old, moves):
    if new == old:
        return None
    if kind == "image/png":
        return None if _pictures_agree(new, old) else "shows a picture that differs from the recorded one"
    if kind == "text/html" and (figure := _drawn(old)) is not None:
        return _figure_difference(_drawn(new), figure, moves)
    new, old = str(new), str(old)
    return None if texts_agree(new, old, moves) else f"{kind} differs: {_first_difference(new, old)}"


@functools.cache
def _readers():
    """The functions with which installed packages read their own figures: entry points in the group coursekit.drawn."""
    return [point.load() for point in metadata.entry_points(group="coursekit.drawn")]


def _drawn(text):
    """({curve: array}, words) of a figure in HTML; None where no reader knows it."""
    return next((found for reader in _readers() if (found := reader(text)) is not None), None)


def _figure_difference(new, old, moves):
    if new is None:
        return "shows no figure where one was recorded"
    (curves, words), (old_curves, old_words) = new, old
    if not texts_agree(words, old_words, moves):
        return f"a figure's words differ: {_first_difference(words, old_words)}"
    if FREE in moves.values():
        return None
    if [(n, c.shape) for n, c in curves.items()] != [(n, c.shape) for n, c in old_curves.items()]:
        return f"a figure draws {len(curves)} lines, recorded {len(old_curves)}, or lines of other lengths"
    for name, curve in curves.items():
        far = _distance(curve, old_curves[name])
        if far > STROKE + MARGIN * moves.get(name, 0.0):
            return f"a figure's {name} runs elsewhere: {far:.1%} of the figure away from where it was recorded"
    return None


def _distance(curve, other):
    """The largest distance of two curves, infinite where one has a value and the other has none."""
    same = (curve == other) | (np.isnan(curve) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        far = np.where(same, 0.0, np.abs(curve - other))
    return float(np.where(np.isnan(far), np.inf, far).max(initial=0.0))


def _figure_moves(new, old):
    if new is None:
        return {}, ["shows no figure where one was recorded"]
    (curves, words), (old_curves, old_words) = new, old
    found, said = _text_moves(words, old_words)
    if [(n, c.shape) for n, c in curves.items()] != [(n, c.shape) for n, c in old_curves.items()]:
        return found | {"lines": FREE}, said
    distances = {name: _distance(curve, old_curves[name]) for name, curve in curves.items()}
    if not np.isfinite(list(distances.values())).all():
        return found | {"lines": FREE}, said
    return found | {name: _short(far) for name, far in distances.items() if far > STROKE}, said


def _text_moves(new, old):
    numbers, old_numbers = _numbers(new), _numbers(old)
    if _frame(new) != _frame(old):
        return {}, [_first_difference(new, old)]
    pairs = enumerate(zip(numbers, old_numbers, strict=True))
    return {str(k): _short(abs(value(a) - value(b))) for k, (a, b) in pairs if value(a) != value(b)}, []


def _numbers(text):
    return [found[0] for found in NUMBER.finditer(text)]


def value(number):
    """The value of a printed number: 2.35, −1.2e-06, 3.1 × 10⁻⁷, 10⁵."""
    number = number.replace("−", "-")
    lead, times, power = number.rpartition(" × ")
    if found := re.fullmatch(f"([-+]?){POWER}", power):
        return float(f"{lead if times else found[1] + '1'}e{found['power'].translate(SUPERSCRIPTS)}")
    return float(number)


def _short(distance):
    return float(f"{distance:.3g}")


def texts_agree(new, old, moves=None):
    """Whether texts agree; a number may differ by one unit in its last printed digit and by its recorded moves.

    moves: {position of the number among the text's: distance}, as a recording keeps it.
    """
    if new == old:
        return True
    if _frame(new) != _frame(old):
        return False
    pairs = enumerate(zip(_numbers(new), _numbers(old), strict=True))
    return all(_numbers_agree(a, b, MARGIN * (moves or {}).get(str(k), 0.0)) for k, (a, b) in pairs)


def _frame(text):
    """The text between its numbers; a column may be wider by a space where a number has a digit more."""
    return [re.sub(" +", " ", piece) for piece in NUMBER.sub("\0", text).split("\0")]


def _numbers_agree(new, old, move):
    if new == old:
        return True
    far = abs(value(new) - value(old))
    return far <= 1.001 * move or (unit(new) == unit(old) and far <= 1.001 * unit(old))


def unit(number):
    """The size of the last printed digit: 0.01 for "2.35", 1e-7 for "1.2e-06", 0 for an integer or 10⁵ (exact)."""
    mantissa, _, exponent = number.lower().partition("e")
    if " × " in number:
        mantissa, _, power = number.partition(" × 10")
        exponent = power.translate(SUPERSCRIPTS)
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not exponent:
        return 0.0
    return 10.0 ** (int(exponent or 0) - decimals)


def _pictures_agree(new, old):
    """Whether two PNG pictures are alike: same size, at most one pixel in 200 visibly different."""
    if new == old:
        return True
    from PIL import Image

    a, b = (np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB"), dtype=int) for p in (new, old))
    return a.shape == b.shape and float((abs(a - b).max(axis=-1) > 8).mean()) <= 0.005


def _first_difference(new, old):
    """The place where two texts begin to differ, with the text around it."""
    for line, other in itertools.zip_longest(new.splitlines(), old.splitlines(), fillvalue=""):
        if not texts_agree(line, other):
            unequal = (k for k, (a, b) in enumerate(zip(line, other, strict=False)) if a != b)
            start = max(0, next(unequal, min(len(line), len(other))) - 40)
            shown = ["…" * (start > 0) + text[start : start + 120] for text in (line, other)]
            return f"{shown[0]!r}, recorded {shown[1]!r}"
    return "line endings"


def recorded_moves(folder, name):
    """How far a lesson's numbers move, as recorded: {cell: {part: {number or curve: distance}}}; none is {}."""
    try:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
