"""Editions: answers where an instructor looks for them, and a zip file that is the same twice."""

import os
import zipfile
from types import SimpleNamespace

import nbformat
import pytest
import yaml

import toy
from coursekit.lessons.notebook import mark
from coursekit.publishing import editions
from coursekit.publishing.book import BookError

CONFIG = {"title": "Sums & Co. II", "sphinx": {"config": {"html_theme_options": {}}}}


def with_notes(*notes):
    """The toy's solutions with notes: (place, text)."""
    cells = list(toy.SOLUTIONS)
    for place, text in notes:
        cells.insert(place, text)
    return toy.notebook(cells)


def panels(notebook):
    """The instructor's panels by the place of the cell above."""
    cells = notebook.cells
    return {k: cell.source for k, cell in enumerate(cells) if 'class="for-instructors"' in cell.source}


def test_each_exercise_is_followed_by_what_the_solutions_say():
    lesson, solutions = toy.make_lesson(), toy.notebook(toy.SOLUTIONS)
    made = editions.with_answers(lesson, solutions)
    found = panels(made)
    assert [mark(made.cells[k - 1]).kind for k in found] == ["check", "check"]
    for exercise, text in zip(("1.1", "1.2"), found.values(), strict=True):
        hints = sum(cell.source.startswith(f"#| hint: {exercise}") for cell in solutions.cells)
        told = f", {hints} hints" if hints else ""
        assert f"Exercise {exercise}, for the instructor: the answer, 3 mistakes{told}</summary>" in text
        for cell in solutions.cells:
            if (known := mark(cell)) and known.exercise == exercise and known.kind in ("answer", "mistake"):
                assert cell.source.split("\n", 1)[1] in text
                assert known.text in text
        assert text.startswith("<details class=")
        assert text.endswith("</details>")
        assert " open" not in text.split("\n")[0]
    rest = [cell.source for k, cell in enumerate(made.cells) if k not in found]
    assert rest == [cell.source for cell in lesson.notebook.cells]


def test_notes_stay_with_the_answer_above_them():
    lesson = toy.make_lesson()
    notes = with_notes((9, "Said of the *second*."), (6, "Said of the first."), (1, "Said of the lesson."))
    first, second, third = panels(editions.with_answers(lesson, notes)).values()
    assert "This lesson, for the instructor: 1 note" in first
    assert "**Note.** Said of the lesson." in first
    assert "Exercise 1.1, for the instructor: the answer, 3 mistakes, 2 hints, 1 note" in second
    assert "**Note.** Said of the first." in second
    assert "**Note.** Said of the *second*." in third


def test_a_sentence_is_shown_as_it_is():
    says = "W*h*b, x_1_2 and [a](b) < c; but `code_*` stays"
    cells = [*toy.SOLUTIONS, ("code", f"#| mistake: 1.1 {says}\ndef squares(values):\n    return 1")]
    shown = "\n".join(panels(editions.with_answers(toy.make_lesson(), toy.notebook(cells))).values())
    assert r"W\*h\*b, x\_1\_2 and \[a\](b) \< c; but `code_*` stays" in shown


@pytest.fixture
def small_book(toy_course):
    """The toy course with what a book needs."""
    root = toy_course.root
    (root / "book").mkdir()
    (root / "book" / "intro.md").write_text("# Sums\n")
    (root / "NEWS.md").write_text("# News\n")
    toc = "root: book/intro\nparts: [{caption: I, chapters: [{file: lessons/01_sums}, {file: NEWS}]}]"
    (root / "book" / "_toc.yml").write_text(toc)
    (root / "_config.yml").write_text(yaml.safe_dump(CONFIG))
    return root


def test_the_staged_course_has_answers_and_says_so(small_book, tmp_path):
    editions.stage(small_book, tmp_path / "staged")
    staged = tmp_path / "staged"
    listed = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
    assert listed == {"_config.yml", "NEWS.md", "book/_toc.yml", "book/intro.md", "lessons/01_sums.ipynb"}
    assert toy.RIGHT_1.splitlines()[-1].strip() in (staged / "lessons" / "01_sums.ipynb").read_text()
    config = yaml.safe_load((staged / "_config.yml").read_text())
    assert config["title"].startswith("Sums & Co. II")
    assert config["title"] != "Sums & Co. II"
    assert "do not hand it out" in config["sphinx"]["config"]["html_theme_options"]["announcement"]
    assert toy.RIGHT_1 not in (small_book / "lessons" / "01_sums.ipynb").read_text()


def test_the_instructors_book_replaces_an_older_one(small_book, tmp_path, monkeypatch):
    def build(source, out):
        page = out / "_build" / "html" / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text((source / "lessons" / "01_sums.ipynb").read_text())
        return page

    monkeypatch.setattr(editions, "build_book", build)
    (tmp_path / "_build" / "instructor").mkdir(parents=True)
    (tmp_path / "_build" / "instructor" / "old.html").touch()
    page = editions.build_instructor_book(small_book, tmp_path)
    assert page == tmp_path / "_build" / "instructor" / "index.html"
    assert "for-instructors" in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]


def test_files_are_named_after_the_book(small_book):
    assert editions.file_stem(small_book) == "sums-co-ii"
    assert editions.file_stem(small_book, instructor=True) == "sums-co-ii-instructor"


def test_the_zip_is_the_same_twice_and_leaves_out_hidden_files(tmp_path):
    for name, when in (("one", 10**9), ("two", 1.5 * 10**9)):
        folder = tmp_path / name / "html"
        (folder / "a").mkdir(parents=True)
        for path, text in ((".hidden", "x"), ("index.html", "whisper"), ("a/b.css", "c")):
            (folder / path).write_text(text)
            os.utime(folder / path, (when, when))
        assert editions.pack(folder / "index.html", tmp_path / name / "the-book.zip").is_file()
    one, two = (tmp_path / name / "the-book.zip" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == ["the-book/a/b.css", "the-book/index.html"]
        assert archive.read("the-book/index.html") == b"whisper"
    assert [path.name for path in one.parent.iterdir() if path.is_file()] == ["the-book.zip"]


def test_without_a_book_there_is_nothing_to_pack(tmp_path):
    with pytest.raises(BookError, match="build it first"):
        editions.pack(tmp_path / "index.html", tmp_path / "book.zip")


def test_course_book_says_where_everything_is(small_book, monkeypatch, capsys):
    from coursekit import cli
    from coursekit.publishing import book as publish
    from coursekit.publishing import paper

    page = small_book / "_build" / "html" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("whisper")
    monkeypatch.chdir(small_book)
    monkeypatch.setattr(publish, "build_book", lambda root: page)
    monkeypatch.setattr(editions, "build_instructor_book", lambda root: page)
    monkeypatch.setattr(paper, "find_browser", lambda: "chromium")
    monkeypatch.setattr(paper, "print_book", lambda page, target, parts: target)
    assert cli.main(["book", "--zip", "--pdf"]) == 0
    told = capsys.readouterr().out
    assert f"{small_book}/_build/sums-co-ii.zip" in told
    assert f"{small_book}/_build/sums-co-ii.pdf" in told
    assert cli.main(["book", "--instructor", "--zip"]) == 0
    assert "sums-co-ii-instructor.zip" in capsys.readouterr().out


def test_a_pdf_without_chromium_is_refused_before_anything_is_built(small_book, monkeypatch, capsys):
    from coursekit import cli
    from coursekit.publishing import book as publish
    from coursekit.publishing import paper

    monkeypatch.chdir(small_book)
    monkeypatch.setattr(publish, "build_book", lambda root: pytest.fail("built in vain"))
    monkeypatch.setattr(paper.shutil, "which", lambda name: None)
    assert cli.main(["book", "--pdf"]) == 2
    assert "none of chromium, chromium-browser, google-chrome, chrome is on the PATH" in capsys.readouterr().err
    monkeypatch.setattr(paper, "find_spec", lambda name: None if name == "pypdf" else SimpleNamespace())
    assert cli.main(["book", "--pdf"]) == 2
    assert "a PDF needs pypdf: install this package with its extra `pdf`" in capsys.readouterr().err


def test_notebooks_of_the_instructors_edition_are_valid():
    nbformat.validate(editions.with_answers(toy.make_lesson(), toy.notebook(toy.SOLUTIONS)))
