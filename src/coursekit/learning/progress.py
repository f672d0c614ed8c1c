"""How far a learner has come, read from their own notebooks and from what `course check` found of them.

Nothing is run, and nothing leaves the machine.
"""

import html
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.marks import digest
from coursekit.checking.verdicts import SIGNS, STYLES, VERDICT_MIME
from coursekit.learning import verdicts
from coursekit.learning.copies import choose
from coursekit.lessons.cells import is_blank
from coursekit.lessons.course import Course
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import collect
from coursekit.lessons.notebook import (
    Lesson,
    canonical,
    code_cell,
    code_cells,
    markdown_cell,
    new_notebook,
    read,
    text_of,
)

PAGE = "progress.ipynb"
LEFT = 'style="text-align:left"'
WORDS = {"right": "correct", "wrong": "not yet correct", "blank": "not answered", "error": "answered, not checked"}


@dataclass(frozen=True)
class Standing:
    """One lesson: `kinds` by exercise (right, wrong, blank, or error: answered, not checked), or a `problem`.

    `note` says which of several copies this is.
    """

    number: str
    title: str
    file: str
    kinds: dict
    points: dict
    problem: str = ""
    note: str = ""

    @property
    def right(self):
        return [exercise for exercise, kind in self.kinds.items() if kind == "right"]


def standings(course, work):
    """A Standing for each lesson of the course, from the copies in a folder, as their checks last spoke."""
    return [_standing(course, path, Path(work)) for path in course.paths]


def _standing(course, path, work):
    try:
        lesson = Lesson.load(path)
    except NotebookError as error:
        return Standing(path.name[:2], "", path.name, {}, {}, str(error))
    copy, note = choose(course, lesson, work)
    about = (lesson.number, lesson.title, copy.name if copy else path.name)
    blank = dict.fromkeys(lesson.gaps, "blank")
    if not copy:
        return Standing(*about, blank, lesson.points)
    try:
        notebook = read(copy)
    except NotebookError as error:
        return Standing(*about, blank, lesson.points, str(error), note)
    checked = verdicts.kept(work)
    return Standing(*about, kinds_of(lesson, notebook, checked, copy.stat().st_mtime), lesson.points, "", note)


def kinds_of(lesson, notebook, checked=None, saved=0.0):
    """The kind of each exercise's verdict; "error", not checked, for an answer that changed since.

    It is the notebook's own, or what `course check` found of the same answer after the notebook was saved.
    """
    answers, said = collect(lesson, notebook).by_exercise, _said(notebook)
    for key, (kind, when) in (checked or {}).items():
        if key not in said or when >= saved:
            said[key] = kind
    kinds = {}
    for exercise, gap in lesson.gaps.items():
        answer = answers.get(exercise, gap)
        blank = is_blank(answer, gap)
        kinds[exercise] = "blank" if blank else said.get((exercise, digest(answer)), "error")
    return {exercise: kind if kind in WORDS else "error" for exercise, kind in kinds.items()}


def _said(notebook):
    """The kind of the last stored verdict by exercise and digest of the answer that it is about."""
    said = {}
    for cell in code_cells(notebook):
        bundles = [o["data"].get(VERDICT_MIME) for o in cell.outputs if isinstance(o.get("data"), dict)]
        for bundle in bundles:
            if isinstance(bundle, dict) and all(isinstance(bundle.get(key), str) for key in ("exercise", "kind")):
                said[bundle["exercise"], str(bundle.get("answer"))] = bundle["kind"]
    return said


def summary(found):
    """The sum of all lessons in one line."""
    right, every = sum(len(s.right) for s in found), sum(len(s.kinds) for s in found)
    points = sum(s.points[exercise] for s in found for exercise in s.right)
    return f"{right} of {every} exercises are correct, {points} of {sum(sum(s.points.values()) for s in found)} points."


def table(found):
    """Lines for a terminal: a lesson each, with the sign of each exercise."""
    lines = []
    for s in found:
        signs = "  ".join(f"{SIGNS[kind]} {exercise}" for exercise, kind in s.kinds.items())
        lines.append(f"{s.number} {s.title:42.42}  {len(s.right)} of {len(s.kinds)}   {signs}")
        lines += [f"   {sentence}" for sentence in (s.note, s.problem) if sentence]
    legend = ", ".join(f"{SIGNS[kind]} {words}" for kind, words in WORDS.items())
    said = f"{legend}; as the checks last spoke in your saved notebooks, or in `course check`."
    return "\n".join([*lines, "", summary(found), said])


class Page:
    """The same lines as HTML, displayed in a notebook."""

    def __init__(self, found):
        self.found = found

    def __repr__(self):
        return table(self.found)

    def _repr_html_(self):
        rows = "".join(map(_row, self.found))
        head = "".join(f"<th scope='col' {LEFT}>{word}</th>" for word in ("Lesson", "Correct", "Exercises"))
        return f"<p><strong>{html.escape(summary(self.found))}</strong></p><table><tr>{head}</tr>{rows}</table>"


def _row(s):
    chips = " ".join(
        f'<span title="{exercise}: {WORDS[kind]}" style="{STYLES[kind]};display:inline-block;padding:.1em .5em">'
        f"{SIGNS[kind]} {exercise}</span>"
        for exercise, kind in s.kinds.items()
    )
    note = "".join(f"<br>{html.escape(sentence)}" for sentence in (s.note, s.problem) if sentence)
    link = f'<a href="{html.escape(s.file)}">{s.number} · {html.escape(s.title)}</a>{note}'
    done = f"{len(s.right)} of {len(s.kinds)}"
    return f"<tr><th scope='row' {LEFT}>{link}</th><td {LEFT}>{done}</td><td {LEFT}>{chips}</td></tr>"


def page():
    """The page of the folder that this runs in: how far its notebooks have come."""
    return Page(standings(Course.find(), Path.cwd()))


def notebook():
    """The text of the notebook that shows the page in JupyterLab."""
    about = (
        "# How far you are\n\nRun the cell: it reads your saved notebooks in this folder, and sends nothing anywhere."
    )
    cells = [markdown_cell(about), code_cell("from coursekit.learning.progress import page\n\npage()")]
    made = canonical(new_notebook(cells))
    made.cells[1].execution_count = None
    return text_of(made)
