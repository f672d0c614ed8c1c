"""Whether two outputs of a cell agree: text word by word, numbers to the last printed digit, pictures by pixel."""

import base64
import io
import itertools
import re

from coursekit.lesson import WIDGET_MIME

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")


def outputs_agree(got, recorded):
    """Return None when two lists of outputs agree, else a sentence on the first difference."""
    got, recorded = list(_parts(got)), list(_parts(recorded))
    for (kind, new), (old_kind, old) in itertools.zip_longest(got, recorded, fillvalue=(None, None)):
        if kind != old_kind:
            return f"shows {kind or 'nothing more'} where {old_kind or 'nothing more'} was recorded"
        if kind == "image/png":
            if not _pictures_agree(new, old):
                return "shows a picture that differs from the recorded one"
        elif not texts_agree(str(new), str(old)):
            return f"{kind} differs: {_first_difference(str(new), str(old))}"
    return None


def _parts(outputs):
    """(stream name or MIME type, content) of each output; consecutive writes to one stream are one."""
    for kind, group in itertools.groupby(outputs, key=lambda output: output.get("name", "")):
        group = list(group)
        if kind:
            yield kind, "".join(output["text"] for output in group)
            continue
        for output in group:
            if output["output_type"] == "error":
                yield "error", f"{output['ename']}: {output['evalue']}"
            if WIDGET_MIME not in output.get("data", {}):
                yield from sorted(output.get("data", {}).items())


def texts_agree(new, old):
    """Whether texts agree, a number being allowed one unit in its last printed digit.

    A machine with other vector instructions rounds the last bit differently, which now and then turns the last
    digit of a printed number.
    """
    if new == old:
        return True
    if NUMBER.split(new) != NUMBER.split(old):
        return False
    return all(map(_numbers_agree, NUMBER.findall(new), NUMBER.findall(old)))


def _numbers_agree(new, old):
    return new == old or (unit(new) == unit(old) and abs(float(new) - float(old)) <= 1.001 * unit(old) > 0)


def unit(number):
    """The size of the last printed digit: 0.01 for "2.35", 1e-7 for "1.2e-06", 0 for an integer (exact)."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not exponent:
        return 0.0
    return 10.0 ** (int(exponent or 0) - decimals)


def _pictures_agree(new, old):
    """Whether two PNG pictures are alike: same size, at most one pixel in 200 visibly different."""
    if new == old:
        return True
    import numpy as np
    from PIL import Image

    a, b = (np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB"), dtype=int) for p in (new, old))
    return a.shape == b.shape and float((abs(a - b).max(axis=-1) > 8).mean()) <= 0.005


def _first_difference(new, old):
    for line, other in itertools.zip_longest(new.splitlines(), old.splitlines(), fillvalue=""):
        if not texts_agree(line, other):
            return f"{line[:120]!r}, recorded {other[:120]!r}"
    return "line endings"
