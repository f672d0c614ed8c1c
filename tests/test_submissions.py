"""A folder of submissions, as learning platforms and people leave it."""

import zipfile

import pytest

import toy
from coursekit.lesson import Lesson, NotebookError, text_of
from coursekit.submissions import collect_submissions, who


@pytest.fixture
def lesson(recorded_toy):
    return recorded_toy.lesson(1)


@pytest.fixture
def tmp_path(tmp_path):
    """A folder of submissions, apart from the course that other fixtures put beside it."""
    (tmp_path / "inbox" / "all").mkdir(parents=True)
    return tmp_path / "inbox" / "all"


@pytest.fixture
def handed_in(lesson):
    """The text of a submission with one answer."""
    return text_of(lesson.notebook).replace("...", "return 1", 1)


@pytest.mark.parametrize(
    ("name", "learner", "late"),
    [
        ("Ada Lovelace_4711_assignsubmission_file_", "Ada Lovelace (4711)", False),
        ("lovelaceada_LATE_77_1234_01_sums.ipynb", "lovelaceada (77)", True),
        ("lovelaceada_77_1234_01_sums.ipynb", "lovelaceada (77)", False),
        ("Žofie Nováková.ipynb", "Žofie Nováková", False),
        ("team 3.ZIP", "team 3", False),
    ],
)
def test_who_handed_in(name, learner, late):
    assert who(name) == (learner, late)


def test_notebooks_folders_and_zips_side_by_side(tmp_path, lesson, handed_in):
    (tmp_path / "ada.ipynb").write_text(handed_in)
    (tmp_path / "grace").mkdir()
    (tmp_path / "grace" / "my lesson.ipynb").write_text(handed_in)
    with zipfile.ZipFile(tmp_path / "emmy.zip", "w") as archive:
        archive.writestr("deep/01_sums.ipynb", handed_in)
        archive.writestr("__MACOSX/01_sums.ipynb", "junk")
        archive.writestr("conftest.py", "raise SystemExit")
    found = collect_submissions(tmp_path, lesson)
    assert [s.learner for s in found] == ["ada", "emmy", "grace"]
    assert all(s.text == handed_in and not s.problem for s in found)


def test_an_export_that_is_one_zip_is_looked_into(tmp_path, lesson, handed_in):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("Ada_1_assignsubmission_file_/01_sums.ipynb", handed_in)
        archive.writestr("Emmy_2_assignsubmission_file_/01_sums.ipynb", handed_in)
    assert [s.learner for s in collect_submissions(tmp_path, lesson)] == ["Ada (1)", "Emmy (2)"]


def test_of_several_copies_the_last_that_can_be_read_counts(tmp_path, lesson, handed_in):
    (tmp_path / "ada").mkdir()
    for name, text in {"01-2": "two", "01-10": "ten"}.items():
        (tmp_path / "ada" / f"{name}.ipynb").write_text(handed_in.replace("return 1", f"return '{text}'"))
    (tmp_path / "ada" / "zz.ipynb").write_text("{broken")
    (found,) = collect_submissions(tmp_path, lesson)
    assert "return 'ten'" in found.text
    assert "01-2.ipynb" in found.note
    assert "zz.ipynb" in found.note


def test_another_lesson_does_not_displace_this_one(tmp_path, lesson, handed_in):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "01.ipynb").write_text(handed_in)
    (tmp_path / "ada" / "02.ipynb").write_text(text_of(toy.notebook(["# 02 · Other"])))
    (found,) = collect_submissions(tmp_path, lesson)
    assert found.file.endswith("01.ipynb")


def test_what_cannot_be_read_is_said_and_nobody_else_suffers(tmp_path, lesson, handed_in):
    (tmp_path / "a.ipynb").write_text("")
    (tmp_path / "b.ipynb").write_bytes("{}".encode("utf-16"))
    (tmp_path / "c.zip").write_bytes(b"no zip")
    (tmp_path / "d").mkdir()
    (tmp_path / "e.ipynb").symlink_to("/etc/passwd")
    (tmp_path / "f.ipynb").write_text(handed_in)
    found = {s.learner: s for s in collect_submissions(tmp_path, lesson)}
    said = {name: s.problem for name, s in found.items()}
    assert "empty" in said["a"]
    assert "UTF-8" in said["b"]
    assert "not a readable zip" in said["c"]
    assert "holds no notebook" in said["d"]
    assert "links are not followed" in said["e"]
    assert found["e"].text is None
    assert said["f"] == ""


def test_a_zip_that_unpacks_without_end_is_not_unpacked(tmp_path, lesson):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("01.ipynb", b"\0" * 40_000_000)
    (found,) = collect_submissions(tmp_path, lesson)
    assert "more than 30 MB" in found.problem


def test_a_folder_that_is_none_is_one_sentence(tmp_path, lesson):
    with pytest.raises(NotebookError, match="not a folder of submissions"):
        collect_submissions(tmp_path / "nowhere", lesson)
    assert isinstance(lesson, Lesson)
