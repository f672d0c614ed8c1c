"""The gradebook: one row a learner, as CSV for people and for learning platforms, with the teacher's own decisions."""

import csv
import io
import math
import re
from dataclasses import dataclass, field

from coursekit.lesson import NotebookError

SHEET = ["learner", "exercise", "points", "comment"]
FORMATS = ("canvas", "moodle")
TOO_MUCH = "has more cells than headings: put each decision on a line of its own, and a comment with a comma in quotes."


@dataclass
class Row:
    """One learner's grading: what was handed in, an Outcome an exercise, the answers, and the teacher's decisions."""

    learner: str
    outcomes: list
    answers: dict = field(default_factory=dict)
    name: str = ""
    id: str = ""
    handle: str = ""
    file: str = ""
    note: str = ""
    late: bool = False
    problem: str = ""
    decided: dict = field(default_factory=dict)

    def points(self, outcome):
        """The points of one exercise: the teacher's where there are any."""
        return self.decided[outcome.exercise].points if outcome.exercise in self.decided else outcome.points

    @property
    def total(self):
        return sum(map(self.points, self.outcomes))

    @property
    def of(self):
        return sum(outcome.of for outcome in self.outcomes)

    @property
    def to_look_at(self):
        """Exercises that a person should look at: open ones that count as right, until the teacher has decided."""
        return [o.exercise for o in self.outcomes if o.open and o.status == "right" and o.exercise not in self.decided]

    @property
    def status(self):
        """graded; look (an open exercise counts as right); stopped (an answer broke the run); unreadable; failed.

        "failed" is nobody's fault but the machine's: the submission could not be graded, and is again next time.
        """
        kinds = {outcome.status for outcome in self.outcomes if outcome.exercise not in self.decided}
        if "failed" in kinds or "unreadable" in kinds:
            return "failed" if "failed" in kinds else "unreadable"
        return "stopped" if "lost" in kinds else "look" if self.to_look_at else "graded"

    @property
    def unjudged(self):
        """Why nothing of it was judged; empty where something was."""
        kinds = {outcome.status for outcome in self.outcomes}
        return self.outcomes[0].reason if kinds and kinds <= {"unreadable", "failed"} else ""

    @property
    def reason(self):
        """In one line: what is not right, what was decided by hand, what should be looked at."""
        remarks = map(self._remark, self.outcomes)
        if self.unjudged:
            remarks = [self.unjudged, *(self._remark(o) for o in self.outcomes if o.exercise in self.decided)]
        return "; ".join(filter(None, [self.note, *remarks]))

    def _remark(self, outcome):
        if decision := self.decided.get(outcome.exercise):
            return f"{outcome.exercise} decided by hand" + (f": {decision.comment}" if decision.comment else "")
        if outcome.exercise in self.to_look_at:
            return f"{outcome.exercise} right, to be looked at"
        if outcome.status == "right":
            return f"{outcome.exercise} right ({outcome.reason})" if outcome.reason else ""
        return f"{outcome.exercise} {outcome.status}: {outcome.reason}"


@dataclass(frozen=True)
class Decision:
    """What the teacher decided about one exercise of one learner."""

    points: float
    comment: str = ""


def cell(value):
    """A value that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    text = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", value).strip()
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def table(header, rows):
    """CSV text (UTF-8 to be, commas, quotes where needed) whose every cell is safe to open in a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([[cell(value) for value in row] for row in [header, *rows]])
    return file.getvalue()


def grades(rows, lesson, pages):
    """grades.csv: one row a learner, a column an exercise, points, status, reason, and the name of the feedback."""
    header = ["learner", "id", "file", "late", *lesson.gaps, "points", "of", "status", "reason", "feedback"]
    return table(header, [_grades_row(row, pages[row.learner]) for row in rows])


def _grades_row(row, page):
    points = [float(row.points(outcome)) for outcome in row.outcomes]
    late = "late" if row.late else ""
    return [row.learner, row.id, row.file, late, *points, float(row.total), row.of, row.status, row.reason, page]


def manifest(submissions):
    """manifest.csv: what was understood of the export, one row a learner."""
    header = ["learner", "id", "file", "late", "problem", "note", "sha256"]
    return table(header, [[s.learner, s.id, s.file, "late" * s.late, s.problem, s.note, s.digest] for s in submissions])


def canvas(rows, column):
    """What Canvas imports in its gradebook: learners by number, else by name; `column` names the assignment.

    Student, ID and Section are the columns that it insists on (lib/gradebook_importer.rb).
    """
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]
    of = rows[0].of if rows else ""
    lines = [[row.name, row.id, "", "", "", float(row.total)] for row in rows if row.status != "failed"]
    return table(header, [["    Points Possible", "", "", "", "", of], *lines])


def moodle(rows):
    """What Moodle takes as an offline grading worksheet of the assignment that the submissions were exported from.

    It knows learners by "Participant 4711" and insists on the three columns Identifier, Grade and Last modified
    (grade) (mod/assign/feedback/offline/importgradeslib.php).
    """
    header = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    known = [row for row in rows if row.id and row.status != "failed"]
    lines = [[f"Participant {row.id}", row.name, float(row.total), row.of, "", _summary(row)] for row in known]
    return table(header, lines)


def _summary(row):
    comments = {exercise: f" ({decision.comment})" for exercise, decision in row.decided.items() if decision.comment}
    shown = [o for o in row.outcomes if not row.unjudged or o.exercise in row.decided]
    points = [f"{o.exercise}: {_short(row.points(o))} of {o.of}{comments.get(o.exercise, '')}" for o in shown]
    return "; ".join(filter(None, [row.unjudged, *points]))


def _short(points):
    return f"{float(points):g}"


def read_decisions(text, name, lesson, learners):
    """{learner: {exercise: Decision}} from the text of a teacher's CSV; NotebookError names the line to put right."""
    text = text.lstrip("\ufeff")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first and "," not in first else ",")
    decisions, header = {}, None
    for values in reader:
        values = [value.strip() for value in values]
        if not any(values):
            continue
        if header is None:
            header = [value.lower() for value in values]
            if not set(SHEET[:3]) <= set(header):
                raise NotebookError(f"{name} has no line of headings: its first line should be {','.join(SHEET)}.")
            continue
        where = f"{name}, line {reader.line_num}"
        if any(values[len(header) :]):
            raise NotebookError(f"{where} {TOO_MUCH}")
        entry = dict(zip(header, [*values, *[""] * len(header)], strict=False))
        learner, exercise, decision = _decision(entry, where, lesson, learners)
        decisions.setdefault(learner, {})[exercise] = decision
    return decisions


def _decision(entry, where, lesson, learners):
    learner = re.sub(r"^'(?=[=+\-@])", "", entry["learner"])
    if learner not in learners:
        raise NotebookError(f"{where}: nobody called {learner!r} handed in; manifest.csv has the names.")
    if entry["exercise"] not in lesson.points:
        raise NotebookError(f"{where}: there is no exercise {entry['exercise']!r} in lesson {lesson.number}.")
    of = lesson.points[entry["exercise"]]
    try:
        points = float(entry["points"].replace(",", "."))
    except ValueError:
        points = math.nan
    if not 0 <= points <= of:
        raise NotebookError(f"{where}: points are a number from 0 to {of}, not {entry['points']!r}.")
    return learner, entry["exercise"], Decision(points, entry.get("comment", ""))
