"""Links that open the course elsewhere: on Binder, in Colab, or as a class repository copied onto a JupyterHub."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import yaml

from coursekit.lessons.course import Course
from coursekit.lessons.errors import CourseError
from coursekit.lessons.notebook import canonical, code_cell, code_cells
from coursekit.publishing.bundle import project

CONFIG = "_config.yml"
INSTALL = """\
# Where the course is not installed yet, this does it, once a session.
import importlib.util

if importlib.util.find_spec("coursekit") is None:
    %pip install --quiet "{name}[lessons] @ git+{url}@{branch}"
"""


@dataclass(frozen=True)
class Repository:
    """Where the course is published: its address and branch, and the name under which pip installs it."""

    url: str
    branch: str
    package: str = "course"

    @property
    def name(self):
        return self.url.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1]

    @property
    def path(self):
        """OWNER/NAME of a repository on GitHub, "" for any other."""
        parts = urlsplit(self.url)
        path = parts.path.strip("/").removesuffix(".git")
        return path if parts.hostname == "github.com" and path.count("/") == 1 else ""


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
    package = project(Course(root))["name"] if (root / "pyproject.toml").is_file() else Repository.package
    return Repository(url.rstrip("/"), named.get("branch") or "main", package)


def binder(where, notebook):
    """A link that opens a learner's own copy of a lesson on Binder, which builds from `environment.yml`."""
    place = f"gh/{where.path}" if where.path else f"git/{quote(where.url, safe='')}"
    query = _query(urlpath=f"lab/tree/work/{notebook}")
    return f"https://mybinder.org/v2/{place}/{quote(where.branch, safe='')}?{query}"


def colab(where, notebook, branch="colab"):
    """A link that opens a lesson in Colab, from the branch that holds the notebooks made by `for_colab`.

    CourseError for a repository that is not on GitHub.
    """
    if not where.path:
        raise CourseError(f"Colab opens repositories on GitHub, and {where.url} is not one.")
    return f"https://colab.research.google.com/github/{where.path}/blob/{quote(branch)}/{quote(notebook)}"


def nbgitpuller(where, hub, notebook):
    """A link that pulls the class repository into a learner's home on a JupyterHub and opens a lesson there.

    It names the folder, which nbgitpuller would else call NAME.git where the address ends so.
    """
    if urlsplit(hub).scheme not in ("http", "https") or not urlsplit(hub).netloc:
        raise CourseError(f"{hub} is not the address of a hub: give it as https://hub.example.org.")
    opened = f"lab/tree/{where.name}/lessons/{notebook}"
    query = _query(repo=where.url, branch=where.branch, targetpath=where.name, urlpath=opened)
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{query}"


def _query(**values):
    return urlencode(values, quote_via=quote, safe="")


def for_colab(lesson, where):
    """The lesson without outputs, behind a first cell that installs the course where it is absent."""
    book = canonical(lesson.notebook)
    code = INSTALL.format(name=where.package, url=where.url, branch=where.branch).rstrip()
    place = next(k for k, cell in enumerate(book.cells) if cell.cell_type == "code")
    book.cells.insert(place, code_cell(code, id="install"))
    for cell in code_cells(book):
        cell.outputs, cell.execution_count = [], None
    return book
