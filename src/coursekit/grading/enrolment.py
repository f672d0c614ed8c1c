"""Enrolment: to which learner's row each submission belongs, with a roster or without one."""

from dataclasses import dataclass, field, replace
from datetime import datetime

MOST_NAMES = 8


@dataclass(frozen=True)
class Known:
    """What is known of the person to whom a row belongs.

    `number` is the platform's for this person, `handle` how names of files begin under which it takes feedback back.
    """

    label: str
    name: str
    handle: str = ""
    number: str = ""
    note: str = ""
    due: datetime | None = None


@dataclass
class ClassList:
    """[(what one person handed in, Known)] in order, the Persons who handed in nothing, and sentences of doubt."""

    groups: list = field(default_factory=list)
    absent: list = field(default_factory=list)
    doubts: list = field(default_factory=list)


def enrolled(handed, roster=None, individual=False):
    """The ClassList of (Learner, File) pairs. Without a roster, each name is a learner."""
    by_label = {}
    for learner, file in handed:
        by_label.setdefault(learner.label, []).append((learner, file))
    if roster is None:
        return ClassList([(group, _by_platform(group[0][0], individual)) for _, group in sorted(by_label.items())])
    found, rows, strangers, of_groups = ClassList(), {}, [], set()
    for label, group in sorted(by_label.items()):
        learner = group[0][0]
        people, members = roster.find(learner), roster.members(learner)
        if len(people) == 1:
            rows.setdefault(people[0], []).extend(group)
        elif members and not people:
            of_groups |= set(members)
            for person in members:
                others = ", ".join(other.name for other in members if other != person)
                note = f"handed in by {learner.name}" + f", together with {others}" * bool(others)
                rows.setdefault(person, []).extend((replace(one, note=note), file) for one, file in group)
        else:
            if len(people) > 1:
                found.doubts.append(
                    f"{label} may be any of {', '.join(p.label for p in people)} on the roster: nobody's"
                )
            strangers.append(label)
            note = "not on the roster"
            found.groups.append((group, _by_platform(learner, individual and learner.platform != "Moodle", note)))
    if strangers:
        more = f", and {len(strangers) - MOST_NAMES} more" * (len(strangers) > MOST_NAMES)
        found.doubts.append(f"{len(strangers)} not on the roster: {', '.join(strangers[:MOST_NAMES])}{more}")
    for person, group in rows.items():
        labels = list(dict.fromkeys(learner.label for learner, _ in group))
        if len(labels) > 1:
            found.doubts.append(f"{' and '.join(labels)} are one person on the roster, {person.label}: one row")
        found.groups.append((group, _on_roster(person, group[0][0], person in of_groups)))
    found.absent = [person for person in roster.people if person not in rows]
    return found


def _by_platform(learner, individual, note=""):
    """Without a roster a number of Moodle's may be a group's; Canvas's is a person's, also where groups hand in."""
    sure = learner.platform == "Canvas" or (learner.platform == "Moodle" and individual)
    number = learner.id if sure and not learner.id.startswith("anon_") else ""
    return Known(learner.label, learner.name, learner.handle, number, "; ".join(filter(None, [learner.note, note])))


def _on_roster(person, learner, of_group):
    """A person on the roster; the row has the platform's name for them, or for a member of a group the roster's."""
    number = person.id or ("" if of_group or learner.platform not in ("Canvas", "Moodle") else learner.id)
    handle = learner.handle if learner.platform == "Canvas" and not of_group else ""
    if learner.platform == "Moodle" and number:
        handle = f"{person.name if of_group else learner.name}_{number}_assignsubmission_file_"
    return Known(person.label if of_group else learner.label, person.name, handle, number, learner.note, person.due)
