"""Submissions as learning platforms export them: who handed in what, and which copy counts."""

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coursekit.archives import EMPTY, File, folder_files, refusal, zip_files
from coursekit.fill import collect
from coursekit.lesson import MAX_BYTES, NotebookError, mark, parse

MAX_ZIP_BYTES = 2 * MAX_BYTES  # of a learner's zip; the export itself may have any size
MOST_ENTRIES = 5000
MOST_NOTEBOOKS = 100
OTHER_LESSON, NOTHING_OF_IT = "this is lesson {}, not {}", "none of the exercises of lesson {} is in it"
# Moodle: "Ada Lovelace_4711_assignsubmission_file_/…". Canvas: "lovelaceada_LATE_77_1234_name.ipynb", the learner's
# number and then the file's; see get_student_prefix (mod_assign) and get_filename (lib/content_zipper.rb).
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<id>\d+)_assignsubmission_")
CANVAS = re.compile(r"^(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>[1-9]\d*)_(?P<file>[1-9]\d*)_")
ANONYMOUS = re.compile(r"^(?P<late>LATE_)?(?P<id>anon_\w+?)_(?P<file>[1-9]\d*)_")


@dataclass(frozen=True)
class Learner:
    """Who handed in: a name, the platform's number, and the beginning of the names under which it takes files back."""

    name: str
    id: str = ""
    handle: str = ""
    late: bool = False

    @property
    def label(self):
        return f"{self.name} ({self.id})" if self.id else self.name


@dataclass(frozen=True)
class Submission:
    """What one learner handed in: the notebook that counts, or the `problem` with it, and a `note` on other copies."""

    learner: str
    name: str = ""
    id: str = ""
    handle: str = ""
    file: str = ""
    late: bool = False
    problem: str = ""
    note: str = ""
    digest: str = ""
    load: Callable = lambda: None

    @property
    def text(self):
        """The notebook's text, read when it is asked for: a hundred thousand would not fit. None with a problem."""
        return None if self.problem else self.load()


def collect_submissions(path, lesson):
    """One Submission a learner, sorted by name, from a folder or a zip; nothing is unpacked and no link is followed."""
    path = Path(path)
    if path.is_dir():
        files = list(folder_files(path))
    elif path.is_file() and zipfile.is_zipfile(path):
        files = list(zip_files(path))
    else:
        raise NotebookError(f"{path} is neither a folder of submissions nor a zip: give the export of your platform.")
    groups = {}
    for learner, file in _by_learner(_unwrapped(files)):
        groups.setdefault(learner.label, []).append((learner, file))
    if not groups:
        raise NotebookError(f"{path} holds no submissions: give the folder or the zip that your platform exported.")
    return [_choose(group, lesson) for _, group in sorted(groups.items())]


def _unwrapped(files):
    """The files of an export that lies in one folder or one zip of its own; a learner's own folder is left alone."""
    tops = {file.parts[0] for file in files}
    if len(tops) != 1:
        return files
    if len(files) == 1 and files[0].suffix == ".zip" and files[0].path and not files[0].path.is_symlink():
        try:
            inside = list(zip_files(files[0].path))
        except NotebookError:
            return files
    else:
        inside = [File(file.parts[1:], file.read) for file in files if len(file.parts) > 1]
    if any(_platform(file.parts[0]) for file in inside):
        return inside
    inner = {file.parts[0] for file in inside if file.read is not EMPTY}
    return inside if len(inner) > 1 and len(files) == 1 else files


def _platform(name):
    return MOODLE.match(name) or CANVAS.match(name) or ANONYMOUS.match(name)


def _by_learner(files):
    """(Learner, file) of each file. Only the outermost name tells who it is: what lies inside, a learner named."""
    names = {file.parts[0] for file in files}
    numbers = [found["file"] for name in names if (found := CANVAS.match(name) or ANONYMOUS.match(name))]
    # Canvas numbers each file. Names that people agreed on, like hw_2024_5_ada, repeat theirs.
    from_canvas = len(set(numbers)) == len(numbers)
    return [(who(file.parts[0], from_canvas), file) for file in files]


def who(name, from_canvas=True):
    """The Learner whom the outermost name of a file or folder names, as Moodle, Canvas or a person would write it."""
    if found := MOODLE.match(name):
        return Learner(found["name"], found["id"], f"{found['name']}_{found['id']}_assignsubmission_file_")
    if from_canvas and (found := CANVAS.match(name)):
        return Learner(found["name"], found["id"], found[0], bool(found["late"]))
    if from_canvas and (found := ANONYMOUS.match(name)):
        return Learner("anonymous", found["id"], found[0], bool(found["late"]))
    return Learner(re.sub(r"\.(ipynb|zip)$", "", name, flags=re.IGNORECASE).strip() or "no name")


def _choose(group, lesson):
    """The copy that counts: of this lesson, readable, on time rather than late, and of several the last by name."""
    group = [(learner, file) for learner, file in group if file.read is not EMPTY] or group
    copies = [(learner, name, load) for learner, file in group for name, load in _notebooks(file)]
    if not copies:
        held = ", ".join(file.name for _, file in group[:3])
        copies = [(group[0][0], group[0][1].name, refusal(f"there is no notebook, only {held}"))]
    read = [(learner, name, load, *_look(load, lesson)) for learner, name, load in copies]
    usable = [copy for copy in read if not copy[3]] or read
    best = max(usable, key=lambda copy: (copy[5], not copy[0].late, _natural(copy[1])))
    learner, file, load, problem, digest, _ = best
    others = sorted({copy[1] for copy in read} - {file}, key=_natural)
    note = f"of {len(read)} notebooks this one counts; not: {', '.join(others)}" if others else ""
    return Submission(
        learner.label, learner.name, learner.id, learner.handle, file, learner.late, problem, note, digest, load
    )


def _notebooks(file):
    """(name, load) of the notebook that a file is, or of those in the zip that it is."""
    if file.suffix == ".ipynb" or not file.parts[-1]:
        return [(file.name, _text(file.read))]
    try:
        if file.suffix != ".zip":
            file.read(0)
            return []
        inside = [(k, f) for k, f in enumerate(_inside(file)) if f.suffix == ".ipynb"]
    except NotebookError as error:
        return [(file.name, refusal(str(error)))]
    if len(inside) > MOST_NOTEBOOKS:  # each would be unpacked to look into it
        return [(file.name, refusal(f"it holds more than {MOST_NOTEBOOKS} notebooks"))]
    loads = [(f"{file.name}/{f.name}", _text(_again(file, k))) for k, f in inside]
    return loads or [(file.name, refusal("it holds no notebook"))]


def _inside(file):
    data = file.read(MAX_ZIP_BYTES + 1)
    if len(data) > MAX_ZIP_BYTES:
        raise NotebookError(f"it has more than {MAX_ZIP_BYTES // 10**6} MB")
    return list(zip_files(io.BytesIO(data), MOST_ENTRIES))


def _again(file, k):
    """How to read the k-th file of a zip, opened anew: a class's zips, kept open, would fill the memory."""
    return lambda most: _inside(file)[k].read(most)


def _text(read):
    def load():
        data = read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise NotebookError(f"it has more than {MAX_BYTES // 10**6} MB")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise NotebookError("it is not UTF-8 text, so it is not a notebook") from None

    return load


def _look(load, lesson):
    """(problem, digest, whether marks of this lesson are in it) of one notebook; another lesson's is a problem."""
    try:
        text = load()
        notebook = parse(text, "it")
    except NotebookError as error:
        return str(error), "", False
    digest = hashlib.sha256(text.encode()).hexdigest()
    exercises = [m.exercise for cell in notebook.cells if (m := mark(cell))]
    ours = not lesson.gaps.keys().isdisjoint(exercises)
    return "" if ours else _foreign(lesson, notebook, exercises), digest, ours


def _foreign(lesson, notebook, exercises):
    """Why a notebook without a mark of the lesson is none of it; "" where an answer is known by what it defines."""
    numbers = Counter(exercise.partition(".")[0].zfill(2) for exercise in exercises)
    for number, _ in numbers.most_common(1):
        if number != lesson.number:
            return OTHER_LESSON.format(number[:4], lesson.number)
    return "" if collect(lesson, notebook).by_exercise else NOTHING_OF_IT.format(lesson.number)


def _natural(name):
    """A key that sorts copy-2 before copy-10."""
    parts = re.split(r"(\d+)", name)
    return [(0, len(p.lstrip("0")), p.lstrip("0")) if p.isdecimal() else (1, 0, p) for p in parts]
