"""Doors into the course from elsewhere: Binder, Colab, and links that copy a class repository onto a hub."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import yaml
from nbformat.v4 import new_code_cell

from coursekit.lesson import CourseError, canonical, code_cells

CONFIG = "_config.yml"
INSTALL = """\
# Where the course is not installed yet, this does it, once a session.
import importlib.util

if importlib.util.find_spec("coursekit") is None:
    %pip install --quiet "git+{url}@{branch}"
"""


@dataclass(frozen=True)
class Repository:
    """Where the course is published: its address and branch."""

    url: str
    branch: str

    @property
    def name(self):
        return self.url.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1]

    @property
    def path(self):
        """OWNER/NAME, as Binder and Colab want it; CourseError for an address that is not on GitHub."""
        parts = urlsplit(self.url)
        path = parts.path.strip("/").removesuffix(".git")
        if parts.hostname != "github.com" or path.count("/") != 1:
            raise CourseError(f"Binder and Colab open repositories on GitHub, and {self.url} is not one.")
        return path


def repository(root, given=None):
    """The repository given, else the one that `_config.yml` names; CourseError when neither does."""
    config = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8")) if (root / CONFIG).is_file() else {}
    named = (config or {}).get("repository") or {}
    url = given or named.get("url")
    if not url:
        raise CourseError(
            f"The repository's address is not set: give --repository, or write it under repository: url: in {CONFIG}."
        )
    if urlsplit(url).scheme != "https" or any(letter in url for letter in "\"'\\ \n"):
        raise CourseError(f"{url} is not the https address of a repository.")
    return Repository(url.rstrip("/"), named.get("branch") or "main")


def binder(where, notebook):
    """A link that opens a learner's own copy of a lesson on Binder, which builds from `environment.yml`."""
    return (
        f"https://mybinder.org/v2/gh/{where.path}/{quote(where.branch)}?{_query(urlpath=f'lab/tree/work/{notebook}')}"
    )


def colab(where, notebook, branch="colab"):
    """A link that opens a lesson in Colab, from the branch that holds the notebooks made by `for_colab`."""
    return f"https://colab.research.google.com/github/{where.path}/blob/{quote(branch)}/{quote(notebook)}"


def nbgitpuller(where, hub, notebook):
    """A link that pulls the class repository into a learner's home on a JupyterHub and opens a lesson there."""
    if urlsplit(hub).scheme not in ("http", "https") or not urlsplit(hub).netloc:
        raise CourseError(f"{hub} is not the address of a hub: give it as https://hub.example.org.")
    opened = f"lab/tree/{where.name}/lessons/{notebook}"
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{_query(repo=where.url, branch=where.branch, urlpath=opened)}"


def _query(**values):
    return urlencode(values, quote_via=quote, safe="")


def for_colab(lesson, where):
    """The lesson without outputs, behind a first cell that installs the course where it is absent."""
    book = canonical(lesson.notebook)
    place = next(k for k, cell in enumerate(book.cells) if cell.cell_type == "code")
    book.cells.insert(place, new_code_cell(INSTALL.format(url=where.url, branch=where.branch).rstrip(), id="install"))
    for cell in code_cells(book):
        cell.outputs, cell.execution_count = [], None
    return book
