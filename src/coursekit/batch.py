"""A grading run: a folder of submissions in, a folder of results out, continued where it was interrupted.

RESULTS holds run.json (lesson, seed, what they were made from), reference.json (what the reference gives on that
seed), outcomes.jsonl (one line a submission, written as soon as it is known), overrides.csv (the teacher's), and what
is made from these each time: manifest.csv, grades.csv, report.json, look.html, feedback/ and the platform's formats.
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

from coursekit import gradebook
from coursekit.feedback import file_name, page, shortened
from coursekit.grade import boxes, load_known, reference_values
from coursekit.gradebook import Row
from coursekit.judging import Outcome, judge
from coursekit.lesson import NotebookError, text_of
from coursekit.look import look
from coursekit.record import write
from coursekit.runs import CELL_SECONDS
from coursekit.sandbox import refuse_exposed, refuse_without
from coursekit.submissions import OTHER_LESSON, collect_submissions
from coursekit.workers import Failed, graded

RUN, REFERENCE, OUTCOMES, OVERRIDES = "run.json", "reference.json", "outcomes.jsonl", "overrides.csv"
LOOK = "look.html"


@dataclass(frozen=True)
class Settings:
    """What may be chosen: seed (drawn when None), how many at a time, where, and what is written."""

    seed: int | None = None
    jobs: int = 1
    scheduler: str = ""
    format: str = ""
    column: str = ""
    unsafe: bool = False
    seconds: float = CELL_SECONDS


def grade_folder(course, lesson, path, results, settings):
    """Grade all submissions at `path` into the folder `results`; return the Rows and the seconds that it took."""
    started, results = time.monotonic(), Path(results)
    if not settings.unsafe:
        refuse_without()
        refuse_exposed(course.root / "solutions", results, path)
    _refuse_overlap(Path(path), results)
    solutions, submissions = course.solutions(lesson), collect_submissions(path, lesson)
    with _opened(results, lesson, solutions, settings) as run:
        decisions = _decisions(results, lesson, {submission.learner for submission in submissions})
        write(results / "manifest.csv", gradebook.manifest(submissions))
        right, known = _reference(results, lesson, solutions, run, settings), load_known(course, lesson)
        done = _graded(results, submissions, lesson, run["seed"], right, known, settings)
        rows = [_row(s, done[_key(s)], decisions.get(s.learner, {})) for s in submissions]
        _publish(results, rows, lesson, run, settings)
    return rows, time.monotonic() - started


def _refuse_overlap(path, results):
    inner, outer = results.resolve(), path.resolve()
    if inner == outer or outer in inner.parents:
        raise NotebookError(f"{results} lies in the folder of submissions: name another folder for the results.")


@contextlib.contextmanager
def _opened(results, lesson, solutions, settings):
    """The record of the run in `results`, begun now or earlier; NotebookError when it is another one's, or in use."""
    if results.exists() and not results.is_dir():
        raise NotebookError(f"{results} is a file: name a folder for the results.")
    strangers = {entry.name for entry in results.iterdir()} - {OVERRIDES} if results.is_dir() else set()
    if strangers and RUN not in strangers:
        raise NotebookError(f"{results} holds other things than results: name a new folder.")
    results.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256((text_of(lesson.notebook) + text_of(solutions)).encode()).hexdigest()
    if RUN not in strangers:
        seed = secrets.randbits(63) if settings.seed is None else settings.seed
        write(results / RUN, _json({"lesson": lesson.name, "seed": seed, "made_from": digest}))
    run = _read(results / RUN)
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
    """Hold the run, so that two commands do not write the same results; a killed one holds nothing any more."""
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


def _reference(results, lesson, solutions, run, settings):
    """What the reference gives on the run's seed, computed once."""
    if not (results / REFERENCE).is_file():
        box = boxes(lesson, settings.unsafe)
        write(results / REFERENCE, _json(reference_values(lesson, solutions, run["seed"], box)))
    return _read(results / REFERENCE)


def _graded(results, submissions, lesson, seed, right, known, settings):
    """{key: entry} of all submissions: from the journal what is there, and what is not, graded now and written there.

    What failed for no fault of the submission stays out of the journal, so that the next run tries again.
    """
    journal = results / OUTCOMES
    done = _journal(journal)
    todo = {_key(s): s for s in submissions if _key(s) not in done}
    failed = {}
    with journal.open("a", encoding="utf-8") as file, _progress(len(submissions), len(todo)) as bar:
        unreadable = [key for key, s in todo.items() if s.problem]
        found = ((key, {"unreadable": todo[key].problem}) for key in unreadable)
        texts = ((key, s) for key, s in todo.items() if not s.problem)
        for key, values in itertools.chain(found, graded(texts, lesson, seed, right, settings)):
            if isinstance(values, Failed):
                failed[key] = {"outcomes": [_failure(lesson, e, str(values)) for e in lesson.gaps]}
            else:
                done[key] = _entry(judge(lesson, values, right, known), values)
                file.write(json.dumps({"key": key, **done[key]}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            bar.update()
    return done | failed


def _progress(total, todo):
    """A bar on stderr with rate and time left; rarely drawn where nobody watches it."""
    often = 0.2 if sys.stderr.isatty() else 15
    return tqdm(
        total=total, initial=total - todo, unit="submission", dynamic_ncols=True, mininterval=often, smoothing=0.1
    )


def _key(submission):
    return hashlib.sha256(f"{submission.learner}\n{submission.digest}\n{submission.problem}".encode()).hexdigest()[:24]


def _entry(outcomes, values):
    answers = {exercise: shortened(source) for exercise, source in values.get("answers", {}).items()}
    return {"outcomes": [asdict(outcome) for outcome in outcomes], "answers": answers}


def _failure(lesson, exercise, why):
    return asdict(Outcome(exercise, 0, lesson.points[exercise], "failed", why))


def _journal(path):
    """{key: entry} of a journal; the line that a killed run left unfinished is taken off."""
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        os.truncate(path, len(whole))
    entries = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
    return {entry.pop("key"): entry for entry in entries}


def _row(submission, entry, decided):
    s = submission
    outcomes = [Outcome(**outcome) for outcome in entry["outcomes"]]
    answers = entry.get("answers", {})
    return Row(s.learner, outcomes, answers, s.name, s.id, s.handle, s.file, s.note, s.late, s.problem, decided)


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
            if row.handle:
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
    "failed": "that could not be graded; say the command again to try once more",
}


def summary(rows, results, seconds, platform):
    """Lines for the one who gave the command."""
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
    if platform and (unknown := sum(not row.id for row in rows)):
        yield f"  {unknown:5} without a number of {platform.title()} in the file's name, so not known there"
    yield f"grades.csv, report.json (for you alone: it has the seed) and feedback/ are in {results}"


def _json(data):
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise NotebookError(f"{path} is damaged: name a new folder for the results.") from None
