"""The gradebook: one row a learner, as CSV for people and for learning platforms, with the teacher's own decisions."""

import csv
import io
import math
import re
from dataclasses import dataclass, field

from coursekit.grading.sheets import lines_of
from coursekit.grading.visible import visible
from coursekit.lessons.errors import NotebookError

SHEET = ["learner", "exercise", "points", "comment"]
FORMATS = ("canvas", "moodle")
SIGNS, HIDDEN = "=+\\-@＝＋－＠﹦﹢﹣﹫", "".join(map(chr, range(33)))
FORMULA = re.compile(rf"(?<![^\W_])(?<!['{SIGNS}])[{SIGNS}](?!(?<=[+-])\d+(\.\d+)?(\s|$))")
UNSAID = ("failed", "absent")  # no platform is told points of these
TOO_MUCH = "has more cells than headings: put each decision on a line of its own, and a comment with a comma in quotes."


@dataclass
class Row:
    """One learner's grading: what was handed in, an Outcome an exercise, the answers, and the teacher's decisions.

    `id` is what the platform wrote into names, `number` the same where it is surely this person's, and else empty.
    `days` late, one begun counting whole, `left` is the share of points that they leave, `out_of` the points that a
    platform gives at most, where these are not the lesson's own.
    """

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
    number: str | None = None
    days: int = 0
    left: float = 1.0
    out_of: float = 0

    def __post_init__(self):
        if self.number is None:
            self.number = self.id

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
    def grade(self):
        """The points after the deduction for lateness, scaled to the most that the platform gives."""
        return round(float(self.total) * self.left * (self.out_of / self.of if self.out_of and self.of else 1.0), 2)

    @property
    def most(self):
        return self.out_of or self.of

    @property
    def to_look_at(self):
        """Exercises that a person should look at: open ones that count as right, until the teacher has decided."""
        return [o.exercise for o in self.outcomes if o.open and o.status == "right" and o.exercise not in self.decided]

    @property
    def status(self):
        """graded; look (an open exercise counts as right); stopped (an answer broke the run); unreadable; absent; …

        or "failed", nobody's fault but the machine's: the submission could not be graded, and is again next time.
        """
        kinds = {outcome.status for outcome in self.outcomes if outcome.exercise not in self.decided}
        for none in ("failed", "absent", "unreadable"):
            if none in kinds:
                return none
        return "stopped" if "lost" in kinds else "look" if self.to_look_at else "graded"

    @property
    def unjudged(self):
        """Why nothing of the submission was judged; "" where something was."""
        kinds = {outcome.status for outcome in self.outcomes}
        return self.outcomes[0].reason if kinds and kinds <= {"unreadable", "failed", "absent"} else ""

    @property
    def reason(self):
        """One line: the exercises that are not right, those decided by hand, and those to be looked at."""
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
    """A value that no spreadsheet takes for a formula, at whatever character it splits a line into cells.

    An apostrophe stands before each sign that could begin a formula, since it follows no letter or digit and is not
    a number's; nothing in the text is hidden.
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 4)
    if not isinstance(value, str):
        return value
    text = visible(re.sub(r"[\t\n\r\v\f\x85\u2028\u2029]+", " ", value)).strip()
    text = FORMULA.sub(r"'\g<0>", text)
    return f"'{text}" if value.lstrip(HIDDEN).startswith(tuple("=+-@")) and not text.startswith("'") else text


def table(header, rows):
    """CSV text (to be saved as UTF-8; commas, quotes where needed) in which no cell can act as a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([[cell(value) for value in row] for row in [header, *rows]])
    return file.getvalue()


def grades(rows, lesson, pages):
    """grades.csv: one row a learner, a column an exercise, points, status, reason, and the name of the feedback."""
    counted = ["grade", "out of"] if any(row.out_of or row.left != 1 for row in rows) else []
    header = ["learner", "id", "file", "late", *lesson.gaps, "points", "of", *counted, "status", "reason", "feedback"]
    return table(header, [_grades_row(row, pages[row.learner], counted) for row in rows])


def _grades_row(row, page, counted):
    points = [float(row.points(outcome)) for outcome in row.outcomes]
    sums = [float(row.total), row.of, *([row.grade, float(row.most)] if counted else [])]
    return [row.learner, row.id, row.file, lateness(row), *points, *sums, row.status, row.reason, page]


def lateness(row):
    """How late in words: "late", or "late by 2 days" where the days cost something; "" in time."""
    return "late" * row.late + f" by {row.days} day{'s' * (row.days != 1)}" * (row.late and row.left != 1)


def manifest(submissions):
    """manifest.csv: what was understood of the export, one row a learner."""
    header = ["learner", "name", "id", "platform", "file", "handed in", "late", "problem", "note", "sha256"]
    return table(header, map(_manifest_row, submissions))


def _manifest_row(s):
    when = s.when.isoformat(sep=" ", timespec="minutes") if s.when else ""
    return [s.learner, s.name, s.id, s.platform, s.file, when, "late" * s.late, s.problem, s.note, s.digest]


def canvas(rows, column):
    """What Canvas imports in its gradebook: learners by number, else by name; `column` names the assignment.

    Learners who handed in nothing are left out, so that the platform keeps what it has for them.

    Student, ID and Section are the columns that it insists on (lib/gradebook_importer.rb).
    """
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]
    of = float(rows[0].most) if rows else ""
    lines = [[row.name, row.number, "", "", "", row.grade] for row in rows if row.status not in UNSAID]
    return table(header, [["    Points Possible", "", "", "", "", of], *lines])


def moodle(rows):
    """What Moodle takes as an offline grading worksheet of the assignment that the submissions were exported from.

    It knows learners by "Participant 4711" and insists on the three columns Identifier, Grade and Last modified
    (grade) (mod/assign/feedback/offline/importgradeslib.php).
    """
    header = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    known = [row for row in rows if row.number and row.status not in UNSAID]
    lines = [[f"Participant {row.number}", row.name, row.grade, float(row.most), "", _summary(row)] for row in known]
    return table(header, lines)


def _summary(row):
    comments = {exercise: f" ({decision.comment})" for exercise, decision in row.decided.items() if decision.comment}
    shown = [o for o in row.outcomes if not row.unjudged or o.exercise in row.decided]
    points = [f"{o.exercise}: {_short(row.points(o))} of {o.of}{comments.get(o.exercise, '')}" for o in shown]
    lost = f"{lateness(row)}: {1 - row.left:.0%} less" if row.left != 1 else ""
    return "; ".join(filter(None, [row.unjudged, *points, lost]))


def _short(points):
    return f"{float(points):g}"


def read_decisions(text, name, lesson, learners):
    """{learner: {exercise: Decision}} from the text of a teacher's CSV; NotebookError names the line to put right."""
    decisions, header = {}, None
    for number, values in lines_of(text, name):
        if header is None:
            header = [value.lower() for value in values]
            if not set(SHEET[:3]) <= set(header):
                raise NotebookError(f"{name} has no line of headings: its first line should be {','.join(SHEET)}.")
            continue
        where = f"{name}, line {number}"
        if any(values[len(header) :]):
            raise NotebookError(f"{where} {TOO_MUCH}")
        entry = dict(zip(header, [*values, *[""] * len(header)], strict=False))
        learner, exercise, decision = _decision(entry, where, lesson, learners)
        decisions.setdefault(learner, {})[exercise] = decision
    return decisions


def _decision(entry, where, lesson, learners):
    learner = {cell(name): name for name in learners}.get(entry["learner"], entry["learner"])
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
    return learner, entry["exercise"], Decision(abs(points), entry.get("comment", ""))
