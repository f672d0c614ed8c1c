"""Submissions, as learning platforms and people leave them."""

import os
import unicodedata
import zipfile

import pytest

import toy
from coursekit.grading.archives import folder_files, zip_files
from coursekit.grading.platforms import who
from coursekit.grading.submissions import collect_submissions
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of


@pytest.fixture
def lesson(recorded_toy):
    return recorded_toy.lesson(1)


@pytest.fixture
def inbox(tmp_path):
    """An empty folder of submissions."""
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def handed_in(lesson):
    """The text of a submission with one answer."""
    return text_of(lesson.notebook).replace("...", "return 1", 1)


def pack(path, files):
    """Write a zip of {name: text or bytes} and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def learners(path, lesson):
    return {submission.learner: submission for submission in collect_submissions(path, lesson)}


def test_answers_whose_marks_are_gone_are_still_of_this_lesson(inbox, lesson):
    text = text_of(toy.notebook([("code", toy.RIGHT_1)]))
    (inbox / "ada.ipynb").write_text(text)
    (inbox / "bo.ipynb").write_text(text.replace("squares", "cubes"))
    found = learners(inbox, lesson)
    assert (found["ada"].problem, found["ada"].text) == ("", text)
    assert found["bo"].problem == "none of the exercises of lesson 01 is in it"


ADA = "Ada Lovelace_4711_assignsubmission_file_"


@pytest.mark.parametrize(
    ("name", "learner", "late", "handle"),
    [
        (ADA, "Ada Lovelace (4711)", False, ADA),
        (ADA.rstrip("_"), "Ada Lovelace (4711)", False, ADA),
        ("P_12_assignsubmission_onlinetext", "P (12)", False, "P_12_assignsubmission_file_"),
        ("lovelaceada_LATE_77_1234_01_sums.ipynb", "lovelaceada (77)", True, "lovelaceada_LATE_77_1234_"),
        ("lovelaceada_77_1234_01_sums.ipynb", "lovelaceada (77)", False, "lovelaceada_77_1234_"),
        ("van_der_berg_77_1234_01_sums.ipynb", "van_der_berg (77)", False, "van_der_berg_77_1234_"),
        ("anon_kF7aQ_1234_01_sums.ipynb", "anonymous (anon_kF7aQ)", False, "anon_kF7aQ_1234_"),
        ("Žofie Nováková.ipynb", "Žofie Nováková", False, ""),
        ("ada_01_02_sums.ipynb", "ada_01_02_sums", False, ""),
        ("team 3.ZIP", "team 3", False, ""),
        (".ipynb", "no name", False, ""),
    ],
)  # fmt: skip
def test_who_handed_in(name, learner, late, handle):
    found = who(name)
    assert (found.label, found.late, found.handle) == (learner, late, handle)


def test_notebooks_folders_and_zips_side_by_side(inbox, lesson, handed_in):
    (inbox / "ada.ipynb").write_text(handed_in)
    (inbox / "grace").mkdir()
    (inbox / "grace" / "my lesson.ipynb").write_text(handed_in)
    pack(
        inbox / "emmy.zip",
        {"deep/01_sums.ipynb": handed_in, "__MACOSX/01.ipynb": "junk", "conftest.py": "raise SystemExit"},
    )
    (inbox / ".DS_Store").write_text("junk")
    found = learners(inbox, lesson)
    assert list(found) == ["ada", "emmy", "grace"]
    assert all(s.text == handed_in and not s.problem for s in found.values())
    assert found["emmy"].file == "emmy.zip/deep/01_sums.ipynb"
    assert len({s.digest for s in found.values()}) == 1


MOODLE = ["Ada_1_assignsubmission_file/01_sums.ipynb", "Emmy N_2_assignsubmission_file_/a/01.ipynb"]
CANVAS = ["lovelaceada_1_77_01_sums.ipynb", "noetheremmy_LATE_2_78_01_sums-1.ipynb"]


@pytest.mark.parametrize("shape", ["zip", "zip in a folder", "folder", "folder in a folder"])
@pytest.mark.parametrize("names", [MOODLE, CANVAS], ids=["moodle", "canvas"])
def test_an_export_may_be_a_zip_or_a_folder_or_lie_in_one(shape, names, inbox, lesson, handed_in):
    if "zip" in shape:
        path = pack(inbox / "export.zip", dict.fromkeys(names, handed_in))
    else:
        path = inbox / "export"
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(handed_in)
    found = collect_submissions(inbox if " in " in shape else path, lesson)
    assert [s.id for s in found] == ["1", "2"]
    assert not any(s.problem for s in found)


def test_a_zip_of_plain_names_is_an_export_and_a_learners_own_zip_or_folder_is_not(inbox, lesson, handed_in):
    pack(inbox / "export.zip", {"ada.ipynb": handed_in, "emmy.ipynb": handed_in})
    assert list(learners(inbox, lesson)) == ["ada", "emmy"]
    os.remove(inbox / "export.zip")
    pack(inbox / "ada.zip", {"work/01_sums.ipynb": handed_in})
    assert list(learners(inbox, lesson)) == ["ada"]
    os.remove(inbox / "ada.zip")
    (inbox / "ada").mkdir()
    for name in ("01_sums.ipynb", "02.ipynb"):
        (inbox / "ada" / name).write_text(handed_in)
    assert list(learners(inbox, lesson)) == ["ada"]


def test_zips_of_learners_inside_a_zip_that_is_the_export(inbox, lesson, handed_in):
    inner = pack(inbox.parent / "inner.zip", {"01_sums.ipynb": handed_in}).read_bytes()
    export = pack(
        inbox.parent / "export.zip", {"lovelaceada_1_77_work.zip": inner, "noetheremmy_2_78_notes.pdf": b"%PDF"}
    )
    found = learners(export, lesson)
    assert found["lovelaceada (1)"].text == handed_in
    assert "no notebook, only noetheremmy_2_78_notes.pdf" in found["noetheremmy (2)"].problem


def test_nobody_hands_in_for_somebody_else(inbox, lesson, handed_in):
    spoofs = dict.fromkeys(["Bob_2_assignsubmission_file_/01.ipynb", "bob_2_99_01.ipynb", "../bob.ipynb"], handed_in)
    pack(inbox / "eve.zip", spoofs)
    (inbox / "bob.ipynb").write_text(handed_in)
    assert list(learners(inbox, lesson)) == ["bob", "eve"]


def test_names_that_only_look_like_a_platforms_keep_people_apart(inbox, lesson, handed_in):
    for name in ("hw_2024_5_ada", "hw_2024_5_bob"):
        (inbox / f"{name}.ipynb").write_text(handed_in)
    assert list(learners(inbox, lesson)) == ["hw_2024_5_ada", "hw_2024_5_bob"]


def test_of_several_copies_the_last_that_can_be_read_counts(inbox, lesson, handed_in):
    (inbox / "ada").mkdir()
    for name, text in {"01-2": "two", "01-10": "ten"}.items():
        (inbox / "ada" / f"{name}.ipynb").write_text(handed_in.replace("return 1", f"return '{text}'"))
    (inbox / "ada" / "zz.ipynb").write_text("{broken")
    for path in (inbox / "ada").iterdir():
        os.utime(path, (60_000, 60_000))
    found = learners(inbox, lesson)["ada"]
    assert "return 'ten'" in found.text
    assert found.note == "of 3 notebooks this one counts (the last by name); not: ada/01-2.ipynb, ada/zz.ipynb"


def test_a_copy_on_time_counts_before_a_late_one(inbox, lesson, handed_in):
    for name, text in {"ada_1_70_01.ipynb": "in time", "ada_LATE_1_71_01.ipynb": "late"}.items():
        (inbox / name).write_text(handed_in.replace("return 1", f"return '{text}'"))
    found = learners(inbox, lesson)["ada (1)"]
    assert ("return 'in time'" in found.text, found.late) == (True, False)


def test_another_lesson_does_not_displace_this_one(inbox, lesson, handed_in):
    (inbox / "ada").mkdir()
    (inbox / "ada" / "01.ipynb").write_text(handed_in)
    (inbox / "ada" / "02.ipynb").write_text(text_of(toy.notebook(["# 02 · Other"])))
    assert learners(inbox, lesson)["ada"].file == "ada/01.ipynb"


LEE = "Lee Nothing_4722_assignsubmission_file_/"


@pytest.mark.parametrize("shape", ["zip", "zip in a folder", "wrapped in a folder of the zip"])
def test_who_handed_in_an_empty_folder_gets_a_row_from_a_zip_as_well(shape, inbox, lesson, handed_in):
    top = "export/" if "wrapped" in shape else ""
    entries = {f"{ADA}/": "", f"{ADA}/01_sums.ipynb": handed_in, LEE: ""}
    path = pack(inbox / "export.zip", {top + name: content for name, content in entries.items()})
    found = learners(path if shape != "zip in a folder" else inbox, lesson)
    assert list(found) == ["Ada Lovelace (4711)", "Lee Nothing (4722)"]
    assert [s.problem for s in found.values()] == ["", "its folder is empty"]
    assert found["Lee Nothing (4722)"].handle == LEE.rstrip("/")
    assert found["Ada Lovelace (4711)"].text == handed_in


def test_an_export_of_nobody_but_an_empty_folder(tmp_path, lesson):
    path = pack(tmp_path / "export.zip", {LEE: ""})
    assert [s.problem for s in collect_submissions(path, lesson)] == ["its folder is empty"]


def test_folders_of_a_zip_are_rows_only_where_nothing_lies_in_them(tmp_path):
    names = ["ada/", "ada/b/", "ada/b/1.ipynb", "ada-lee/", "ada.x", "emmy/", "emmy/c/", "win\\dows\\", "zoë/"]
    names += ["../up/", "/", "//", "a/../../b/", "__MACOSX/ada/", ".git/", "two\nlines/"]
    path = pack(tmp_path / "export.zip", dict.fromkeys(names, ""))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("emmy/c/", "")
    found = ["ada/b/1.ipynb", "ada-lee/", "ada.x", "emmy/c/", "win/dows/", "zoë/", "two lines/"]
    assert [file.name for file in zip_files(path)] == found


def test_an_empty_folder_beside_a_notebook_is_no_copy_of_it(inbox, lesson, handed_in):
    (inbox / "ada" / "images").mkdir(parents=True)
    (inbox / "ada" / "01.ipynb").write_text(handed_in)
    found = learners(inbox, lesson)["ada"]
    assert (found.text, found.note) == (handed_in, "")
    path = pack(inbox.parent / "export.zip", {"ada/01.ipynb": handed_in, "ada/images/": "", "bo.ipynb": handed_in})
    found = learners(path, lesson)["ada"]
    assert (found.text, found.note) == (handed_in, "")


def test_an_empty_folder_does_not_make_a_learners_zip_an_export(inbox, lesson, handed_in):
    pack(inbox / "ada.zip", {"01_sums.ipynb": handed_in, "images/": ""})
    assert list(learners(inbox, lesson)) == ["ada"]


def test_what_cannot_be_read_is_said_and_nobody_else_suffers(inbox, lesson, handed_in):
    (inbox / "a.ipynb").write_text("")
    (inbox / "b.ipynb").write_bytes("{}".encode("utf-16"))
    (inbox / "c.zip").write_bytes(b"no zip")
    (inbox / "d").mkdir()
    (inbox / "e.ipynb").symlink_to("/etc/passwd")
    (inbox / "f.ipynb").write_text(handed_in)
    (inbox / "g.rar").write_bytes(b"Rar!")
    (inbox / "h").symlink_to("/etc")
    os.mkfifo(inbox / "i.ipynb")
    pack(inbox / "j.zip", {"notes.txt": "hello"})
    (inbox / "k" / "old").mkdir(parents=True)
    (inbox / "k" / "notes.txt").write_text("hello")
    found = learners(inbox, lesson)
    said = {name: s.problem for name, s in found.items()}
    wanted = {
        "a": "empty",
        "b": "not UTF-8 text",
        "c": "not a readable zip",
        "d": "its folder is empty",
        "e": "links are not followed",
        "g.rar": "there is no notebook, only g.rar",
        "h": "links are not followed",
        "i": "not a file",
        "j": "holds no notebook",
        "k": "there is no notebook, only k/notes.txt",
    }
    assert said.keys() == wanted.keys() | {"f"}
    assert {name: words in said[name] for name, words in wanted.items()} == dict.fromkeys(wanted, True)
    assert found["e"].text is None
    assert said["f"] == ""


def test_zips_that_are_bombs_locked_or_damaged_are_not_unpacked(inbox, lesson, monkeypatch):
    pack(inbox / "bomb.zip", {"01.ipynb": b"\0" * 40_000_000})
    pack(inbox / "crowd.zip", {f"{k}.txt": "" for k in range(5001)})
    locked = bytearray(pack(inbox / "locked.zip", {"01.ipynb": "{}"}).read_bytes())
    locked[locked.index(b"PK\1\2") + 8] |= 1
    (inbox / "locked.zip").write_bytes(locked)
    whole = pack(inbox / "cut.zip", {"01.ipynb": os.urandom(5000)}).read_bytes()
    (inbox / "cut.zip").write_bytes(whole.replace(whole[100:200], b"\0" * 100))
    found = learners(inbox, lesson)
    assert "more than 30 MB" in found["bomb"].problem
    assert "more than 5000 files" in found["crowd"].problem
    assert "locked with a password" in found["locked"].problem
    assert "cannot be unpacked" in found["cut"].problem
    monkeypatch.setattr("coursekit.grading.submissions.MAX_ZIP_BYTES", 10)
    assert "more than" in learners(inbox, lesson)["crowd"].problem


def test_odd_names_become_one_line_of_text(inbox, lesson, handed_in):
    decomposed = unicodedata.normalize("NFD", "Zoë")
    (inbox / f"{decomposed}.ipynb").write_text(handed_in)
    (inbox / "=cmd|' calc'!A0.ipynb").write_text(handed_in)
    (inbox / "two\nlines\t.ipynb").write_text(handed_in)
    with open(os.fsencode(inbox) + b"/latin-\xe9.ipynb", "w", encoding="utf-8") as file:
        file.write(handed_in)
    assert set(learners(inbox, lesson)) == {"Zoë", "=cmd|' calc'!A0", "two lines", "latin-\ufffd"}


def test_names_in_a_zip_that_does_not_say_their_encoding(tmp_path):
    path = pack(tmp_path / "mac.zip", {"ZZofie.ipynb": "{}"})
    path.write_bytes(path.read_bytes().replace(b"ZZofie", "Žofie".encode()))
    assert [file.name for file in zip_files(path)] == ["Žofie.ipynb"]


def test_a_folder_that_may_not_be_read_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "ada").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("ada"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (found,) = folder_files(tmp_path)
    assert found.parts == ("ada", "")
    with pytest.raises(NotebookError, match="cannot be read: Permission denied"):
        found.read(1)


def test_a_path_that_is_too_long_is_its_learners_alone(tmp_path, lesson, handed_in):
    for name in ("ada", "bob"):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "01_sums.ipynb").write_text(handed_in)
    here = os.open(tmp_path / "class" / "bob", os.O_RDONLY)
    for _ in range(30):  # longer than a path may be, made step by step
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    found = collect_submissions(tmp_path / "class", lesson)
    assert [(s.learner, s.problem) for s in found] == [("ada", ""), ("bob", "")]


def test_a_folder_that_became_a_link_is_not_followed(tmp_path):
    """Homes of a hub, whose owners are at work while their notebooks are read."""
    for name in ("ada/work", "eve/work"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "01_sums.ipynb").write_text(name)
    files = {file.name: file for file in folder_files(tmp_path)}
    assert files["eve/work/01_sums.ipynb"].read(100) == b"eve/work"
    (tmp_path / "eve" / "work").rename(tmp_path / "eve" / "old")
    (tmp_path / "eve" / "work").symlink_to("../ada/work")
    with pytest.raises(NotebookError, match="cannot be read"):
        files["eve/work/01_sums.ipynb"].read(100)
    (tmp_path / "ada" / "work" / "01_sums.ipynb").unlink()
    os.mkfifo(tmp_path / "ada" / "work" / "01_sums.ipynb")
    with pytest.raises(NotebookError, match="it is not a file"):
        files["ada/work/01_sums.ipynb"].read(100)


def test_what_is_no_export_is_one_sentence(inbox, lesson):
    with pytest.raises(NotebookError, match="neither a folder of submissions nor a zip"):
        collect_submissions(inbox / "nowhere", lesson)
    with pytest.raises(NotebookError, match="holds no submissions"):
        collect_submissions(inbox, lesson)
