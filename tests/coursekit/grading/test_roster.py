"""Rosters: everybody has a row, groups are people, and nobody is taken for somebody else."""

from datetime import datetime

import pytest

import toy
from coursekit.grading.enrolment import enrolled
from coursekit.grading.platforms import Learner
from coursekit.grading.roster import Person, Roster, day, read_roster, spellings
from coursekit.grading.submissions import find_submissions
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of

LESSON = toy.make_lesson()
NB = text_of(toy.notebook(toy.answered()))


def roster(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "class.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


TABLES = {
    "of one's own": ("name,id,email,group,due\nAda Lovelace,7,ada@x.org,A,2026-11-29\nZoë,8,,,\n",
                     [("Ada Lovelace", "7", "ada@x.org", "A"), ("Zoë", "8", "", "")]),
    "semicolons": ("\ufeffName;ID\nAda Lovelace;7\n", [("Ada Lovelace", "7", "", "")]),
    "tabs": ("Name\tID\nLovelace, Ada\t7\n", [("Lovelace, Ada", "7", "", "")]),
    "moodle": ("Identifier,Full name,Email address,Status,Group\nParticipant 4711,Ada Lovelace,a@x.org,No,Team 1\n",
               [("Ada Lovelace", "4711", "a@x.org", "Team 1")]),
    "canvas": ('Student,ID,SIS User ID,SIS Login ID,Section\n"    Points Possible",,,,\n"Lovelace, Ada",7,s7,ada1,1\n'
               '"Student, Test",99,,,\n', [("Lovelace, Ada", "7", "", "")]),
    "gradescope": ("First Name,Last Name,SID,Email,Section\nAda,Lovelace,4711,a@x.org,1\n",
                   [("Ada Lovelace", "", "a@x.org", "")]),
    "brightspace": ("OrgDefinedId,Username,Last Name,First Name,Email\n#4711,#ada1,Lovelace,Ada,a@x.org\n",
                    [("Ada Lovelace", "", "a@x.org", "")]),
    "github classroom": ('"identifier","github_username","github_id","name"\n"ada1","octo","123","Ada"\n',
                         [("Ada", "ada1", "", "")]),
    "only addresses": ("email\na@x.org\n", [("a@x.org", "", "a@x.org", "")]),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_rosters_of_platforms(table, tmp_path):
    text, wanted = TABLES[table]
    for encoding in ("utf-8", "utf-16"):
        found = roster(tmp_path, text, encoding)
        assert [(p.name, p.id, p.email, p.group) for p in found] == wanted


def test_an_extension(tmp_path):
    [ada] = roster(tmp_path, "name,due\nAda,2026-11-29T17:30\n")
    assert ada.due == datetime(2026, 11, 29, 17, 30)
    assert day("2026-11-29", "x") == datetime(2026, 11, 29, 23, 59, 59)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Ada,Lovelace\nEmmy,Noether\n", "has no line of headings that says who is who"),
        ("", "has no line of headings"),
        ("name\n", "has headings and nobody below them"),
        ("name,id\nAda,7\nEmmy,7\n", r"has Emmy \(7\) twice"),
        ("name\nAda\nAda\n", "has Ada twice"),
        ("name,due\nAda,tomorrow\n", r"line 2: 'tomorrow' is no time"),
    ],
)
def test_what_is_no_roster_is_one_sentence(text, says, tmp_path):
    with pytest.raises(NotebookError, match=says):
        roster(tmp_path, text)
    with pytest.raises(NotebookError, match="is not there"):
        read_roster(tmp_path / "nowhere.csv")
    (tmp_path / "class.csv").write_bytes("name\nZoë\n".encode("latin-1"))
    with pytest.raises(NotebookError, match="not UTF-8 text"):
        read_roster(tmp_path / "class.csv")


@pytest.mark.parametrize(
    ("a", "b"),
    [("Lovelace, Ada", "Ada Lovelace"), ("lovelaceada", "Ada Lovelace"), ("ada LOVELACE", "Ada Lovelace"),
     ("Zoë", "Zoe\u0308"), ("Berg, Jan van der", "Jan van der Berg"), ("vanderbergjan", "van der Berg, Jan"),
     ("Gödel, Kurt", "kurt godel")],
)  # fmt: skip
def test_spellings_of_one_name_meet(a, b):
    assert spellings(a) & spellings(b)


def test_spellings_of_two_names_do_not():
    assert not spellings("Ada Lovelace") & spellings("Ada Love")
    assert spellings("---") == set()


PEOPLE = [
    Person("Ada Lovelace", "4711", ("ada1",), "ada@x.org", "Team 1"),
    Person("Emmy Noether", "12", ("emmy",), "", "Team 1"),
    Person("Kurt Gödel", "13", (), "", "Team 2"),
    Person("Li Wei", "20"),
    Person("Wei Li", "21"),
]


@pytest.mark.parametrize(
    ("learner", "ids"),
    [
        (Learner("Ada Lovelace", "4711", platform="Moodle"), ["4711"]),
        (Learner("Participant", "12", platform="Moodle"), ["12"]),
        (Learner("Team 1", "12", platform="Moodle"), []),
        (Learner("Kurt Gödel", "4711", platform="Moodle"), []),
        (Learner("lovelaceada", "999", platform="Canvas"), ["4711"]),
        (Learner("anything", "13", platform="Canvas"), ["13"]),
        (Learner("ada1"), ["4711"]),
        (Learner("Ada", "", email="ada@x.org", platform="Gradescope"), ["4711"]),
        (Learner("Li Wei"), ["20", "21"]),
        (Learner("Li Wei", "21", platform="Canvas"), ["21"]),
        (Learner("Nobody"), []),
    ],
)
def test_a_learner_is_found_by_what_the_platform_calls_them(learner, ids):
    assert [person.id for person in Roster(PEOPLE).find(learner)] == ids


def test_groups_of_moodle_are_their_members_and_their_number_is_nobodys():
    group, ada = Learner("Team 1", "12", "Team 1_12_assignsubmission_file_", platform="Moodle"), object()
    found = enrolled([(group, ada)], Roster(PEOPLE))
    rows = {known.label: (known.number, known.handle, known.note) for _, known in found.groups}
    assert rows == {
        "Ada Lovelace (4711)": (
            "4711", "Ada Lovelace_4711_assignsubmission_file_", "handed in by Team 1, together with Emmy Noether"),
        "Emmy Noether (12)": (
            "12", "Emmy Noether_12_assignsubmission_file_", "handed in by Team 1, together with Ada Lovelace"),
    }  # fmt: skip
    assert [person.name for person in found.absent] == ["Kurt Gödel", "Li Wei", "Wei Li"]


def test_without_a_roster_a_number_of_moodles_is_nobodys_unless_the_teacher_says_so():
    ada = Learner("Ada Lovelace", "4711", "Ada Lovelace_4711_assignsubmission_file_", platform="Moodle")
    [(_, known)] = enrolled([(ada, None)]).groups
    assert known.number == ""
    [(_, known)] = enrolled([(ada, None)], individual=True).groups
    assert (known.number, known.handle) == ("4711", ada.handle)
    [(_, known)] = enrolled([(ada, None)], Roster([Person("Emmy", "4711")]), individual=True).groups
    assert (known.number, known.note) == ("", "not on the roster")


def test_who_handed_in_nothing_has_a_row_and_it_is_told(tmp_path):
    for name in ("Ada Lovelace", "Li Wei", "Stranger"):
        (tmp_path / "x" / name).mkdir(parents=True)
        (tmp_path / "x" / name / "01_sums.ipynb").write_text(NB)
    found = find_submissions(tmp_path / "x", LESSON, roster=Roster(PEOPLE))
    rows = {s.learner: (s.absent, s.problem) for s in found.submissions}
    nothing = (True, "nothing was handed in")
    assert rows == {"Ada Lovelace": (False, ""), "Li Wei": (False, ""), "Stranger": (False, ""),
                    "Emmy Noether (12)": nothing, "Kurt Gödel (13)": nothing, "Li Wei (20)": nothing,
                    "Wei Li (21)": nothing}  # fmt: skip
    said = "\n".join(found.told())
    assert "3 learners, by the names of their files" in said
    assert "4 on the roster handed in nothing: Emmy Noether (12)," in said
    assert "Li Wei may be any of Li Wei (20), Wei Li (21) on the roster: nobody's" in said
    assert "2 not on the roster: Li Wei, Stranger" in said


def test_two_names_of_one_person_are_one_row(tmp_path):
    for name in ("Ada Lovelace.ipynb", "ada1.ipynb", "Zoe.ipynb"):
        (tmp_path / name).write_text(NB)
    found = find_submissions(tmp_path, LESSON, roster=Roster(PEOPLE[:1]))
    assert [s.learner for s in found.submissions] == ["Ada Lovelace", "Zoe"]
    assert "Ada Lovelace and ada1 are one person on the roster, Ada Lovelace (4711): one row" in "\n".join(found.told())
