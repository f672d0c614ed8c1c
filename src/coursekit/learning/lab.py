"""The learner's own copies of the lessons in `work/`: made once, never overwritten."""

import hashlib
import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from coursekit.checking.hints import TRIES
from coursekit.checking.records import EXPECTED
from coursekit.checking.toolbox import TOOLBOX
from coursekit.learning.progress import PAGE, notebook
from coursekit.learning.shelf import FILE
from coursekit.lessons.course import INSTALLED
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import Lesson, canonical, code_cells, read, text_of

LEDGER = ".copies.json"
QUIET = Path(__file__).parent / "jupyter"  # settings under which JupyterLab asks no other host for news of itself


def fresh(lesson):
    """The text of a new copy: the lesson without outputs, so that no result shows before its cell has run."""
    copy = canonical(lesson.notebook)
    for cell in code_cells(copy):
        cell.outputs, cell.execution_count = [], None
    return text_of(copy)


def update(course, work):
    """Bring `work/` up to date and return sentences on what was done; a learner's file is never changed.

    A lesson that changed since it was copied is put beside the copy as NN_name.new.ipynb.
    """
    work.mkdir(parents=True, exist_ok=True)
    ledger = _read_ledger(work / LEDGER)
    said = []
    for path in course.paths:
        try:
            text = fresh(Lesson.load(path))
        except NotebookError as error:  # the others can be worked on
            said.append(str(error))
            continue
        copy, digest = work / path.name, hashlib.sha256(text.encode()).hexdigest()
        if _create(copy, _as_saved(text)):
            said.append(f"{path.name}: your own copy is made")
        elif digest not in (ledger.get(path.name) or [digest]):
            beside = next(name for name in _names(copy) if _create(name, _as_saved(text)))
            said.append(f"{path.name} has changed: the new one is {beside.name}, your copy stays as it is")
        known = ledger.setdefault(path.name, [])
        if digest not in known:
            known.append(digest)
    _write_ledger(work / LEDGER, ledger)
    _create(work / PAGE, _as_saved(notebook()))
    return said


def _as_saved(text):
    """A notebook with the metadata that JupyterLab adds on opening, so that opening it leaves no unsaved changes."""
    from ipykernel.ipkernel import IPythonKernel

    notebook = json.loads(text)
    notebook["metadata"]["language_info"] = IPythonKernel.language_info
    return text_of(notebook)


def _create(path, text):
    """Write a file that is not there yet; False when there is one, or anything else of that name."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _names(copy):
    return (copy.with_name(f"{copy.stem}.new{k}.ipynb") for k in ["", *range(2, 1000)])


def _read_ledger(path):
    """Digests of the lessons that were copied or announced, by file name; malformed entries are left out."""
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = ledger.items() if isinstance(ledger, dict) else []
    return {name: [d for d in digests if isinstance(d, str)] for name, digests in known if isinstance(digests, list)}


def _write_ledger(path, ledger):
    path.write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def find_copy(course, work, number):
    """The learner's copy of a lesson, by number; NotebookError when there is none yet."""
    lesson = course.lesson(number)
    copy = work / lesson.path.name
    if not copy.is_file():
        raise NotebookError(f"{copy} is not there yet: `course lab` makes your copies of the lessons.")
    return copy


def open_lab(course, work, number, options):
    """Replace this process by JupyterLab, open on a lesson's copy; on Windows, run it and return its exit status.

    Stopping this process stops JupyterLab, which alone handles Ctrl-C.
    """
    copy = find_copy(course, work, number)
    read(copy)
    paths = [str(QUIET), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    env = os.environ | {
        EXPECTED: str(course.expected),
        TRIES: str(work / ".tries.json"),
        TOOLBOX: str(work / FILE),
        "JUPYTER_CONFIG_PATH": os.pathsep.join(paths),
    }
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={work}"]
    command += [f"--LabApp.default_url=/lab/tree/{quote(copy.name)}", *options]  # also where no browser can be opened
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root; the server listens to this machine only
    sys.stdout.flush()
    if hasattr(os, "fork"):  # on Windows, a shell would not wait for the process that replaced its own
        os.execve(command[0], command, env)
    import subprocess  # where it is needed alone

    return subprocess.run(command, env=env, check=False).returncode


def work_folder(course, given=None):
    """Where copies live: the folder given, else `work/` in the course, or here when the course is installed."""
    if given:
        return Path(given).resolve()
    home = Path.cwd() if course.root == INSTALLED else course.root
    return (home / "work").resolve()
