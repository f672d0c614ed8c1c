"""The roster: everybody in the class, from the teacher's own table or from a platform's export."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from coursekit.grading.sheets import lines_of
from coursekit.lessons.errors import NotebookError

# Canvas's and Gradescope's gradebook, Moodle's grading worksheet, GitHub Classroom's roster, Blackboard's and
# Brightspace's grades have headings of their own.
HEADINGS = {
    "name": ("name", "learner", "full name", "student", "student name", "display name"),
    "first": ("first name", "given name", "first"),
    "last": ("last name", "surname", "family name", "last"),
    "id": ("id", "identifier"),
    "logins": ("username", "login", "sid", "student id", "sis user id", "sis login id", "user id", "orgdefinedid",
               "id number", "github_username", "display id"),
    "email": ("email", "email address", "e-mail"),
    "group": ("group", "team", "groups"),
    "due": ("due", "extension", "extended due date"),
}  # fmt: skip
BLIND = ("participant", "participante", "teilnehmer", "teilnehmer/in", "teilnehmerin", "deelnemer", "partecipante")
NOT_PEOPLE = ("points possible", "student, test", "test student")


@dataclass(frozen=True)
class Person:
    """One line of a roster. `id` is the platform's number, `due` an extension, `logins` whatever else names them."""

    name: str
    id: str = ""
    logins: tuple = ()
    email: str = ""
    group: str = ""
    due: datetime | None = None

    @property
    def label(self):
        return f"{self.name} ({self.id})" if self.id else self.name

    @property
    def keys(self):
        """What a platform may have instead of a name, in small letters."""
        return {key.casefold() for key in (self.id, *self.logins, self.email, self.email.partition("@")[0]) if key}


def read_roster(path):
    """The Persons in a CSV file (commas, semicolons or tabs; UTF-8 or UTF-16); NotebookError says what is wrong."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except FileNotFoundError:
        raise NotebookError(f"{path} is not there: --roster names a CSV file of your class.") from None
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is not UTF-8 text: save it as CSV UTF-8.") from None
    except OSError as error:
        raise NotebookError(f"{path} cannot be read: {error.strerror}.") from None
    return _people(path, list(lines_of(text, path)))


def _people(path, lines):
    columns = _columns(lines[0][1]) if lines else {}
    if not {"name", "last", "first", "email"} & columns.keys():
        known = "name, id, email, group, due"
        raise NotebookError(f"{path} has no line of headings that says who is who: its first line should be {known}.")
    people, seen = [], set()
    for number, line in lines[1:]:
        cells = {kind: [line[k] for k in places if k < len(line) and line[k]] for kind, places in columns.items()}
        person = _person(path, number, cells)
        if person.name.strip().casefold() in (*NOT_PEOPLE, ""):
            continue
        keys = {person, person.id or person}
        if seen & keys:
            raise NotebookError(f"{path} has {person.label} twice: leave one of the lines.")
        seen |= keys
        people.append(person)
    if not people:
        raise NotebookError(f"{path} has headings and nobody below them.")
    return people


def _columns(headings):
    found = {}
    for k, heading in enumerate(headings):
        bare = re.sub(r"\s*\(.*\)$", "", heading.strip("\ufeff #")).casefold()
        for kind, names in HEADINGS.items():
            if bare in names:
                found.setdefault(kind, []).append(k)
    return found


def _person(path, number, cells):
    first = {kind: found[0] for kind, found in cells.items() if found}
    parts = " ".join(first[kind] for kind in ("first", "last") if kind in first)
    name, due = first.get("name") or parts or first.get("email", ""), first.get("due", "")
    return Person(
        unicodedata.normalize("NFC", name),
        re.sub(r"^Participant\s+", "", first.get("id", "")),
        tuple(login.lstrip("#") for login in cells.get("logins", [])),
        first.get("email", ""),
        first.get("group", ""),
        day(due, f"{path}, line {number}") if due else None,
    )


def day(text, where):
    """A date or a time of day as a teacher writes it; a date alone lasts until its last minute. Else NotebookError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotebookError(f"{where}: {text!r} is no time: write 2026-11-29 or 2026-11-29T17:30.") from None
    return found.replace(hour=23, minute=59, second=59) if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text.strip()) else found


class Roster:
    """People, found by any name or number that a platform has for them."""

    def __init__(self, people):
        self.people = list(people)
        self._keys, self._names, self.groups = {}, {}, {}
        for person in self.people:
            for key in person.keys:
                self._keys.setdefault(key, []).append(person)
            for name in spellings(person.name):
                self._names.setdefault(name, []).append(person)
            if person.group:
                self.groups.setdefault(_bare(person.group), []).append(person)

    def find(self, learner):
        """The Persons whom a Learner of a platform may be: one where the match is clear, none where nobody matches.

        A number of Moodle's is a group's where groups hand in, so it counts only together with the name.
        """
        named = {id(p): p for name in spellings(learner.name) for p in self._names.get(name, [])}
        if learner.platform == "Moodle":
            sure = [p for p in self._keys.get(learner.id.casefold(), []) if id(p) in named or _blind(learner.name)]
            return sure or [p for p in named.values() if not p.id]
        keys = [key.casefold() for key in (learner.id, learner.email, learner.name) if key]
        found = {id(p): p for key in keys for p in self._keys.get(key, [])}
        both = [p for key, p in found.items() if key in named]
        return both or list(found.values()) or list(named.values())

    def members(self, learner):
        """The Persons of the group that a Learner is called after."""
        return self.groups.get(_bare(learner.name), [])


def _blind(name):
    return name.casefold() in (
        "participant",
        "teilnehmer",
        "teilnehmer/in",
        "teilnehmer*in",
        "deelnemer",
        "participante",
    )


def _bare(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def spellings(name):
    """The ways in which a name may be written: either name first, with or without a comma, or in one word (Canvas)."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    last, comma, first = plain.partition(",")
    words = re.findall(r"\w+", f"{first} {last}" if comma else plain)
    turned = ("".join(words[k:] + words[:k]) for k in range(min(len(words), 8)))
    return {" ".join(sorted(words)), *turned} if words else set()
