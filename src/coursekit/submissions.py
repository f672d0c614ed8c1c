"""A folder of submissions as learning platforms export it: who handed in what, and which copy counts."""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursekit.lesson import MAX_BYTES, NotebookError, mark, parse

MOST_ENTRIES = 5000
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_")
CANVAS = re.compile(r"^(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_")
JUNK = re.compile(r"(^|/)(__MACOSX|\.ipynb_checkpoints|\.[^/]*)(/|$)")


@dataclass
class Submission:
    """What one learner handed in: `text` of the notebook that counts, or `problem`, and a `note` for the manifest."""

    learner: str
    file: str = ""
    text: str | None = None
    problem: str = ""
    note: str = ""
    late: bool = False


def collect_submissions(folder, lesson):
    """One Submission a learner, sorted by name; nothing is written and no link is followed."""
    folder = Path(folder)
    if not folder.is_dir():
        raise NotebookError(f"{folder} is not a folder of submissions: unpack the export, or give its folder.")
    groups = {}
    for name, late, file, load in _export(folder):
        groups.setdefault(name, []).append((late, file, load))
    return [_choose(learner, copies, lesson) for learner, copies in sorted(groups.items())]


def _export(folder):
    """(learner, late, file, load) for each notebook found; an export that is one zip is looked into."""
    tops = sorted(path for path in folder.iterdir() if not JUNK.search(path.name))
    if len(tops) == 1 and tops[0].suffix.lower() == ".zip" and not tops[0].is_symlink():
        for inner, load in _zip_entries(tops[0].read_bytes(), tops[0].name):
            parts = PurePosixPath(inner).parts
            yield (*who(parts[0] if len(parts) > 1 else inner), inner, load)
        return
    for top in tops:
        learner, late = who(top.name)
        if top.is_symlink():
            yield learner, late, top.name, _refusal("it is a link, and links are not followed")
        elif top.is_dir():
            yield from ((learner, late, file, load) for file, load in _folder_entries(top))
        elif top.suffix.lower() == ".zip":
            yield from ((learner, late, file, load) for file, load in _zip_entries(top.read_bytes(), top.name))
        elif top.suffix.lower() == ".ipynb":
            yield learner, late, top.name, _reader(top)


def who(name):
    """(learner, late?) from the name of a file or folder, as Moodle, Canvas or a person would write it."""
    if found := MOODLE.match(name):
        return f"{found['name']} ({found['id']})", False
    if found := CANVAS.match(name):
        return f"{found['name']} ({found['id']})", bool(found["late"])
    return re.sub(r"\.(ipynb|zip)$", "", name, flags=re.IGNORECASE), False


def _folder_entries(top):
    found = []
    for path in sorted(top.rglob("*")):
        file = str(path.relative_to(top.parent))
        if path.is_symlink():
            found.append((file, _refusal("it is a link, and links are not followed")))
        elif path.suffix.lower() == ".zip" and path.is_file():
            found += _zip_entries(path.read_bytes(), file)
        elif path.suffix.lower() == ".ipynb" and path.is_file() and not JUNK.search(file):
            found.append((file, _reader(path)))
    return found or [(top.name, _refusal("it holds no notebook"))]


def _zip_entries(data, name):
    """(name, load) of the notebooks in a zip; nothing is unpacked to disk, and no more is read than a lesson has."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return [(name, _refusal("it is not a readable zip"))]
    if len(entries) > MOST_ENTRIES:
        return [(name, _refusal(f"it holds more than {MOST_ENTRIES} files"))]
    wanted = [e for e in entries if e.filename.lower().endswith(".ipynb") and not JUNK.search(e.filename)]
    return [(e.filename, _unzip(archive, e)) for e in wanted] or [(name, _refusal("it holds no notebook"))]


def _unzip(archive, entry):
    def load():
        if entry.flag_bits & 1:
            raise NotebookError("it is locked with a password")
        try:
            with archive.open(entry) as file:
                data = file.read(MAX_BYTES + 1)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
            raise NotebookError(f"it cannot be unpacked: {error}") from None
        return _text(data)

    return load


def _reader(path):
    def load():
        with path.open("rb") as file:
            return _text(file.read(MAX_BYTES + 1))

    return load


def _refusal(why):
    def load():
        raise NotebookError(why)

    return load


def _text(data):
    if len(data) > MAX_BYTES:
        raise NotebookError(f"it has more than {MAX_BYTES // 10**6} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotebookError("it is not UTF-8 text, so it is not a notebook") from None


def _choose(learner, copies, lesson):
    """The copy that counts: of this lesson, readable, on time before late, and of several the last by name."""
    read = [(late, file, *_try(load, lesson)) for late, file, load in copies]
    usable = [copy for copy in read if not copy[3]]
    late, file, text, problem = max(usable or read, key=lambda copy: (copy[4], copy[0], _natural(copy[1])))[:4]
    others = [copy[1] for copy in read if copy[1] != file]
    note = f"of {len(read)} notebooks this one counts; not: {', '.join(others)}" if others else ""
    return Submission(learner, file, text, problem, note, late)


def _try(load, lesson):
    """(text, problem, marks of this lesson found) of one notebook."""
    try:
        text = load()
        notebook = parse(text, "it")
    except NotebookError as error:
        return None, str(error), 0
    mine = [m for cell in notebook.cells if (m := mark(cell)) and m.exercise in lesson.gaps]
    return text, "", min(len(mine), 1)


def _natural(name):
    """A key that sorts copy-2 before copy-10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]
