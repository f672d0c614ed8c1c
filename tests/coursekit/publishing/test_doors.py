"""Links into the course, and lessons that install it where it is absent."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

import toy
from coursekit.checking.records import EXPECTED
from coursekit.lessons.errors import CourseError
from coursekit.lessons.fill import CHECK_TAG
from coursekit.proving import kernels
from coursekit.proving.verify import verdicts
from coursekit.publishing import doors

WHERE = doors.Repository("https://github.com/someone/gradients", "main")


def test_the_address_stands_in_one_place(tmp_path):
    with pytest.raises(CourseError, match=r"not set: give --repository, or write it under .* in _config\.yml"):
        doors.repository(tmp_path)
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/someone/gradients/\n  branch: term\n")
    assert doors.repository(tmp_path) == doors.Repository(WHERE.url, "term")
    assert doors.repository(tmp_path, "https://github.com/a/b").url == "https://github.com/a/b"


@pytest.mark.parametrize("url", ["git@github.com:a/b", "http://github.com/a/b", 'https://github.com/a/b"; rm', "a/b"])
def test_addresses_that_are_none(url, tmp_path):
    with pytest.raises(CourseError, match="is not the https address of a repository"):
        doors.repository(tmp_path, url)


def test_links_carry_what_they_should():
    link = urlsplit(doors.binder(WHERE, "01_sums.ipynb"))
    assert (link.netloc, link.path) == ("mybinder.org", "/v2/gh/someone/gradients/main")
    assert parse_qs(link.query) == {"urlpath": ["lab/tree/work/01_sums.ipynb"]}
    link = urlsplit(doors.colab(WHERE, "01_sums.ipynb"))
    assert link.path == "/github/someone/gradients/blob/colab/01_sums.ipynb"
    link = urlsplit(doors.nbgitpuller(WHERE, "https://hub.example.org/", "01_sums.ipynb"))
    assert (link.netloc, link.path) == ("hub.example.org", "/hub/user-redirect/git-pull")
    assert parse_qs(link.query) == {
        "repo": [WHERE.url],
        "branch": ["main"],
        "targetpath": ["gradients"],
        "urlpath": ["lab/tree/gradients/lessons/01_sums.ipynb"],
    }


def test_binder_opens_any_public_repository_and_any_branch():
    elsewhere = doors.Repository("https://git.example.org/a/b.git", "term/two")
    link = urlsplit(doors.binder(elsewhere, "01_sums.ipynb"))
    assert link.path == "/v2/git/https%3A%2F%2Fgit.example.org%2Fa%2Fb.git/term%2Ftwo"
    assert doors.nbgitpuller(elsewhere, "https://hub.example.org", "x").endswith("lab%2Ftree%2Fb%2Flessons%2Fx")


def test_links_that_cannot_be():
    with pytest.raises(CourseError, match="opens repositories on GitHub"):
        doors.colab(doors.Repository("https://example.org/a/b", "main"), "x.ipynb")
    with pytest.raises(CourseError, match="is not the address of a hub"):
        doors.nbgitpuller(WHERE, "hub.example.org", "x.ipynb")


def test_a_lesson_for_colab_runs_and_its_checks_answer(toy_course):
    book = doors.for_colab(toy_course.lesson(1), WHERE)
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    assert f'%pip install --quiet "course[lessons] @ git+{WHERE.url}@main"' in first.source
    assert all(cell.outputs == [] for cell in book.cells if cell.cell_type == "code")
    for cell in book.cells:
        if "exercise: 1.1" in cell.source:
            cell.source = f"#| exercise: 1.1\n{toy.RIGHT_1}"
    ran = kernels.run(book, toy_course.expected)
    assert kernels.errors(ran) == []
    assert verdicts(ran)["1.1"].startswith("✓ 1.1")
    assert CHECK_TAG not in str(book)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("", []),
        ("https://github.com/someone/gradients", ["Binder", "Colab"]),
        ("https://git.example.org/a", ["Binder"]),
    ],
)
def test_a_lessons_page_has_links_as_soon_as_the_address_is_set(url, names, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "book" / "_ext")
    from launch import launch

    (tmp_path / "_config.yml").write_text(f"repository:\n  url: {url!r}\n")
    app, page = SimpleNamespace(srcdir=tmp_path), {"body": "<h1>Sums</h1>\n<p>How large?</p>"}
    launch(app, "lessons/01_sums", "page.html", page, object())
    assert re.findall(r'<a href="https://[^"]*01_sums\.ipynb">(\w+)</a>', page["body"]) == names
    other = {"body": "<h1>Sums</h1>"}
    launch(app, "book/intro", "page.html", other, object())
    launch(app, "lessons/genindex", "genindex.html", other, None)
    assert other["body"] == "<h1>Sums</h1>"


def test_recorded_values_are_found_where_pip_puts_them_for_one_user(tmp_path):
    """As it does by itself, where it may not write for all."""
    code = "from coursekit.checking.records import expected_folders\nprint(*expected_folders(), sep='\\n')"
    env = {key: value for key, value in os.environ.items() if key != EXPECTED} | {"PYTHONUSERBASE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "share" / "coursekit" / "lessons" / "expected") in done.stdout.splitlines()
