"""Links into the course, and lessons that install it where it is absent."""

from urllib.parse import parse_qs, urlsplit

import pytest

import toy
from coursekit import doors, kernels
from coursekit.fill import CHECK_TAG
from coursekit.lesson import CourseError
from coursekit.verify import verdicts

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
        "urlpath": ["lab/tree/gradients/lessons/01_sums.ipynb"],
    }


def test_links_that_cannot_be():
    with pytest.raises(CourseError, match="open repositories on GitHub"):
        doors.binder(doors.Repository("https://example.org/a/b", "main"), "x.ipynb")
    with pytest.raises(CourseError, match="is not the address of a hub"):
        doors.nbgitpuller(WHERE, "hub.example.org", "x.ipynb")


def test_a_lesson_for_colab_runs_and_its_checks_answer(toy_course):
    book = doors.for_colab(toy_course.lesson(1), WHERE)
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    assert f'%pip install --quiet "git+{WHERE.url}@main"' in first.source
    assert all(cell.outputs == [] for cell in book.cells if cell.cell_type == "code")
    for cell in book.cells:
        if "exercise: 1.1" in cell.source:
            cell.source = f"#| exercise: 1.1\n{toy.RIGHT_1}"
    ran = kernels.run(book, toy_course.expected)
    assert kernels.errors(ran) == []
    assert verdicts(ran)["1.1"].startswith("✓ 1.1")
    assert CHECK_TAG not in str(book)
