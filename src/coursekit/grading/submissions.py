"""Submissions as learning platforms export them: who handed in what, and which copy counts."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from coursekit.grading.archives import EMPTY, ONLY_TEXT, File, folder_files, refusal, text_of_file, zip_files
from coursekit.grading.enrolment import Known, enrolled
from coursekit.grading.glance import Glance, glance
from coursekit.grading.lateness import NO_RULE
from coursekit.grading.layouts import laid_out
from coursekit.grading.platforms import Learner
from coursekit.grading.reading import apart
from coursekit.lessons.copies import original
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import MAX_BYTES

MAX_ZIP_BYTES = 2 * MAX_BYTES  # of a learner's zip; the export itself may have any size
MOST_ENTRIES = 5000
MOST_NOTEBOOKS = 100
NOTHING = (EMPTY, ONLY_TEXT)
NOTHING_HANDED_IN = "nothing was handed in"
MOST_NAMES = 8
REASONS = ("it is of this lesson and can be read", "it has answers", "it came in time", "it is the newest",
           "it has more answers", "the last by name")  # fmt: skip


@dataclass(frozen=True)
class Submission:
    """What one learner handed in: the notebook that counts, or the `problem` with it, and a `note` on other copies.

    `number` is the platform's for this person, and empty where it may be a group's or another platform's; `due` is an
    extension; `absent` is who is on the roster and handed in nothing.
    """

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
    platform: str = ""
    when: datetime | None = None
    number: str = ""
    due: datetime | None = None
    absent: bool = False
    answered: int = 0
    attempts: tuple = ()

    @property
    def text(self):
        """The notebook's text, read on each call: a hundred thousand would not fit in memory. None with a problem."""
        return None if self.problem else self.load()


@dataclass
class Found:
    """What an export holds: a Submission a learner, and sentences for the teacher on how the export was read."""

    submissions: list
    platforms: list = field(default_factory=list)
    where: str = ""
    left_out: list = field(default_factory=list)
    doubts: list = field(default_factory=list)

    def told(self):
        """Lines for the terminal: who was found, how many, and what was left out."""
        names = [submission.learner for submission in self.submissions if not submission.absent]
        absent = [submission.learner for submission in self.submissions if submission.absent]
        by = " and ".join(self.platforms)
        named = f", as {by} names them" if by else ", by the names of their files"
        yield f"{len(names)} learner{'s' * (len(names) != 1)}{named}{f', in {self.where}' * bool(self.where)}:"
        yield f"  {_some(names, 'manifest.csv has all of them')}"
        if absent:
            yield f"  {len(absent)} on the roster handed in nothing: {_some(absent, 'manifest.csv has all of them')}"
        if self.left_out:
            yield f"  left out, since they are nobody's: {_some(self.left_out)}"
        yield from (f"  {doubt}" for doubt in self.doubts)


def _some(names, where=""):
    more = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES])
    return shown + (f", and {more} more" + f"; {where}" * bool(where)) * (more > 0)


def collect_submissions(path, lesson, inside="", roster=None, individual=False, rule=NO_RULE, attempt="last"):
    """One Submission a learner, sorted by name, from a folder or a zip; nothing is unpacked and no link is followed."""
    return find_submissions(path, lesson, inside, roster, individual, rule, attempt).submissions


def find_submissions(path, lesson, inside="", roster=None, individual=False, rule=NO_RULE, attempt="last"):
    """What a folder or a zip holds, as Found. `inside`: the folder of it in which the learners' files and folders lie.

    `roster`, a Roster, adds those who handed in nothing, and gives each member of a group a row. With `individual`
    the teacher says that numbers of Moodle's are learners' and not groups'. `rule` says what is late, `attempt` which
    of several counts: "last", "first", or "best", when each is in `attempts` of the Submission. NotebookError where
    the export holds nothing, or where who is who may be read in two ways.
    """
    path = Path(path)
    if path.is_dir():
        files = list(folder_files(path))
    elif path.is_file() and zipfile.is_zipfile(path):
        files = list(zip_files(path))
    else:
        raise NotebookError(f"{path} is neither a folder of submissions nor a zip: give the export of your platform.")
    try:
        inbox = laid_out(files, lesson, inside)
    except NotebookError as error:
        raise NotebookError(f"{path} {error}") from None
    class_list = enrolled(inbox.handed, roster, individual)
    submissions = [_counted(group, lesson, known, rule, attempt) for group, known in class_list.groups]
    submissions = sorted([*submissions, *map(_absent, class_list.absent)], key=lambda s: s.learner)
    doubts = [*inbox.doubts, *class_list.doubts, *_alike(sorted({s.learner for s in submissions}))]
    return Found(submissions, sorted(filter(None, inbox.platforms)), inbox.where, sorted(set(inbox.left_out)), doubts)


def one_submission(folder, lesson):
    """The Submission of a folder that belongs to one learner, whatever its files are called."""
    learner = Learner("submission")
    handed = [(learner, replace(file, parts=("submission", *file.parts))) for file in folder_files(folder)]
    return _choose(handed or [(learner, File(("submission", ""), EMPTY))], lesson, Known(learner.label, learner.name))


def _counted(group, lesson, known, rule, attempt):
    """The Submission of one learner's files, some of which may be late, in one or several attempts."""
    group = [(replace(one, late=rule.days(one.when, one.late, known.due) > 0), file) for one, file in group]
    attempts = {}
    for one, file in group:
        attempts.setdefault(_moment(one.when), []).append((one, file))
    if attempt == "first":
        chosen = [_choose(attempts[moment], lesson, known) for moment in sorted(attempts)]
        return next((s for s in chosen if not s.problem and s.answered), chosen[0])
    counted = _choose(group, lesson, known)
    if attempt == "best" and len(attempts) > 1:
        each = tuple(_choose(attempts[moment], lesson, known) for moment in sorted(attempts))
        return replace(counted, attempts=tuple(s for s in each if not s.problem))
    return counted


def _moment(when):
    return when.timestamp() if when else 0.0


def _absent(person):
    return Submission(
        person.label, person.name, person.id, problem=NOTHING_HANDED_IN, number=person.id, due=person.due, absent=True
    )


def _alike(labels):
    """Sentences on names of learners that a reader takes for one another."""
    looks = {}
    for label in labels:
        bare = "".join(c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
        looks.setdefault(" ".join(bare.casefold().split()), []).append(label)
        if (stem := original(label)[0]) != label and stem in labels:
            yield f"{stem} and {label} are two rows; put the files into one folder if they are one learner's"
    yield from (f"{' and '.join(alike)} look alike, and are two rows" for alike in looks.values() if len(alike) > 1)


def _choose(group, lesson, known):
    """The copy that counts.

    It is one of this lesson that can be read, and of these one with answers rather than blank, in time rather than
    late, the newest, the one with the most answers, the last by name.
    """
    group = [(learner, file) for learner, file in group if file.read not in NOTHING] or group
    try:
        seen = apart(_seen, [file for _, file in group], lesson)
    except (NotebookError, RuntimeError) as error:
        seen = [[0, group[0][1].name, None, 0, str(error)]]
    read = []
    for member, name, inside, saved, *found in seen:
        learner, file = group[member]
        load = text_of_file(file) if inside is None else text_of_file(File((name,), _again(file, inside)))
        read.append((learner, name, load, saved, Glance(*found)))
    ranked = sorted(read, key=_rank, reverse=True)
    learner, file, load, _, seen = ranked[0]
    return Submission(
        known.label, known.name, learner.id, known.handle, file, learner.late, seen.problem,
        "; ".join(filter(None, [_note(ranked), known.note])), seen.digest, load, learner.platform, learner.when,
        known.number, known.due, answered=seen.answered,
    )  # fmt: skip


def _seen(files, lesson):
    """What is in a learner's files, as plain data: [place, name, place in a zip or None, when saved, *Glance] each."""
    found = [(k, *copy) for k, file in enumerate(files) for copy in _notebooks(file)]
    if not found:
        held = ", ".join(dict.fromkeys(file.name for file in files[:3]))
        return [[0, files[0].name, None, 0, f"there is no notebook, only {held}"]]
    return [[k, name, inside, saved, *astuple(glance(load, lesson))] for k, name, load, saved, inside in found]


def _rank(copy):
    """What decides between copies, the weightiest first; REASONS says each of them."""
    learner, name, _, saved, seen = copy
    last = name.rpartition("/")[2]
    by_name = (original(last)[1], _natural(name))
    return (
        seen.ours and not seen.problem,
        seen.answered > 0,
        not learner.late,
        (_moment(learner.when), saved),
        seen.answered,
        by_name,
    )


def _note(ranked):
    best, file = _rank(ranked[0]), ranked[0][1]
    others = sorted({copy[1] for copy in ranked} - {file}, key=_natural)
    if not others:
        return ""
    against = next((_rank(copy) for copy in ranked[1:] if copy[1] != file), best)
    why = next((reason for reason, a, b in zip(REASONS, best, against, strict=True) if a != b), REASONS[-1])
    return f"of {len(ranked)} notebooks this one counts ({why}); not: {', '.join(others)}"


def _notebooks(file):
    """(name, load, when saved, place in the zip) of the notebook that a file is, or of those in the zip that it is."""
    if file.suffix == ".ipynb" or not file.parts[-1] or file.read in NOTHING:
        return [(file.name, text_of_file(file), file.saved, None)]
    try:
        if file.suffix != ".zip":
            file.read(0)
            return []
        inside = [(k, f) for k, f in enumerate(_inside(file)) if f.suffix == ".ipynb"]
    except NotebookError as error:
        return [(file.name, refusal(str(error)), 0, None)]
    if len(inside) > MOST_NOTEBOOKS:  # each would be unpacked to look into it
        return [(file.name, refusal(f"it holds more than {MOST_NOTEBOOKS} notebooks"), 0, None)]
    loads = [(f"{file.name}/{f.name}", text_of_file(File(f.parts, _again(file, k))), f.saved, k) for k, f in inside]
    return loads or [(file.name, refusal("it holds no notebook"), 0, None)]


def _inside(file):
    data = file.read(MAX_ZIP_BYTES + 1)
    if len(data) > MAX_ZIP_BYTES:
        raise NotebookError(f"it has more than {MAX_ZIP_BYTES // 10**6} MB")
    return list(zip_files(io.BytesIO(data), MOST_ENTRIES))


def _again(file, k):
    """How to read the k-th file of a zip, opened anew: a class's zips, kept open, would fill the memory."""
    return lambda most: _inside(file)[k].read(most)


def _natural(name):
    """A key that sorts copy-2 before copy-10."""
    parts = re.split(r"(\d+)", name)
    return [(0, len(p.lstrip("0")), p.lstrip("0")) if p.isdecimal() else (1, 0, p) for p in parts]
