"""`shake` runs a lesson under every arithmetic that this machine can imitate, and finds what changes.

A recording keeps how far each number moved, so that a run on another processor is compared only by what is stable. A
word, a verdict or a number of the prose that changes is not a result: the recording is refused.
"""

import hashlib
import json
from dataclasses import dataclass

from coursekit.lessons.fill import fill, reference
from coursekit.lessons.notebook import code_cells, first_line, mark
from coursekit.proving import arithmetics, kernels
from coursekit.proving.comparison import moved, together

FOLDER = "arithmetic"  # below expected/


@dataclass
class Shaken:
    """The changes that some arithmetics made to a recorded notebook.

    moves     {cell: {part: {number or curve: the largest distance}}}
    otherwise [(arithmetic, first line of the cell, sentence)]: what changed and is no number
    """

    moves: dict
    otherwise: list


def played(every=False):
    """The names of the arithmetics that a recording tries, or of all of them."""
    return [name for name in arithmetics.ARITHMETICS if every or name in arithmetics.RECORDED]


def shaken(lesson, solutions, expected, notebook, every=False):
    """Run a lesson with its solutions under other arithmetics and compare with a notebook that was recorded."""
    found, filled = Shaken({}, []), fill(lesson, reference(solutions))
    for arithmetic in played(every):
        ran = kernels.run(filled, expected, arithmetic=arithmetic)
        for cell, again in zip(code_cells(notebook), code_cells(ran), strict=True):
            moves, otherwise = moved(again.outputs, cell.outputs)
            if moves:
                together(found.moves.setdefault(cell.id, {}), moves)
            found.otherwise += [(arithmetic, first_line(cell.source), sentence) for sentence in otherwise]
    return found


def digest(notebook):
    """What a shake depends on: the code and what it showed; prose, order of keys and words of checks do not matter."""
    cells = [[cell.source, cell.outputs] for cell in code_cells(notebook) if not is_check(cell)]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def is_check(cell):
    """Whether a cell is a check, whose verdict the proof `answers` tries under another arithmetic."""
    return mark(cell) is not None and mark(cell).kind == "check"


def known(path, notebook):
    """The text of a shake's record where it belongs to this notebook, else None."""
    try:
        text = path.read_text(encoding="utf-8")
        return text if json.loads(text)["of"] == digest(notebook) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_text(notebook, moves):
    """The text of `expected/arithmetic/NN_name.json`."""
    tried, made = played(), arithmetics.provenance()
    record = {"of": digest(notebook), "arithmetics": tried, "recorded with": made, "cells": moves}
    return json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def lines(lesson, found):
    """A shake as lines for an author: one for each number or curve that moved, and one for every other change."""
    sources = {cell.id: first_line(cell.source) for cell in code_cells(lesson.notebook)}
    for cell, parts in found.moves.items():
        for part, numbers in parts.items():
            told = ", ".join(f"{name}: {far}" for name, far in numbers.items())
            yield f"{sources[cell][:60]} [{part}] moves: {told[:200]}"
    for arithmetic, source, sentence in found.otherwise:
        yield f"{source[:60]} under {arithmetic}: {sentence}"
