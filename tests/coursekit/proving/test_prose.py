"""Numbers that the prose states are printed by a cell."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit.proving.prose import stated, unbound


def numbers(text):
    return [number for number, _ in stated(text)]


STATED = [
    ("It is 0.0154.", ["0.0154"]),
    ("It is −2.5, then 3.0e-4.", ["−2.5", "3.0e-4"]),
    ("It is 9.1 × 10⁻¹³ and 2 × 10⁻⁵ and 10⁶.", ["9.1 × 10⁻¹³", "2 × 10⁻⁵", "10⁶"]),
    ("There are 12,345 and 1 234 567 of them.", ["12,345", "1 234 567"]),
    ("After 20 people 12 % are left.", []),
    ("# Heading 1.5\nthen 2.5", ["2.5"]),
    ("### Exercise 1.5\n\n50 min · CPU 2.5 s · after\n\nthen 3.5", ["3.5"]),
    ("In `0.25`, $0.25^L$ and\n$$\n0.25\n$$\nthere is 0.75.", ["0.75"]),
    ("```\n1.5\n```\n2.5 <b title='3.5'>4.5</b>", ["2.5", "4.5"]),
    ("[text 1.5](http://x/2.5) and https://x/3.5 and doi:10.1109/72.279181", ["1.5"]),
    ("See lesson 5.1, exercises 2.2 and sections 3.3.", []),
    ("version v1.5 and x0.5", []),
]


@pytest.mark.parametrize(("text", "expected"), STATED)
def test_what_counts_as_stated(text, expected):
    assert numbers(text) == expected


def book(prose, printed):
    outputs = [new_output("stream", text=printed)]
    return new_notebook(cells=[new_markdown_cell(prose), new_code_cell("", outputs=outputs)])


BOUND = [
    ("0.0154", "by hand 0.015412345"),
    ("0.015", "0.015412345"),
    ("−2.5", "-2.512"),
    ("9.1 × 10⁻¹³", "9.0949e-13"),
    ("2 × 10⁻⁵", "2.4e-05"),
    ("10⁶", "1234567"),
    ("10⁻³", "0.0012"),
    ("12,345", "12,345"),
    ("12,345", "12345"),
    ("1.0070", "1.00695"),
    ("3.5", "[3.5, 4.5]"),
]
UNBOUND = [
    ("0.0154", "0.01546"),
    ("0.0154", "0.0155"),
    ("0.0154", "0.015"),
    ("0.015", "0.0"),
    ("9.1 × 10⁻¹³", "9.0949e-12"),
    ("2 × 10⁻⁵", "2.6e-05"),
    ("10⁶", "123456789"),
    ("12,345", "12.345"),
    ("1.0070", "1.0071"),
    ("3.5", "v3.5 3.5s 13.5 3.5.1"),
    ("3.5", ""),
    ("10⁶", "1e999 inf nan"),
    ("1.5e-1549", "0.5"),
]


@pytest.mark.parametrize(("prose", "printed"), BOUND)
def test_bound(prose, printed):
    assert unbound(book(f"It is {prose}.", printed)) == []


@pytest.mark.parametrize(("prose", "printed"), UNBOUND)
def test_unbound(prose, printed):
    assert [number for number, _ in unbound(book(f"It is {prose}.", printed))] == [prose]


def test_a_value_that_a_cell_shows_counts_as_printed():
    notebook = book("It is 3.5 and 4.5.", "")
    notebook.cells[1].outputs = [new_output("execute_result", {"text/plain": "[3.5, 4.5]"})]
    assert unbound(notebook) == []


def test_a_heading_exempts_only_itself():
    assert unbound(book("## Part 1.5\n\nIt is 2.5.", "")) == [("2.5", "It is 2.5.")]


def test_practice_and_references_may_argue_with_numbers():
    assert unbound(book("It is 1.5.\n\n## Practice questions\n\n2.5\n\n## References\n\n3.5", "1.5")) == []
