"""A grading run: a folder of submissions in, a folder of results out, continued where it was interrupted.

RESULTS holds run.json (lesson, seed, what they were made from), reference.json (what the reference gives on that
seed), outcomes.jsonl (one line a submission, written as soon as it is known), overrides.csv and rubric.csv (the
teacher's), and what is made from these each time: manifest.csv, grades.csv, report.json, report.html, look.html,
feedback/ and the platform's formats.
"""

import contextlib
import hashlib
import itertools
import json
import os
import secrets
import sys
import time
import zipfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from coursekit.grading import gradebook
from coursekit.grading.feedback import file_name, page, shortened
from coursekit.grading.glance import OTHER_LESSON
from coursekit.grading.gradebook import Row
from coursekit.grading.itempage import item_page
from coursekit.grading.items import analysed
from coursekit.grading.judging import Outcome, judge
from coursekit.grading.lateness import NO_RULE, Rule
from coursekit.grading.likeness import pairs
from coursekit.grading.look import look
from coursekit.grading.roster import Roster, read_roster
from coursekit.grading.rubric import COLUMNS, read_rubric
from coursekit.grading.runs import CELL_SECONDS
from coursekit.grading.sandbox import refuse_exposed, refuse_without
from coursekit.grading.submissions import find_submissions
from coursekit.grading.unit import boxes, load_known, reference_values
from coursekit.grading.visible import visible
from coursekit.grading.workers import Failed, graded
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of
from coursekit.proving.record import write

RUN, REFERENCE, OUTCOMES, OVERRIDES = "run.json", "reference.json", "outcomes.jsonl", "overrides.csv"
RUBRIC, ITEMS = "rubric.csv", "report.html"
LOOK = "look.html"


@dataclass(frozen=True)
class Settings:
    """Options of a run: the seed (drawn when None), how many at a time, where, and what is written."""

    seed: int | None = None
    jobs: int = 1
    scheduler: str = ""
    format: str = ""
    column: str = ""
    unsafe: bool = False
    seconds: float = CELL_SECONDS
    inside: str = ""
    roster: str = ""
    individual: bool = False
    rule: Rule = NO_RULE
    attempt: str = "last"
    partial: bool = False
    out_of: float = 0


def grade_folder(course, lesson, path, results, settings, tell=lambda line: None):
    """Grade all submissions at `path` into the folder `results`; return the Rows and the seconds that it took.

    Before anything is graded, `tell` is given the lines that say who was found.
    """
    started, results = time.monotonic(), Path(results)
    if not settings.unsafe:
        refuse_without()
        refuse_exposed(course.root / "solutions", results, path)
    _refuse_overlap(Path(path), results)
    solutions = course.solutions(lesson)
    roster = Roster(read_roster(Path(settings.roster))) if settings.roster else None
    found = find_submissions(
        path, lesson, settings.inside, roster, settings.individual, settings.rule, settings.attempt
    )
    submissions = found.submissions
    _refuse_unsure(submissions, settings)
    with _opened(results, lesson, solutions, settings) as run:
        decisions = _decisions(results, lesson, {submission.learner for submission in submissions})
        for line in found.told():
            tell(visible(line))
        write(results / "manifest.csv", gradebook.manifest(submissions))
        right, known = _reference(results, lesson, solutions, run, settings), load_known(course, lesson)
        done = _graded(results, submissions, lesson, run["seed"], right, known, settings)
        rubric = _rubric(results, lesson)
        rows = [_best_row(s, done, decisions.get(s.learner, {}), settings) for s in submissions]
        for row in rows:
            row.decided = rubric.decisions(row, lesson) | row.decided
        if unused := rubric.unused(rows):
            answers = ", ".join(f"{exercise} {answer}" for exercise, answer in unused[:5])
            tell(f"  {len(unused)} answers of {RUBRIC} were given by nobody: {answers}")
        _publish(results, rows, lesson, run, settings)
        write(results / ITEMS, _item_page(rows, lesson, known))
    return rows, time.monotonic() - started


def _refuse_unsure(submissions, settings):
    """No file for Moodle while its numbers may be those of groups: it would give one learner another's points."""
    sure = settings.format != "moodle" or settings.roster or settings.individual
    if not sure and any(s.platform == "Moodle" and s.id for s in submissions):
        raise NotebookError(
            "Moodle numbers groups as it numbers learners, so a file for Moodle could name the wrong one. Say "
            "--individual if everybody handed in alone; else --roster with the worksheet that Moodle's Download "
            "grading worksheet gives, which names the groups."
        )


def _refuse_overlap(path, results):
    inner, outer = results.resolve(), path.resolve()
    if inner == outer or outer in inner.parents:
        raise NotebookError(f"{results} lies in the folder of submissions: name another folder for the results.")


@contextlib.contextmanager
def _opened(results, lesson, solutions, settings):
    """The record of the run in `results`, begun now or earlier; NotebookError when it is another one's, or in use."""
    if results.exists() and not results.is_dir():
        raise NotebookError(f"{results} is a file: name a folder for the results.")
    strangers = {entry.name for entry in results.iterdir()} - {OVERRIDES, RUBRIC} if results.is_dir() else set()
    if strangers and RUN not in strangers:
        raise NotebookError(f"{results} holds other things than results: name a new folder.")
    results.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256((text_of(lesson.notebook) + text_of(solutions)).encode()).hexdigest()
    if RUN not in strangers:
        seed = secrets.randbits(63) if settings.seed is None else settings.seed
        write(results / RUN, _json({"lesson": lesson.name, "seed": seed, "made_from": digest}))
    run = _read(results / RUN, lambda run: type(run["seed"]) is int and {"lesson", "made_from"} <= run.keys())
    if run.get("lesson") != lesson.name:
        raise NotebookError(f"{results} holds a run of {run.get('lesson')}: name a new folder.")
    if run.get("made_from") != digest:
        raise NotebookError(
            f"{results}: the lesson or its solutions have changed since this run began: name a new folder "
            f"(and say --seed {run.get('seed')} to use the same seed)."
        )
    if settings.seed not in (None, run["seed"]):
        raise NotebookError(f"{results} holds a run with another seed: name a new folder, or leave out --seed.")
    with _locked(results):
        yield run


@contextlib.contextmanager
def _locked(results):
    """Lock the run, so that two commands do not write the same results; a killed command's lock is gone."""
    with (results / RUN).open() as file:
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NotebookError(f"{results} is in use by another `course grade`: wait for it to end.") from None
        yield


def _decisions(results, lesson, learners):
    path = results / OVERRIDES
    if not path.exists():
        write(path, gradebook.table(gradebook.SHEET, []))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is not UTF-8 text: save it as CSV UTF-8.") from None
    return gradebook.read_decisions(text, path, lesson, learners)


def _rubric(results, lesson):
    path = results / RUBRIC
    if not path.exists():
        write(path, gradebook.table(COLUMNS, []))
    try:
        return read_rubric(path.read_text(encoding="utf-8"), path, lesson)
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is not UTF-8 text: save it as CSV UTF-8.") from None


def _item_page(rows, lesson, known):
    answers, seen = {exercise: {} for exercise in lesson.gaps}, set()
    for row in rows:
        if row.file not in seen:  # a group's members hand in one file
            for outcome in row.outcomes:
                if outcome.status in ("right", "wrong", "lost") and row.answers.get(outcome.exercise):
                    answers[outcome.exercise][row.learner] = row.answers[outcome.exercise]
        seen.add(row.file)
    items, alpha = analysed(rows, lesson, known)
    return item_page(rows, lesson, items, alpha, pairs(answers))


def _reference(results, lesson, solutions, run, settings):
    """What the reference gives on the run's seed, computed once."""
    if not (results / REFERENCE).is_file():
        box = boxes(lesson, settings.unsafe)
        write(results / REFERENCE, _json(reference_values(lesson, solutions, run["seed"], box)))
    return _read(results / REFERENCE, lambda right: all(right[exercise]["cases"] for exercise in lesson.gaps))


def _graded(results, submissions, lesson, seed, right, known, settings):
    """{key: entry} of all submissions: read from the journal or, where missing there, graded now and added to it.

    A failure for which the submission is not to blame stays out of the journal, so that the next run tries again.
    """
    journal = results / OUTCOMES
    done = _journal(journal, lesson)
    submissions = [each for s in submissions for each in (s, *s.attempts)]
    absent = {_key(s): {"outcomes": _none(lesson, "absent", s.problem)} for s in submissions if s.absent}
    todo = {_key(s): s for s in submissions if _key(s) not in done.keys() | absent.keys()}
    failed = {}
    with journal.open("a", encoding="utf-8") as file, _progress(len(submissions), len(todo)) as bar:
        unreadable = [key for key, s in todo.items() if s.problem]
        found = ((key, {"unreadable": todo[key].problem}) for key in unreadable)
        texts = ((key, s) for key, s in todo.items() if not s.problem)
        for key, values in itertools.chain(found, graded(texts, lesson, seed, right, settings)):
            if isinstance(values, Failed):
                failed[key] = {"outcomes": _none(lesson, "failed", str(values))}
            else:
                done[key] = _entry(judge(lesson, values, right, known), values)
                file.write(json.dumps({"key": key, **done[key]}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            bar.update()
    return done | failed | absent


def _progress(total, todo):
    """A bar on stderr with rate and time left; redrawn rarely where stderr is not a terminal."""
    often = 0.2 if sys.stderr.isatty() else 15
    return tqdm(
        total=total, initial=total - todo, unit="submission", dynamic_ncols=True, mininterval=often, smoothing=0.1
    )


def _key(submission):
    return hashlib.sha256(f"{submission.learner}\n{submission.digest}\n{submission.problem}".encode()).hexdigest()[:24]


def _entry(outcomes, values):
    answers = {exercise: shortened(source) for exercise, source in values.get("answers", {}).items()}
    return {"outcomes": [asdict(outcome) for outcome in outcomes], "answers": answers}


def _none(lesson, status, why):
    """Outcomes of a learner of whom nothing was judged."""
    return [asdict(Outcome(exercise, 0, of, status, why)) for exercise, of in lesson.points.items()]


def _journal(path, lesson):
    """{key: entry} of a journal; the line that a killed run left unfinished is taken off.

    NotebookError names a line that no run has written.
    """
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        os.truncate(path, len(whole))
    entries = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entry = json.loads(line)
            outcomes = {outcome.exercise: outcome for outcome in _outcomes(entry)}
            if not all(0 <= outcomes[exercise].points <= of for exercise, of in lesson.points.items()):
                raise ValueError
            entries[str(entry.pop("key"))] = entry
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotebookError(
                f"{path}, line {number} is damaged: take it out, and what it told is graded again."
            ) from None
    return entries


def _outcomes(entry):
    return [Outcome(**outcome) for outcome in entry["outcomes"]]


def _best_row(submission, done, decided, settings):
    """The Row of a submission, or of the attempt that counts most where the best one does; of equals, of the last."""
    rows = [_row(s, done[_key(s)], decided, settings) for s in (submission, *submission.attempts)]
    best = max(reversed(rows), key=lambda row: row.grade)
    if len(rows) > 1 and best.grade > rows[0].grade:
        best.note = f"the best of {len(submission.attempts)} attempts counts"
        return best
    return rows[0]


def _row(submission, entry, decided, settings):
    s = submission
    outcomes = _outcomes(entry)
    for outcome in outcomes:
        if settings.partial and outcome.status == "wrong" and outcome.share:
            outcome.points = round(outcome.of * outcome.share, 2)
            outcome.reason += f"; right in {outcome.share:.0%} of the cases"
    days = settings.rule.days(s.when, s.late, s.due)
    answers = entry.get("answers", {})
    row = Row(
        s.learner, outcomes, answers, s.name, s.id, s.handle, s.file, s.note, s.late, s.problem, decided, s.number
    )
    row.days, row.left, row.out_of = days, settings.rule.factor(days), settings.out_of
    return row


def _publish(results, rows, lesson, run, settings):
    """Write everything that is made from the rows."""
    pages = {row.learner: file_name(row.learner) for row in rows}
    write(results / "grades.csv", gradebook.grades(rows, lesson, pages))
    write(results / "report.json", _json(report(rows, lesson, run, pages)))
    for row in rows:
        write(results / "feedback" / pages[row.learner], page(row, lesson))
    if text := look(rows, lesson):
        write(results / LOOK, text)
    else:
        (results / LOOK).unlink(missing_ok=True)
    column = settings.column or f"{lesson.number} {lesson.title}"
    if settings.format == "canvas":
        write(results / "canvas.csv", gradebook.canvas(rows, column))
    if settings.format == "moodle":
        write(results / "moodle.csv", gradebook.moodle(rows))
    if settings.format:
        _pack_feedback(results, rows, pages, settings.format)


def _pack_feedback(results, rows, pages, platform):
    """The feedback pages as one zip, named as the platform names what it takes back; without a number none can be."""
    with zipfile.ZipFile(results / f"{platform}-feedback.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            if row.handle and row.number:
                archive.write(results / "feedback" / pages[row.learner], f"{row.handle}feedback.html")


def report(rows, lesson, run, pages):
    """Everything about a run as plain data, for the instructor: with the seed and the first differences."""
    status = Counter(row.status for row in rows)
    outcomes = {exercise: Counter() for exercise in lesson.gaps}
    for outcome in (outcome for row in rows for outcome in row.outcomes):
        outcomes[outcome.exercise][outcome.status] += 1
    learners = [
        {
            "learner": row.learner,
            "id": row.id,
            "file": row.file,
            "status": row.status,
            "points": float(row.total),
            "of": row.of,
            "outcomes": [asdict(outcome) for outcome in row.outcomes],
            "decided": {exercise: asdict(decision) for exercise, decision in row.decided.items()},
            "feedback": pages[row.learner],
        }
        for row in rows
    ]
    return run | {"submissions": len(rows), "status": status, "exercises": outcomes, "learners": learners}


SAID = {
    "graded": "graded",
    "look": "to look at by eye: an open exercise counts as right",
    "stopped": "with an answer that broke the run",
    "unreadable": "without a notebook of this lesson that can be read; manifest.csv says why",
    "absent": "on the roster, who handed in nothing",
    "failed": "that could not be graded; say the command again to try once more",
}


def summary(rows, results, seconds, platform):
    """Lines for the terminal."""
    status = Counter(row.status for row in rows)
    yield f"{len(rows)} submission{'s' * (len(rows) != 1)} in {seconds:.0f} s:"
    yield from (f"  {status[kind]:5} {said}" for kind, said in SAID.items() if status[kind])
    others = Counter(row.problem for row in rows if row.problem.startswith(OTHER_LESSON.partition("{")[0]))
    yield from (f"  {count:5} of these: {problem}" for problem, count in others.most_common(3))
    if waiting := sum(len(row.to_look_at) for row in rows):
        where = f" in {platform}.csv" * bool(platform)
        yield f"  {waiting:5} open answer{'s' * (waiting != 1)} not looked at yet, counted as right{where}: see {LOOK}"
    several = sum(row.note != "" for row in rows)
    if several:
        yield f"  {several:5} handed in more than one notebook; manifest.csv says which one counts"
    if platform and (unknown := sum(not row.number and row.status != "absent" for row in rows)):
        yield f"  {unknown:5} without a number of {platform.title()} that is surely theirs, so not known there"
    if late := sum(row.left != 1 for row in rows):
        yield f"  {late:5} late, with points taken off"
    yield f"grades.csv, report.html, report.json (for you alone: it has the seed) and feedback/ are in {results}"


def _json(data):
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _read(path, is_whole):
    """What a run wrote; NotebookError where it is not JSON, or not whole."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if is_whole(data):
            return data
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise NotebookError(f"{path} is damaged: name a new folder for the results.")
