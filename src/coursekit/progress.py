"""How far a learner has come, read from their own notebooks: nothing is run, and nothing leaves the machine."""

import html
from dataclasses import dataclass
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursekit.checks import SIGNS, STYLES, VERDICT_MIME
from coursekit.course import Course
from coursekit.fill import collect, is_blank
from coursekit.lesson import NotebookError, canonical, mark, read, text_of

PAGE = "progress.ipynb"
LEFT = 'style="text-align:left"'
WORDS = {"right": "correct", "wrong": "not yet correct", "blank": "not answered", "error": "answered, not checked"}


@dataclass(frozen=True)
class Standing:
    """One lesson: `kinds` by exercise (right, wrong, blank, or error: answered, not checked), or a `problem`."""

    number: str
    title: str
    file: str
    kinds: dict
    points: dict
    problem: str = ""

    @property
    def right(self):
        return [exercise for exercise, kind in self.kinds.items() if kind == "right"]


def standings(course, work):
    """A Standing for each lesson of the course, from the copies in a folder, as their checks last spoke."""
    return [_standing(course.lesson(path.name), Path(work) / path.name) for path in course.paths]


def _standing(lesson, copy):
    about = (lesson.number, lesson.title, lesson.path.name)
    if not copy.is_file():
        return Standing(*about, dict.fromkeys(lesson.gaps, "blank"), lesson.points)
    try:
        notebook = read(copy)
    except NotebookError as error:
        return Standing(*about, dict.fromkeys(lesson.gaps, "blank"), lesson.points, str(error))
    return Standing(*about, kinds_of(lesson, notebook), lesson.points)


def kinds_of(lesson, notebook):
    """What each exercise's stored check says; an answer whose check was not run since is not called correct."""
    answers, said = collect(lesson, notebook).by_exercise, _said(notebook)
    kinds = {}
    for exercise, gap in lesson.gaps.items():
        blank = is_blank(answers.get(exercise, gap), gap)
        kinds[exercise] = "blank" if blank else said.get(exercise, "error")
    return {exercise: kind if kind in WORDS else "error" for exercise, kind in kinds.items()}


def _said(notebook):
    """The kind of the last stored verdict by exercise, where the check ran after the answer."""
    ran, said = {}, {}
    for cell in notebook.cells:
        found = mark(cell)
        if found and found.kind == "exercise":
            ran[found.exercise] = cell.execution_count or 0
        if found and found.kind == "check" and (cell.execution_count or 0) > ran.get(found.exercise, 0):
            bundles = [o["data"].get(VERDICT_MIME) for o in cell.outputs if isinstance(o.get("data"), dict)]
            kinds = [b["kind"] for b in bundles if isinstance(b, dict) and isinstance(b.get("kind"), str)]
            said |= {found.exercise: kinds[-1]} if kinds else {}
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
        lines += [f"   {s.problem}"] if s.problem else []
    legend = ", ".join(f"{SIGNS[kind]} {words}" for kind, words in WORDS.items())
    return "\n".join([*lines, "", summary(found), f"{legend}; as the checks last spoke in your saved notebooks."])


class Page:
    """The same as a page, where a notebook shows it."""

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
    note = f"<br>{html.escape(s.problem)}" if s.problem else ""
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
    cells = [new_markdown_cell(about), new_code_cell("from coursekit.progress import page\n\npage()")]
    made = canonical(new_notebook(cells=cells))
    made.cells[1].execution_count = None
    return text_of(made)
