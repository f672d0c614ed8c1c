"""The gradebook: what a spreadsheet and a learning platform read, and what the teacher decides."""

import csv
import io

import pytest

import toy
from coursekit.grading import gradebook
from coursekit.grading.gradebook import Decision, Row
from coursekit.grading.judging import Outcome
from coursekit.lessons.errors import NotebookError

LESSON = toy.make_lesson()


def row(learner="Ada (7)", one="right", two="wrong", **more):
    outcomes = [
        Outcome("1.1", 1 if one == "right" else 0, 1, one, "" if one == "right" else "why"),
        Outcome("1.2", 3 if two == "right" else 0, 3, two, "", open=True),
    ]
    name, _, number = learner.partition(" (")
    return Row(learner, outcomes, name=name, **{"id": number.rstrip(")"), "file": "a.ipynb"} | more)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_a_learner_and_a_column_an_exercise():
    rows = [row(), row("Žofie", two="right"), row("Bo", one="blank", decided={"1.2": Decision(1.5, "half")}, late=True)]
    found = read(gradebook.grades(rows, LESSON, {r.learner: f"{r.name}.html" for r in rows}))
    assert [list(line.values()) for line in found] == [
        ["Ada (7)", "7", "a.ipynb", "", "1", "0", "1", "4", "graded", "1.2 wrong:", "Ada.html"],
        ["Žofie", "", "a.ipynb", "", "1", "3", "4", "4", "look", "1.2 right, to be looked at", "Žofie.html"],
        [
            "Bo", "", "a.ipynb", "late", "0", "1.5", "1.5", "4", "graded",
            "1.1 blank: why; 1.2 decided by hand: half", "Bo.html",
        ],
    ]  # fmt: skip
    assert list(found[0])[4:6] == ["1.1", "1.2"]


STATUS = [
    ("right", "wrong", {}, "graded"),
    ("right", "right", {}, "look"),
    ("right", "right", {"1.2": Decision(3)}, "graded"),
    ("lost", "right", {}, "stopped"),
    ("lost", "wrong", {"1.1": Decision(1)}, "graded"),
    ("unreadable", "unreadable", {}, "unreadable"),
    ("failed", "failed", {}, "failed"),
    ("blank", "missing", {}, "graded"),
]


@pytest.mark.parametrize(("one", "two", "decided", "status"), STATUS)
def test_the_status_of_a_row(one, two, decided, status):
    assert row(one=one, two=two, decided=decided).status == status


def test_an_unreadable_notebook_has_one_reason():
    outcomes = [Outcome(e, 0, 1, "unreadable", "it is empty") for e in ("1.1", "1.2")]
    assert Row("Ada", outcomes, note="of 2 notebooks this one counts").reason == (
        "of 2 notebooks this one counts; it is empty"
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n-2+3", "\x00=1", "\u2028=1"]
)
def test_no_cell_is_a_formula(text):
    (line,) = csv.reader(io.StringIO(gradebook.table([text], [])))
    assert line[0].startswith("'")
    assert "\n" not in line[0]


@pytest.mark.parametrize("text", ["Ada", "5.1 wrong: -3", "ada@example.org", "", "'quoted'", 'a,b"c'])
def test_other_text_stays_as_it_is(text):
    assert next(csv.reader(io.StringIO(gradebook.table([text, "x"], []))))[0] == text


def test_a_hostile_name_and_reason_are_harmless_everywhere():
    bad = '=HYPERLINK("http://x")\n@evil'
    rows = [row(f"{bad} (7)", file=bad, note=bad)]
    for text in (
        gradebook.grades(rows, LESSON, {rows[0].learner: bad}),
        gradebook.canvas(rows, bad),
        gradebook.moodle(rows),
        gradebook.manifest([]),
    ):
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_canvas_gets_the_columns_that_it_insists_on():
    text = gradebook.canvas([row(), row("Zoë", two="right"), row("Eve", one="failed", two="failed")], "Sums (99)")
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Sums (99)"]
    assert lines[1] == ["Points Possible", "", "", "", "", "4"]
    assert lines[2:] == [["Ada", "7", "", "", "", "1"], ["Zoë", "", "", "", "", "4"]]


def test_moodle_gets_a_worksheet_of_those_it_knows():
    found = read(gradebook.moodle([row(), row("Zoë", two="right"), row("Eve (8)", one="failed", two="failed")]))
    assert found == [
        {
            "Identifier": "Participant 7",
            "Full name": "Ada",
            "Grade": "1",
            "Maximum Grade": "4",
            "Last modified (grade)": "",
            "Feedback comments": "1.1: 1 of 1; 1.2: 0 of 3",
        }
    ]


def test_moodle_gets_the_teachers_comments():
    decided = {"1.1": Decision(0.5, "nearly"), "1.2": Decision(2)}
    (line,) = read(gradebook.moodle([row(decided=decided)]))
    assert (line["Grade"], line["Feedback comments"]) == ("2.5", "1.1: 0.5 of 1 (nearly); 1.2: 2 of 3")


def test_moodle_gets_the_one_reason_of_what_was_not_judged():
    outcomes = [Outcome(e, 0, 1, "unreadable", "it is empty") for e in ("1.1", "1.2")]
    for decided, comment in (
        ({}, "it is empty"),
        ({"1.2": Decision(1, "on paper")}, "it is empty; 1.2: 1 of 1 (on paper)"),
    ):
        (line,) = read(gradebook.moodle([Row("Ada (7)", outcomes, id="7", decided=decided)]))
        assert line["Feedback comments"] == comment


LEARNERS = {"Ada (7)", "=Eve", "Zoë"}


def decisions(text):
    return gradebook.read_decisions(text, "overrides.csv", LESSON, LEARNERS)


@pytest.mark.parametrize(
    "text",
    [
        'learner,exercise,points,comment\nAda (7),1.2,2.5,"nearly, but"\n\n\'=Eve,1.1,0\n',
        "\ufeffLearner;Exercise;Points;Comment\r\nAda (7);1.2;2,5;nearly, but\r\n;;;\r\n=Eve;1.1;0;\r\n",
        'comment,points,exercise,learner,mine\n"nearly, but",2.5, 1.2 ,Ada (7),x\n,0,1.1,=Eve,\n',
    ],
)
def test_decisions_as_spreadsheets_save_them(text):
    assert decisions(text) == {"Ada (7)": {"1.2": Decision(2.5, "nearly, but")}, "=Eve": {"1.1": Decision(0)}}


def test_no_decisions():
    assert decisions("") == decisions("learner,exercise,points,comment\n") == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("Adaa,1.1,1", "line 2: nobody called 'Adaa' handed in; manifest.csv has the names."),
        ("Zoë,1.9,1", "line 2: there is no exercise '1.9' in lesson 01."),
        ("Zoë,1.1,two", "line 2: points are a number from 0 to 1, not 'two'."),
        ("Zoë,1.1,2", "line 2: points are a number from 0 to 1, not '2'."),
        ("Zoë,1.1,nan", "line 2: points are a number from 0 to 1, not 'nan'."),
        ("Zoë,1.1,-1", "line 2: points are a number from 0 to 1, not '-1'."),
        ("Zoë,1.1", "line 2: points are a number from 0 to 1, not ''."),
    ],
)
def test_a_decision_that_cannot_be_is_one_sentence(line, sentence):
    with pytest.raises(NotebookError) as error:
        decisions(f"learner,exercise,points\n{line}\n")
    assert str(error.value) == f"overrides.csv, {sentence}"


@pytest.mark.parametrize("line", ["Ada (7),1.1,1,Zoë,1.1,1,", "Ada (7),1.2,2,nearly, but"])
def test_nothing_of_a_line_is_left_out_unsaid(line):
    """Two decisions that ran into one line are not one, and a comment is not cut at its comma."""
    with pytest.raises(NotebookError, match=r"overrides\.csv, line 2 has more cells than headings"):
        decisions(f"learner,exercise,points,comment\n{line}\n")


def test_a_sheet_without_headings_is_one_sentence():
    with pytest.raises(NotebookError, match="its first line should be learner,exercise,points,comment"):
        decisions("Ada (7),1.2,3\n")
