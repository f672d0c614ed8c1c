"""The size of a lesson: words, cells, lines, exercises, mistakes."""

import re
import statistics

from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import mistakes
from coursekit.lessons.notebook import code_cells

HEADER = f"{'lesson':28} words  code  median  max  words/line  exercises  mistakes"


def sizes(lesson):
    """Words of prose, code cells, median and longest cell, words per line of code; practice questions not counted."""
    prose = re.split(r"^## Practice questions", lesson.prose, flags=re.MULTILINE)[0]
    lines = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code_cells(lesson.notebook)]
    words = len(re.findall(r"\b\w+\b", re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " ", prose, flags=re.DOTALL)))
    return {
        "words": words,
        "cells": len(lines),
        "median": statistics.median(lines),
        "longest": max(lines),
        "density": words / sum(lines),
        "exercises": len(lesson.gaps),
    }


def row(course, lesson):
    """One line of the table that `course stats` prints."""
    size = sizes(lesson)
    try:
        named = len(mistakes(course.solutions(lesson)))
    except NotebookError:
        named = "-"
    return (
        f"{lesson.name:28} {size['words']:5}  {size['cells']:4}  {size['median']:6.1f}  {size['longest']:3}"
        f"  {size['density']:10.1f}  {size['exercises']:9}  {named:8}"
    )
