"""The size of a lesson: words, cells, lines, exercises, mistakes, and the minutes that follow from them."""

import math
import re
import statistics

from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import mistakes
from coursekit.lessons.folding import folded
from coursekit.lessons.notebook import code_cells, mark

HEADER = f"{'lesson':28} words  code  median  max  words/line  exercises  mistakes  minutes   ★"

# A rule of thumb for the minutes that a lesson takes: what one reads in a minute, and what other things take.
WORDS, LINES = 200, 15
EXERCISE, QUESTION, FIGURE = 4, 1, 1
STAR = "★"  # before the heading of a section that can wait


def sizes(lesson):
    """Words of prose, code cells, median and longest cell, words per line of code; practice questions not counted."""
    prose = re.split(r"^## Practice questions", lesson.prose, flags=re.MULTILINE)[0]
    lines = [len(_lines(cell)) for cell in code_cells(lesson.notebook)]
    words = _words(prose)
    return {
        "words": words,
        "cells": len(lines),
        "median": statistics.median(lines),
        "longest": max(lines),
        "density": words / sum(lines),
        "exercises": len(lesson.gaps),
    }


def _words(text):
    """How many words there are in a text without its formulas."""
    return len(re.findall(r"\b\w+\b", re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " ", text, flags=re.DOTALL)))


def _lines(cell):
    """The lines of a cell that are not empty, without the label of a folded one."""
    lines = [line for line in cell.source.splitlines() if line.strip()]
    return lines[1:] if folded(cell) else lines


def minutes(lesson):
    """(minutes for what everybody reads, minutes for the sections marked ★), each rounded up to the next five."""
    spent, starred = [0.0, 0.0], False
    for cell in lesson.notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                starred = part.startswith(f"## {STAR}") or (starred and not part.startswith("## "))
                spent[starred] += _minutes_of_prose(part)
        elif cell.cell_type == "code":
            spent[starred] += _minutes_of(cell)
    return tuple(5 * math.ceil(round(each, 6) / 5) for each in spent)


def _minutes_of_prose(part):
    """Minutes for a section: its words', or its practice questions'; nobody reads references."""
    if part.startswith("## Practice questions"):
        return QUESTION * len(re.findall(r"^\*\*\d\. ", part, flags=re.MULTILINE))
    return 0 if part.startswith("## References") else _words(part) / WORDS


def _minutes_of(cell):
    """Minutes for a code cell: an exercise's own time, a figure's, or those of its lines; a check is not read."""
    found = mark(cell)
    if found:
        return EXERCISE if found.kind == "exercise" else 0
    return FIGURE if folded(cell) else len(_lines(cell)) / LINES


def row(course, lesson):
    """One line of the table that `course stats` prints."""
    size = sizes(lesson)
    try:
        named = len(mistakes(course.solutions(lesson)))
    except NotebookError:
        named = "-"
    core, starred = minutes(lesson)
    return (
        f"{lesson.name:28} {size['words']:5}  {size['cells']:4}  {size['median']:6.1f}  {size['longest']:3}"
        f"  {size['density']:10.1f}  {size['exercises']:9}  {named:8}"
        f"  {core:7} {starred:3}"
    )
