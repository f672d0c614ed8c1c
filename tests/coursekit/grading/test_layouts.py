"""Layouts: a row a learner, whatever platform named the files, and whatever they lie in."""

import io
import os
import random
import unicodedata
import zipfile

import pytest

import toy
from coursekit.grading.roster import Person, Roster
from coursekit.grading.submissions import collect_submissions, find_submissions
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of

LESSON = toy.make_lesson()
BLANK = text_of(toy.notebook(toy.LESSON))
ANSWERED = text_of(toy.notebook(toy.answered()))
OTHER = BLANK.replace(": 1.", ": 2.")


def answers(text):
    """A notebook in which the first answer says something of its own."""
    return ANSWERED.replace("np.sum(values**2)", f"np.sum(values**2) + len('{text}')")


METADATA = """---
submission_111:
  :submitters:
  - :name: Ada Lovelace
    :sid: '4711'
    :email: ada@example.org
  :created_at: 2026-11-29 17:20:05.123456000 Z
  :score: 0.0
  :history: []
submission_222:
  :submitters:
  - :name: Emmy Noether
    :sid:
    :email: emmy@example.org
  - :name: Kurt Gödel
    :sid: '12'
  :created_at: &1 !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-11-29 17:20:05 Z
  :updated_at: *1
submission_333:
  :submitters:
  - :name: Maria Gaetana
    :sid: '13'
"""
BLACKBOARD_TEXT = "Name: {} ({})\nAssignment: Sums\nDate Submitted: Sunday\n\nSubmission Field:\nName: Eve (eve)\n"
NB = ANSWERED
EXPORTS = {
    "moodle": (
        {"Ada Lovelace_4711_assignsubmission_file/01_sums.ipynb": NB,
         "Emmy N_2_assignsubmission_file_/a/01.ipynb": NB,
         "Default group_assignsubmission_file/01_sums.ipynb": NB},
        {"Ada Lovelace (4711)", "Emmy N (2)", "Default group"},
    ),
    "moodle without folders": (
        {"Ada Lovelace_4711_assignsubmission_file_01_sums.ipynb": NB,
         "Emmy N_2_assignsubmission_file_01_sums.ipynb": NB,
         "Emmy N_2_assignsubmission_onlinetext_onlinetext.html": "hello"},
        {"Ada Lovelace (4711)", "Emmy N (2)"},
    ),
    "canvas": (
        {"lovelaceada_1_77_01_sums.ipynb": NB, "noetheremmy_LATE_2_78_01_sums-1.ipynb": NB,
         "anon_kF7aQ_79_01_sums.ipynb": NB},
        {"lovelaceada (1)", "noetheremmy (2)", "anonymous (anon_kF7aQ)"},
    ),
    "gradescope": (
        {"submission_metadata.yml": METADATA, "submission_111/01_sums.ipynb": NB,
         "submission_222/01_sums.ipynb": NB},
        {"Ada Lovelace (4711)", "Emmy Noether", "Kurt Gödel (12)", "Maria Gaetana (13)"},
    ),
    "gradescope without its list": (
        {"submission_111/01_sums.ipynb": NB, "submission_222/01_sums.ipynb": NB},
        {"submission_111", "submission_222"},
    ),
    "blackboard": (
        {"Sums 1_ada1_attempt_2026-11-28-10-00-00_01_sums.ipynb": NB,
         "Sums 1_ada1_attempt_2026-11-28-10-00-00.txt": BLACKBOARD_TEXT.format("Ada Lovelace", "ada1"),
         "Sums 1_ada1_attempt_2026-11-29-10-00-00_01_sums.ipynb": NB,
         "Sums 1_ada1_attempt_2026-11-29-10-00-00.txt": BLACKBOARD_TEXT.format("Ada Lovelace", "ada1"),
         "Sums 1_e_noether_attempt_2026-11-29-10-00-01_01_sums.ipynb": NB,
         "Sums 1_e_noether_attempt_2026-11-29-10-00-01.txt": BLACKBOARD_TEXT.format("Emmy Noether", "e_noether"),
         "Sums 1_kurt_attempt_2026-11-29-10-00-02.txt": BLACKBOARD_TEXT.format("Kurt Gödel", "kurt")},
        {"Ada Lovelace (ada1)", "Emmy Noether (e_noether)", "Kurt Gödel (kurt)"},
    ),
    "brightspace": (
        {"101-9 - Ada Lovelace - Sep 24, 2026 926 PM/01_sums.ipynb": NB,
         "101-9 - Ada Lovelace - Sep 25, 2026 1126 AM/01_sums.ipynb": NB,
         "102-9 - Mary-Ann Smith - Sep 24, 2026 926 PM/01_sums.ipynb": NB,
         "index.html": "<html>"},
        {"Ada Lovelace (101)", "Mary-Ann Smith (102)"},
    ),
    "brightspace without folders": (
        {"101-9 - Ada Lovelace - Sep 24, 2026 926 PM - 01_sums.ipynb": NB,
         "102-9 - Mary-Ann Smith - Sep 24, 2026 926 PM - work.zip": b"PK", "index.html": "<html>"},
        {"Ada Lovelace (101)", "Mary-Ann Smith (102)"},
    ),
    "github classroom": (
        {"week-one-submissions/week-one-ada/lessons/01_sums.ipynb": NB,
         "week-one-submissions/week-one-ada/README.md": "hello",
         "week-one-submissions/week-one-emmy-n/lessons/01_sums.ipynb": NB},
        {"ada", "emmy-n"},
    ),
    "google classroom": (
        {"Ada Lovelace - 01_sums.ipynb": NB, "Ada Lovelace - 01_sums (1).ipynb": NB,
         "Emmy Noether - Copy of 01_sums.ipynb": NB},
        {"Ada Lovelace", "Emmy Noether"},
    ),
    "sakai": (
        {"Sums 1/grades.csv": "Display ID,ID,Last Name,First Name,grade",
         "Sums 1/Lovelace, Ada(ada1)/Submission attachment(s)/01_sums.ipynb": NB,
         "Sums 1/Lovelace, Ada(ada1)/timestamp.txt": "20261129172005000",
         "Sums 1/Lovelace, Ada(ada1)/Feedback Attachment(s)/": "",
         "Sums 1/Noether, Emmy(emmy)/Submission attachment(s)/01_sums.ipynb": NB,
         "Sums 1/Noether, Emmy(emmy)/comments.txt": "",
         "Sums 1/Gödel, Kurt(kurt)/timestamp.txt": ""},
        {"Lovelace, Ada (ada1)", "Noether, Emmy (emmy)", "Gödel, Kurt (kurt)"},
    ),
    "sakai without folders": (
        {"Lovelace, Ada(ada1)_Submission attachment(s)_01_sums.ipynb": NB,
         "Noether, Emmy(emmy)_Submission attachment(s)_01_sums.ipynb": NB},
        {"Lovelace, Ada (ada1)", "Noether, Emmy (emmy)"},
    ),
    "ilias": (
        {"Sums/Abgaben/Lovelace_Ada_ada1_4711/20261129172005_01_sums.ipynb": NB,
         "Sums/Abgaben/Noether_Emmy_emmy.n_12/Late Submission - 01_sums.ipynb": NB},
        {"Ada Lovelace (ada1)", "Emmy Noether (emmy.n)"},
    ),
    "ilias, teams": (
        {"Sums/Abgaben/Team 7/Lovelace_Ada_ada1_4711/01_sums.ipynb": NB,
         "Sums/Abgaben/Team 7/Noether_Emmy_emmy_12/": "",
         "Sums/Abgaben/Team 8/Goedel_Kurt_kurt_13/01_sums.ipynb": NB},
        {"Ada Lovelace (ada1)", "Emmy Noether (emmy)", "Kurt Goedel (kurt)"},
    ),
    "nbgrader": (
        {"course101/nbgrader_config.py": "", "course101/gradebook.db": "",
         "course101/source/01_sums/01_sums.ipynb": BLANK,
         "course101/release/01_sums/01_sums.ipynb": BLANK,
         "course101/submitted/ada/01_sums/01_sums.ipynb": NB,
         "course101/submitted/ada/01_sums/timestamp.txt": "2026-11-29 17:20:05.123456 UTC",
         "course101/submitted/emmy/01_sums/01_sums.ipynb": NB, "course101/submitted/emmy/02_more/02_more.ipynb": OTHER},
        {"ada", "emmy"},
    ),
    "nbgrader's exchange": (
        {"ada+01_sums+2026-11-29 17:20:05 UTC/01_sums.ipynb": NB,
         "ada+01_sums+2026-11-29 18:20:05 UTC+x/01_sums.ipynb": NB,
         "emmy+01_sums+2026-11-29 17:20:05 UTC/01_sums.ipynb": NB},
        {"ada", "emmy"},
    ),
    "jupyterhub": (
        {"home/ada/course/lessons/01_sums.ipynb": NB, "home/ada/course/lessons/01_sums__20261104104101.ipynb": BLANK,
         "home/emmy/course/lessons/01_sums.ipynb": NB},
        {"ada", "emmy"},
    ),
    "the littlest jupyterhub": (
        {"jupyter-ada/01_sums.ipynb": NB, "jupyter-emmy/01_sums.ipynb": NB}, {"ada", "emmy"},
    ),
    "a folder each": (
        {"Ada/01_sums.ipynb": NB, "Emmy/deep/er/01_sums.ipynb": NB,
         "Kurt/notes.pdf": b"%PDF", "Zoë/homework.ipynb": NB},
        {"Ada", "Emmy", "Kurt", "Zoë"},
    ),
    "a folder each, names of their own": (
        {"Ada/homework.ipynb": NB, "Emmy/homework.ipynb": NB}, {"Ada", "Emmy"},
    ),
    "a file each": ({"Ada.ipynb": NB, "Emmy.ipynb.txt": NB, "Zoë.ipynb.json": NB}, {"Ada", "Emmy", "Zoë"}),
}  # fmt: skip


def packed(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def unpacked(folder, files):
    for name, content in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def under(files, prefix):
    return {prefix + name: content for name, content in files.items()}


SHAPES = {
    "folder": lambda path, files: unpacked(path / "x", files),
    "folder in a folder": lambda path, files: unpacked(path / "x" / "export of 2026", files).parent,
    "folder in two": lambda path, files: (
        unpacked(path / "x" / "assignment_1_export" / "inner one", files).parent.parent
    ),
    "zip": lambda path, files: write(path / "x.zip", packed(files)),
    "zip in a folder": lambda path, files: write(path / "x" / "y.zip", packed(files)).parent,
    "zip of a folder": lambda path, files: write(path / "x.zip", packed(under(files, "submissions/"))),
    "zip of a folder of a folder": lambda path, files: write(path / "x.zip", packed(under(files, "a week/b/"))),
    "zip with dots": lambda path, files: write(path / "x.zip", packed(under(files, "./"))),
    "zip of a mac": lambda path, files: write(
        path / "x.zip", packed(under(files, "Sums/") | {"__MACOSX/Sums/._a.ipynb": "x", "Sums/.DS_Store": "x"})
    ),
    "zip of a folder in a folder": lambda path, files: (
        write(path / "x" / "y.zip", packed(under(files, "assignment_1_export/"))).parent
    ),
    "decomposed names": lambda path, files: unpacked(
        path / "x", {unicodedata.normalize("NFD", name): content for name, content in files.items()}
    ),
}


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("export", EXPORTS)
def test_a_row_a_learner(export, shape, tmp_path):
    files, wanted = EXPORTS[export]
    found = find_submissions(SHAPES[shape](tmp_path, files), LESSON)
    assert {s.learner for s in found.submissions} == wanted
    assert len(found.submissions) == len(wanted)
    said = "\n".join(found.told())
    assert f"{len(wanted)} learners" in said
    assert all(name in said for name in wanted)


def one(path, learner):
    [found] = [s for s in collect_submissions(path, LESSON) if s.learner == learner]
    return found


def test_what_is_nobodys_is_said(tmp_path):
    for export, left in {"brightspace": "index.html", "sakai": "grades.csv", "nbgrader": "source/",
                         "gradescope": "submission_metadata.yml"}.items():  # fmt: skip
        found = find_submissions(unpacked(tmp_path / export, EXPORTS[export][0]), LESSON)
        assert left in found.left_out
        assert f"left out, since they are nobody's: {', '.join(found.left_out)}" in "\n".join(found.told())


def test_who_handed_in_nothing_is_told_so(tmp_path):
    path = {export: unpacked(tmp_path / export, EXPORTS[export][0]) for export in ("blackboard", "sakai", "gradescope")}
    assert one(path["blackboard"], "Kurt Gödel (kurt)").problem == "there is no file, only a text that was typed in"
    assert one(path["sakai"], "Gödel, Kurt (kurt)").problem == "its folder is empty"
    assert one(path["gradescope"], "Maria Gaetana (13)").problem == "its folder is empty"


def test_a_group_on_gradescope_is_a_row_each(tmp_path):
    path = unpacked(tmp_path / "x", EXPORTS["gradescope"][0])
    emmy, kurt = one(path, "Emmy Noether"), one(path, "Kurt Gödel (12)")
    assert emmy.text == kurt.text == ANSWERED
    assert (emmy.note, kurt.note) == ("handed in together with Kurt Gödel", "handed in together with Emmy Noether")
    roster = Roster([Person("E. N.", "7", email="emmy@example.org")])
    assert [s.number for s in find_submissions(path, LESSON, roster=roster).submissions if s.name == "E. N."] == ["7"]


def test_members_of_a_team_share_what_one_of_them_handed_in(tmp_path):
    found = find_submissions(unpacked(tmp_path / "x", EXPORTS["ilias, teams"][0]), LESSON)
    assert not any(s.problem for s in found.submissions)
    assert "ILIAS names only those of a team who handed in" in "\n".join(found.told())


def test_a_learners_comment_on_blackboard_names_nobody_else(tmp_path):
    files = {"S_eve_attempt_2026-11-29-10-00-02.txt": "Name: Bob (bob)\n",
             "S_eve_attempt_2026-11-29-10-00-02_S_bob_attempt_2026-11-29-10-00-02.txt": "Name: Bob (bob)\n",
             "S_eve_attempt_2026-11-29-10-00-02_01.ipynb": NB}  # fmt: skip
    assert [s.learner for s in collect_submissions(unpacked(tmp_path / "x", files), LESSON)] == ["eve"]


@pytest.mark.parametrize(
    "inside",
    ["submitted/bob/01_sums/01_sums.ipynb", "submission_1/01_sums.ipynb", "Bob_2_assignsubmission_file_/01_sums.ipynb",
     "S_bob_attempt_2026-11-29-10-00-00_01.ipynb", "Abgaben/Noether_Bob_bob_1/01.ipynb", "bob/01_sums.ipynb"],
)  # fmt: skip
@pytest.mark.parametrize("as_zip", [False, True])
def test_nothing_inside_a_learners_own_makes_another_learner(inside, as_zip, tmp_path):
    hers = {inside: NB, "submission_metadata.yml": METADATA}
    files = {"Eve.zip": packed(hers)} if as_zip else under(hers, "Eve/")
    files |= {"Bob/01_sums.ipynb": answers("bob"), "Zoe/01_sums.ipynb": NB}
    found = {s.learner: s for s in collect_submissions(unpacked(tmp_path / "x", files), LESSON)}
    assert set(found) == {"Bob", "Eve", "Zoe"}
    assert found["Bob"].text == answers("bob")


def test_what_looks_like_an_export_among_learners_is_said(tmp_path):
    files = {"Eve.zip": packed(EXPORTS["moodle"][0]), "Bob/01_sums.ipynb": NB}
    found = find_submissions(unpacked(tmp_path / "x", files), LESSON)
    assert "Eve.zip looks like an export of many, and counts as one learner" in "\n".join(found.told())


def test_exports_side_by_side_are_one_class(tmp_path):
    files = {"canvas.zip": packed(EXPORTS["canvas"][0])} | under(EXPORTS["gradescope"][0], "assignment_1_export/")
    found = {s.learner for s in collect_submissions(unpacked(tmp_path / "x", files), LESSON)}
    assert found == EXPORTS["canvas"][1] | EXPORTS["gradescope"][1]


def test_parts_of_a_folder_that_drive_packed(tmp_path):
    files = {f"Sums-20261129T172005Z-00{k}.zip": packed({f"Sums/{name}/01_sums.ipynb": NB})
             for k, name in enumerate(["Ada", "Emmy"], start=1)}  # fmt: skip
    assert [s.learner for s in collect_submissions(unpacked(tmp_path / "x", files), LESSON)] == ["Ada", "Emmy"]


READINGS = {
    "names that begin as the lesson's": {"w/01_sums.ipynb": NB, "w/01_sums_ada.ipynb": NB, "w/01_sums_emmy.ipynb": NB},
    "folders that may be older ones": {"Ada/old/01_sums.ipynb": NB, "Ada/new/01_sums.ipynb": NB},
    "notebooks and folders": {"w/01_sums.ipynb": NB, "w/Ada/01_sums.ipynb": NB, "w/Emmy/01_sums.ipynb": NB},
}


@pytest.mark.parametrize("reading", READINGS)
def test_two_readings_are_a_question(reading, tmp_path):
    path = unpacked(tmp_path / "x", READINGS[reading])
    with pytest.raises(NotebookError, match="may be read in two ways") as asked:
        collect_submissions(path, LESSON)
    folder = next(iter(READINGS[reading])).partition("/")[0]
    assert f"Say --inside . for the first, --inside '{folder}' for the second." in str(asked.value)
    assert [s.learner for s in collect_submissions(path, LESSON, ".")] == [folder]
    assert len(collect_submissions(path, LESSON, folder)) > 1
    data = packed(READINGS[reading])
    assert len(collect_submissions(write(tmp_path / "y.zip", data), LESSON, folder)) > 1


def test_sections_are_a_question(tmp_path):
    files = {f"Section {s}/{name}/01_sums.ipynb": NB for s, name in ("aA", "aB", "bC", "bD")}
    path = unpacked(tmp_path / "x", files)
    with pytest.raises(NotebookError, match="may be read in two ways: Section a"):
        collect_submissions(path, LESSON)
    assert [s.learner for s in collect_submissions(path, LESSON, "*")] == ["A", "B", "C", "D"]
    with pytest.raises(NotebookError, match="holds nothing in nowhere"):
        collect_submissions(path, LESSON, "nowhere")


def test_one_learner_with_two_folders_stops_no_class(tmp_path):
    files = {"Ada/a/01_sums.ipynb": NB, "Ada/b/01_sums.ipynb": NB, "Emmy/01_sums.ipynb": NB, "Zoe/01_sums.ipynb": NB}
    assert [s.learner for s in collect_submissions(unpacked(tmp_path / "x", files), LESSON)] == ["Ada", "Emmy", "Zoe"]


def test_a_lone_learners_folder_is_one_learner(tmp_path):
    for k, files in enumerate((
        {"Ada/01_sums.ipynb": NB, "Ada/02_more.ipynb": OTHER},
        {"Ada/w1/01_sums.ipynb": NB, "Ada/w2/02_more.ipynb": OTHER},
        {"Ada/01_sums.ipynb": NB, "Ada/01_sums-Copy1.ipynb": NB, "Ada/scratch.ipynb": OTHER},
    )):  # fmt: skip
        assert [s.learner for s in collect_submissions(unpacked(tmp_path / str(k), files), LESSON)] == ["Ada"]


def test_files_that_name_nobody_are_refused(tmp_path):
    path = unpacked(tmp_path / "x", {"01_sums.ipynb": NB, "01_sums (1).ipynb": NB})
    with pytest.raises(NotebookError, match="holds 2 notebooks whose names say nobody's name"):
        collect_submissions(path, LESSON)


def test_names_that_look_alike_are_said(tmp_path):
    files = {
        "Ada.ipynb": NB,
        "ada.ipynb": NB,
        "Em\u200bmy.ipynb": NB,
        "Emmy.ipynb": NB,
        "Zoe.ipynb": NB,
        "Zoe (1).ipynb": NB,
    }
    said = "\n".join(find_submissions(unpacked(tmp_path / "x", files), LESSON).told())
    assert "Ada and ada look alike" in said
    assert "Emmy and Em\u200bmy look alike" in said
    assert "Zoe and Zoe (1) are two rows" in said


COPIES = ["01_sums.new.ipynb", "01_sums-Copy1.ipynb", "01_sums (1).ipynb", "Copy of 01_sums.ipynb",
          "01_sums__20221104104101.ipynb", "01_sums copy.ipynb", "01_sums - Copy (2).ipynb", "old/01_sums.ipynb",
          "01_sums.ipynb.txt"]  # fmt: skip


@pytest.mark.parametrize("copy", COPIES)
def test_answers_count_before_none_whatever_their_names(copy, tmp_path):
    for k, (plain, other) in enumerate([(ANSWERED, BLANK), (BLANK, ANSWERED)]):
        files = {"Ada/01_sums.ipynb": plain, f"Ada/{copy}": other, "Bo/01_sums.ipynb": NB}
        found = one(unpacked(tmp_path / str(k), files), "Ada")
        assert found.text == ANSWERED
        assert "of 2 notebooks this one counts (it has answers); not: " in found.note


def test_the_newest_attempt_counts_unless_it_is_blank_or_late(tmp_path):
    def attempts(*texts):
        times = ("28-10-00-00", "29-09-00-00", "29-10-00-00")
        names = [f"Sums_ada_attempt_2026-11-{time}_01_sums.ipynb" for time in times]
        return unpacked(tmp_path / "".join(t[-9:-8] + str(len(t)) for t in texts), dict(zip(names, texts, strict=True)))

    found = one(attempts(answers("a"), answers("bb"), answers("c")), "ada")
    assert (found.text, found.when.hour) == (answers("c"), 10)
    assert "(it is the newest)" in found.note
    found = one(attempts(answers("a"), answers("bb"), BLANK), "ada")
    assert (found.text, found.when.hour) == (answers("bb"), 9)
    canvas = {"ada_1_70_01.ipynb": BLANK, "ada_LATE_1_71_01.ipynb": ANSWERED, "bo_2_72_01.ipynb": NB}
    found = one(unpacked(tmp_path / "canvas", canvas), "ada (1)")
    assert (found.text, found.late) == (ANSWERED, True)


def test_copies_that_tell_nothing_of_their_age_are_weighed_by_their_answers(tmp_path):
    half = text_of(toy.notebook(toy.answered(two=toy.STUB_2)))
    files = {"Ada/01_sums.ipynb": ANSWERED, "Ada/01_sums.new.ipynb": half, "Bo/01_sums.ipynb": NB}
    path = unpacked(tmp_path / "x", files)
    for name in files:
        os.utime(path / name, (60_000, 60_000))
    found = one(path, "Ada")
    assert found.text == ANSWERED
    assert "(it has more answers)" in found.note
    os.utime(path / "Ada" / "01_sums.new.ipynb", (70_000, 70_000))
    found = one(path, "Ada")
    assert found.text == half
    assert "(it is the newest)" in found.note


def test_a_metadata_file_that_is_damaged_is_one_sentence(tmp_path):
    for k, text in enumerate(("{", "- a", "a: !ruby/object:X {b: 1}\nc: [1, 2")):
        path = unpacked(tmp_path / str(k), {"submission_metadata.yml": text, "submission_1/01_sums.ipynb": NB})
        with pytest.raises(NotebookError, match=r"submission_metadata.yml (cannot be read|is not what)"):
            collect_submissions(path, LESSON)


def names_for(platform, k, rng):
    """(file names of learner k on a platform, the label that they should get)."""
    login, person = f"user{k}", f"Person {chr(65 + k % 26)}{k}"
    stamp = f"2026-11-{10 + k % 20}-10-00-{k % 60:02}"
    return {
        "moodle": ([f"{person}_{k + 1}_assignsubmission_file/01_sums.ipynb"], f"{person} ({k + 1})"),
        "canvas": ([f"{login}_{k + 1}_{5000 + k}_01_sums.ipynb"], f"{login} ({k + 1})"),
        "blackboard": ([f"Sums_{login}_attempt_{stamp}_{name}" for name in ("01_sums.ipynb",)]
                       + [f"Sums_{login}_attempt_{stamp}.txt"], f"{person} ({login})"),
        "brightspace": ([f"{k + 1}-7 - {person} - Sep 2{n}, 2026 926 PM/01_sums.ipynb"
                         for n in range(rng.randint(1, 3))], f"{person} ({k + 1})"),
        "by hand": ([f"{person}/{rng.choice(['', 'work/', 'a/b/'])}01_sums.ipynb"], person),
    }[platform]  # fmt: skip


def test_three_hundred_mixed_submissions_from_five_layouts(tmp_path):
    rng, wanted = random.Random(16), {}
    deep = '{"a":' * 700 + "1" + "}" * 700
    kinds = {"answered": ANSWERED, "blank": BLANK, "other": OTHER, "broken": "{", "deep": deep, "pdf": None}
    problems = {"answered": "", "blank": "", "other": "this is lesson 02, not 01", "pdf": "there is no notebook, only"}
    k = 0
    for platform in ("moodle", "canvas", "blackboard", "brightspace", "by hand"):
        files = {}
        for k in range(k, k + 60):  # noqa: B020
            names, label = names_for(platform, k, rng)
            kind = rng.choice(list(kinds))
            for name in names:
                if name.endswith(".txt"):
                    files[name] = f"Name: Person {chr(65 + k % 26)}{k} (user{k})\n"
                elif kind == "pdf":
                    files[name.removesuffix("ipynb") + "pdf"] = b"%PDF"
                else:
                    files[name] = kinds[kind]
            wanted[label] = kind
        k += 1
        outer = rng.choice(["", "one/", "one/two/"])
        path = write(tmp_path / f"{platform}.zip", packed(under(files, outer)))
        found = {s.learner: s for s in collect_submissions(path, LESSON)}
        mine = dict(list(wanted.items())[-60:])
        assert set(found) == set(mine)
        for label, kind in mine.items():
            if kind in problems:
                assert found[label].problem.startswith(problems[kind]), (label, kind)
            else:
                assert found[label].problem
            if kind in ("answered", "blank"):
                assert found[label].text == kinds[kind]
    assert len(wanted) == 300
