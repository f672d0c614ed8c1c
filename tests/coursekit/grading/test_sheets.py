"""Tables that a teacher writes, as spreadsheets save them, and what is none."""

import pytest

from coursekit.grading.sheets import lines_of
from coursekit.lessons.errors import NotebookError


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_whatever_a_spreadsheet_writes(comma, end):
    text = "\ufeff" + end.join([f"learner{comma}comment", "", f' ada {comma}"two{end}lines"', f"{comma}"]) + end
    assert list(lines_of(text, "x.csv")) == [(1, ["learner", "comment"]), (4, ["ada", "two\nlines"])]


def test_what_is_no_table_is_one_sentence():
    with pytest.raises(NotebookError, match=r"x\.csv, line 2: field larger .* is a quotation mark missing\?"):
        list(lines_of('learner,comment\nada,"' + "x" * 200_000, "x.csv"))
    assert list(lines_of("", "x.csv")) == []
