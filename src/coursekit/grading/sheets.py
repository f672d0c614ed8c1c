"""Tables that a teacher writes, as any spreadsheet saves CSV."""

import csv
import io
import re

from coursekit.lessons.errors import NotebookError


def lines_of(text, name):
    """(number of the line, stripped cells) of each line of a CSV that is not empty.

    Commas, semicolons or tabs, as the first line has them; ends of lines as any system writes them. NotebookError names
    the line that is no CSV.
    """
    text = re.sub(r"\r\n?", "\n", text.lstrip("\ufeff"))
    first = text.lstrip().partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        for line in lines:
            if any(cells := [cell.strip() for cell in line]):
                yield lines.line_num, cells
    except csv.Error as error:
        raise NotebookError(f"{name}, line {lines.line_num}: {error}; is a quotation mark missing?") from None
