"""Platforms: how each names the files that it exports, and which learner such a name means.

Only names that a platform or a teacher gave identify a learner, never anything inside a learner's own folder or zip.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import yaml

from coursekit.grading.archives import EMPTY, ONLY_TEXT, File, plain
from coursekit.lessons.copies import NOTEBOOK, original
from coursekit.lessons.errors import NotebookError

MOST_METADATA = 20_000_000


@dataclass(frozen=True)
class Learner:
    """Who handed in: a name, the platform's number, and the beginning of the names under which it takes files back.

    `when` is the time of this attempt where the platform tells it, `note` what to know of the name.
    """

    name: str
    id: str = ""
    handle: str = ""
    late: bool = False
    platform: str = ""
    when: datetime | None = None
    email: str = ""
    note: str = ""

    @property
    def label(self):
        return f"{self.name} ({self.id})" if self.id else self.name


@dataclass
class Inbox:
    """What an export holds: (Learner, File) pairs, the platforms, where in it they lay, what is nobody's, doubts."""

    handed: list = field(default_factory=list)
    platforms: set = field(default_factory=set)
    where: str = ""
    left_out: list = field(default_factory=list)
    doubts: list = field(default_factory=list)

    def __iadd__(self, other):
        self.handed += other.handed
        self.platforms |= other.platforms
        self.left_out += other.left_out
        self.doubts += other.doubts
        return self


# Moodle, get_student_prefix and load_submissionplugin_filelist (mod/assign/classes/downloader.php): the number is a
# learner's, or a group's where groups hand in, or absent for those in no group. Canvas, get_filename
# (lib/content_zipper.rb): the learner's number, then the file's.
MOODLE = re.compile(r"^(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_[a-z]+(?:_|$)")
CANVAS = re.compile(r"^(?P<name>\w+?)_(?P<late>LATE_)?(?P<id>[1-9]\d*)_(?P<file>[1-9]\d*)_")
ANONYMOUS = re.compile(r"^(?P<late>LATE_)?(?P<id>anon_\w+?)_(?P<file>[1-9]\d*)_")
# Blackboard: Assignment_username_attempt_2026-11-29-17-20-05_file.ipynb, and the same without a file as a .txt.
BLACKBOARD = re.compile(r"^(?P<stem>.+?)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?P<rest>\.txt$|_.+$)")
BLACKBOARD_NAME = re.compile(r"^Name:\s*(?P<name>.+?)\s*\((?P<id>[^()]+)\)\s*$", re.MULTILINE)
# Brightspace: "101-202 - Ada Lovelace - Sep 24, 2026 926 PM", a folder, or the beginning of a file's name.
BRIGHTSPACE = re.compile(r"^(?P<id>\d+)-\d+ - (?P<name>.+?) - (?P<when>[^-]*\b\d{4}\b[^-]*?)(?: - (?P<file>.+))?$")
# nbgrader's exchange: student+assignment+2026-11-29 17:20:05 UTC (nbgrader/exchange/default/submit.py).
EXCHANGE = re.compile(r"^(?P<id>[^+]+)\+[^+]+\+(?P<when>\d{4}-\d\d-\d\d \d\d[:_]\d\d[:_]\d\d[^+]*)(?:\+.*)?$")
# Sakai: "Lovelace, Ada(ada1)", a folder, or the beginning of a file's name.
SAKAI = re.compile(r"^(?P<name>[^()]+)\((?P<id>[^()]+)\)$")
SAKAI_FLAT = re.compile(r"^(?P<name>[^()]+)\((?P<id>[^()]+)\)_Submission attachment\(s\)_")
SAKAI_OWN = {"Submission attachment(s)", "Feedback Attachment(s)", "timestamp.txt", "comments.txt"}
# ILIAS: Lastname_Firstname_login_4711, and a team's members below "Team 7".
ILIAS = re.compile(r"^(?P<last>[^_\d]+)_(?P<first>[^_\d]+)_(?P<login>\w[\w.@-]*?)_(?P<id>\d+)$")
ILIAS_TEAM, ILIAS_LATE = re.compile(r"^Team[ _]\d+$"), re.compile(r"^(Late [Ss]ubmission|Versp(ä|ae?)tete \w+) - ")
NBGRADER = {"source", "release", "autograded", "feedback", "submitted", "exchange"}
NBGRADER |= {"gradebook.db", "nbgrader_config.py"}
NOBODY = re.compile(
    r"^(index\.html|readme(\.\w+)?|licen[cs]e(\.\w+)?|(grades|status)\.(csv|xlsx?)|gradebook\.db|export_manifest\.\w+|"
    r"submission_metadata\.yml|nbgrader_config\.py|(roster|class)\.csv)$",
    re.I,
)
DAYS = ("%Y-%m-%d-%H-%M-%S", "%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H_%M_%S %Z")
STAMPS = ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S%f")
WORDS = ("%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %b, %Y %H%M", "%d %B, %Y %H%M", "%d %b %Y %H%M", "%d %B %Y %H%M")


def time_of(text):
    """The time that a platform wrote, or None; by a platform's own clock where it has no zone."""
    text = re.sub(r"\b(\d)(\d\d [AP]M)$", r"0\1\2", " ".join(text.split()))
    for form in (*DAYS, *STAMPS, *WORDS):
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        return found.replace(tzinfo=UTC) if text.endswith("UTC") or re.fullmatch(r"\d{17}", text) else found
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def who(name, from_canvas=True, lesson=None):
    """The Learner whom the name of a file or folder names, as a platform or a person would write it."""
    if found := MOODLE.match(name):
        number = f"_{found['id']}" if found["id"] else ""
        handle = f"{found['name']}{number}_assignsubmission_file_"
        return Learner(found["name"], found["id"] or "", handle, platform="Moodle")
    if found := BLACKBOARD.match(name):
        return Learner(found["stem"].rpartition("_")[2], platform="Blackboard", when=time_of(found["when"]))
    if found := BRIGHTSPACE.match(name):
        return Learner(found["name"], found["id"], platform="Brightspace", when=time_of(found["when"]))
    if found := EXCHANGE.match(name):
        return Learner(found["id"], platform="nbgrader", when=time_of(found["when"]))
    if found := SAKAI_FLAT.match(name):
        return Learner(found["name"].strip(), found["id"], platform="Sakai")
    if from_canvas and (found := CANVAS.match(name)):
        return Learner(found["name"], found["id"], found[0], bool(found["late"]), "Canvas")
    if from_canvas and (found := ANONYMOUS.match(name)):
        return Learner("anonymous", found["id"], found[0], bool(found["late"]), "Canvas")
    stem = re.sub(r"\.zip$", "", NOTEBOOK.sub("", name), flags=re.IGNORECASE).strip()
    person, dash, title = stem.partition(" - ")
    if lesson and dash and person.strip() and original(title)[0] == lesson.name:  # Google Classroom: "Ada - 01_name"
        return Learner(person.strip(), platform="Google Classroom")
    return Learner(stem or "no name")


def groups_of(files):
    groups = {}
    for file in files:
        groups.setdefault(file.parts[0], []).append(file)
    return groups


def lowered(file, levels):
    return replace(file, parts=file.parts[levels:])


def named_by_a_platform(groups):
    """Whether an outermost name is a platform's; Canvas exports files only, so one lone folder is not from there."""
    sure, files = (MOODLE, BLACKBOARD, BRIGHTSPACE, EXCHANGE, SAKAI_FLAT), (CANVAS, ANONYMOUS)
    return any(
        any(pattern.match(top) for pattern in sure)
        or (any(pattern.match(top) for pattern in files) and (len(groups) > 1 or own[0].parts == (top,)))
        for top, own in groups.items()
    )


def by_name(files, lesson):
    """The Inbox of the learners in the outermost names; names further inside were chosen by the learners."""
    inbox, blackboard = Inbox(), _blackboard_names(files)
    groups = groups_of(files)
    numbers = [found["file"] for top in groups if (found := CANVAS.match(top) or ANONYMOUS.match(top))]
    # Canvas numbers each file. Names that people agreed on, like hw_2024_5_ada, repeat theirs.
    from_canvas = len(set(numbers)) == len(numbers)
    for top, own in groups.items():
        if NOBODY.match(top) and own[0].parts == (top,):
            inbox.left_out.append(top)
            continue
        learner = who(top, from_canvas, lesson)
        inbox.platforms.add(learner.platform)
        if learner.platform == "Blackboard":
            learner = replace(learner, **blackboard.get(BLACKBOARD.match(top)["stem"], {}))
            if BLACKBOARD.match(top)["rest"] == ".txt":  # Blackboard's own, one an attempt
                own = [File((top,), ONLY_TEXT)]
        inbox.handed += [(learner, file) for file in own]
    return inbox


def _blackboard_names(files):
    """{what stands before _attempt_: name and username}, as Blackboard writes them into its own .txt files."""
    names = {}
    for file in files:
        found = BLACKBOARD.match(file.parts[0])
        if found and found["rest"] == ".txt" and found["stem"] not in names:
            try:
                text = file.read(2000).decode("utf-8", "replace")
            except NotebookError:
                continue
            said = BLACKBOARD_NAME.search(text)
            if said and said.start() == 0 and found["stem"].endswith(f"_{said['id']}"):
                names[found["stem"]] = {"name": plain(said["name"]), "id": plain(said["id"])}
    return names


def by_structure(files, above):
    """The Inbox of a level that is laid out as one of the platforms with folders of their own; None otherwise."""
    groups = groups_of(files)
    folders = {top: own for top, own in groups.items() if len(own[0].parts) > 1}
    for read in (_gradescope, _nbgrader, _sakai, _ilias, _github, _hub):
        if found := read(files, folders, above):
            beside = [top for top in groups if top not in folders]
            found.left_out += [top for top in beside if top not in {file.parts[0] for _, file in found.handed}]
            return found
    return None


def _gradescope(files, folders, _):
    """submission_metadata.yml names who handed in each folder `submission_…`: several people where a group did."""
    if not folders or not all(re.match(r"submission_\w+$", top) for top in folders):
        return None
    listed = [file for file in files if file.parts == ("submission_metadata.yml",)]
    if not listed and not all(re.match(r"submission_\d+$", top) for top in folders):
        return None
    metadata = _metadata(listed[0]) if listed else {}
    inbox = Inbox(platforms={"Gradescope"})
    if not listed:
        inbox.doubts.append(
            "Gradescope's submission_metadata.yml is not there, so that folders have numbers and no names"
        )
    for top in {**folders, **{top: [] for top in metadata if re.match(r"submission_\w+$", str(top))}}:
        entry = metadata.get(top) if isinstance(metadata.get(top), dict) else {}
        people = _submitters(entry) or [
            Learner(top, platform="Gradescope", note="its name is not in submission_metadata.yml" * bool(listed))
        ]
        for learner in people:
            others = ", ".join(other.name for other in people if other != learner)
            learner = replace(learner, note=f"handed in together with {others}" if others else learner.note)
            inbox.handed += [(learner, file) for file in folders.get(top) or [File((top, ""), EMPTY)]]
    return inbox


def _metadata(file):
    try:
        data = file.read(MOST_METADATA + 1)
        found = yaml.load(data, Loader=_Loader) if len(data) <= MOST_METADATA else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotebookError(f"{file.name} cannot be read: {str(error).splitlines()[0]}: export once more.") from None
    if not isinstance(found, dict):
        raise NotebookError(f"{file.name} is not what Gradescope writes: export once more.")
    return found


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Plain data, in which Ruby's own types are passed over."""


_Loader.add_multi_constructor("!ruby", lambda loader, suffix, node: None)


def _submitters(entry):
    when = entry.get(":created_at")
    when = when if isinstance(when, datetime) else None
    people = []
    for person in entry.get(":submitters") or []:
        if isinstance(person, dict) and (person.get(":name") or person.get(":email")):
            name, sid, email = (plain(str(person.get(key) or "")).strip() for key in (":name", ":sid", ":email"))
            people.append(Learner(name or email, sid, platform="Gradescope", when=when, email=email))
    return people


def _nbgrader(files, folders, above):
    """submitted/STUDENT/ASSIGNMENT/NOTEBOOK with a timestamp.txt (nbgrader's directory structure)."""
    if "submitted" in folders and {file.parts[0] for file in files} <= NBGRADER:
        inside = [lowered(file, 1) for file in folders["submitted"] if len(file.parts) > 1 and file.parts[1]]
        inbox = _nbgrader(inside, {f.parts[0] for f in inside}, "submitted")
        if inbox:
            inbox.left_out += sorted(f"{top}/" for top in folders if top != "submitted")
        return inbox
    if above != "submitted" or not folders:
        return None
    inbox = Inbox(platforms={"nbgrader"})
    times = {file.parts[:2]: _time_in(file) for file in files if file.parts[2:] == ("timestamp.txt",)}
    for file in files:
        if len(file.parts) > 1 and file.parts[2:] != ("timestamp.txt",):
            inbox.handed.append((Learner(file.parts[0], platform="nbgrader", when=times.get(file.parts[:2])), file))
    return inbox


def _time_in(file):
    try:
        return time_of(file.read(100).decode("ascii", "replace"))
    except NotebookError:
        return None


def _sakai(files, folders, _):
    """ASSIGNMENT/Lovelace, Ada(ada1)/Submission attachment(s)/… beside grades.csv (Sakai's "Download All")."""
    own = [f for f in files if f.parts[0] in folders and SAKAI.match(f.parts[0]) and f.parts[1] in SAKAI_OWN]
    if not own or not all(map(SAKAI.match, folders)):
        return None
    inbox = Inbox(platforms={"Sakai"})
    times = {file.parts[0]: _time_in(file) for file in files if file.parts[1:] == ("timestamp.txt",)}
    for top, content in folders.items():
        found = SAKAI.match(top)
        learner = Learner(found["name"].strip(), found["id"].strip(), platform="Sakai", when=times.get(top))
        handed = [file for file in content if file.parts[1] == "Submission attachment(s)" and file.parts[-1]]
        inbox.handed += [(learner, file) for file in handed or [File((top, ""), EMPTY)]]
    return inbox


def _ilias(files, folders, above):
    """Lastname_Firstname_login_4711/…, and Team 7/Lastname_Firstname_login_4711/… where teams hand in."""
    if folders and all(map(ILIAS_TEAM.match, folders)):
        inbox = Inbox(platforms={"ILIAS"})
        inbox.doubts.append(
            "ILIAS names only those of a team who handed in: a roster with a column `group` adds the others"
        )
        for content in folders.values():
            members = {file.parts[1]: ILIAS.match(file.parts[1]) for file in content if len(file.parts) > 2}
            for member in filter(None, members.values()):
                inbox.handed += [(_ilias_learner(member, file), file) for file in content if file.parts[1] in members]
        return inbox if inbox.handed else None
    known = re.match(r"(abgaben|submissions|multi_feedback.*)$", above, re.IGNORECASE)
    if len(folders) < (1 if known else 2) or not all(map(ILIAS.match, folders)):
        return None
    handed = [(_ilias_learner(ILIAS.match(f.parts[0]), f), f) for f in files if f.parts[0] in folders]
    return Inbox(handed, {"ILIAS"})


def _ilias_learner(found, file):
    name, late = f"{found['first']} {found['last']}", bool(ILIAS_LATE.match(file.parts[-1]))
    stamp = re.match(r"(\d{14})_", file.parts[-1])
    return Learner(name, found["login"], late=late, platform="ILIAS", when=stamp and time_of(stamp[1]))


def _github(files, folders, above):
    """ASSIGNMENT-submissions/ASSIGNMENT-username/…, as `gh classroom clone student-repos` lays it out."""
    assignment, found, rest = above.rpartition("-submissions")
    if (
        not found
        or rest
        or not folders
        or not all(t.startswith(f"{assignment}-") and t != f"{assignment}-" for t in folders)
    ):
        return None
    start = len(assignment) + 1
    handed = [(Learner(f.parts[0][start:], platform="GitHub Classroom"), f) for f in files if f.parts[0] in folders]
    return Inbox(handed, {"GitHub Classroom"})


def _hub(files, folders, above):
    """Homes of a JupyterHub: home/ada/…, or home/jupyter-ada/… from The Littlest JupyterHub."""
    ours = {top for top in folders if top.startswith("jupyter-") and top != "jupyter-"}
    if not folders or not (above in ("home", "homes") or (len(ours) > 1 and len(ours) == len(folders))):
        return None
    handed = [
        (Learner(f.parts[0].removeprefix("jupyter-"), platform="JupyterHub"), f) for f in files if f.parts[0] in folders
    ]
    return Inbox(handed, {"JupyterHub"})
