"""An nbgrader assignment made from a lesson: answers between its marks, checks that raise as its hidden tests.

nbgrader judges inside the learner's kernel, so an answer that tampers with that kernel can give itself any grade; see
the guide. Formats: https://nbgrader.readthedocs.io/en/stable/contributor_guide/metadata.html (schema 3).
"""

import functools
import json
import shutil
from pathlib import Path

from coursekit.checking.values import rounded
from coursekit.grading.sandbox import Sandbox
from coursekit.grading.unit import reference_values
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import reference
from coursekit.lessons.notebook import body, canonical, mark, text_of
from coursekit.proving.record import write

CONFIG = '''"""nbgrader's settings for lessons of this course: where an answer stood, learners find the lesson's gap."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course!r}
c.ClearSolutions.code_stub = {{"python": ""}}
c.ExecutePreprocessor.timeout = 120
'''


def export(course, lesson, out, seed):
    """Write nbgrader's course folder with a lesson as an assignment: nbgrader_config.py and source/NN_name/.

    A folder that already has such a configuration gets one more assignment. Returns the assignment's folder.
    """
    out = Path(out)
    folder = out / "source" / lesson.name
    if folder.exists():
        raise NotebookError(f"{folder} is there already: remove it, or export to another folder.")
    notebook = source(lesson, course.solutions(lesson), seed)
    if not (out / "nbgrader_config.py").exists():
        write(out / "nbgrader_config.py", CONFIG.format(course=course.root.name))
    write(folder / lesson.path.name, text_of(notebook))
    expected = course.expected / f"{lesson.name}.json"
    if expected.is_file():
        (folder / "expected").mkdir()
        shutil.copyfile(expected, folder / "expected" / expected.name)
    return folder


def source(lesson, solutions, seed):
    """The instructor's version of a lesson as nbgrader wants it, with the reference's values on a seed in its tests."""
    answers = reference(solutions)
    # The course's own answers need no sandbox, and this must work where there is none.
    values = reference_values(lesson, solutions, seed, functools.partial(Sandbox, unsafe=True))
    notebook = canonical(lesson.notebook)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        found = mark(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if found and found.kind == "exercise":
            gap, answer = body(cell), answers.by_exercise[found.exercise]
            cell.source = (
                f"#| exercise: {found.exercise}\n{gap}\n### BEGIN SOLUTION\n{answer.rstrip()}\n### END SOLUTION"
            )
            cell.metadata["nbgrader"] = _kind(f"answer-{cell.id}", solution=True, locked=False)
        elif found and found.kind == "check":
            demand = _demand(found.exercise, seed, values[found.exercise]["cases"])
            cell.source = f"#| check: {found.exercise}\n{demand}\n{body(cell)}"
            cell.metadata["nbgrader"] = _kind(cell.id, grade=True, points=lesson.points[found.exercise])
    return notebook


def _demand(exercise, seed, cases):
    """The hidden lines that let a check raise where the values are not the reference's."""
    cases = json.dumps(rounded(cases))
    return (
        "### BEGIN HIDDEN TESTS\n"
        "from json import loads\n\nfrom coursekit.checking.checks import demand\n\n"
        f"demand({exercise!r}, {seed}, loads({cases!r}))\n"
        "### END HIDDEN TESTS"
    )


def _kind(name, grade=False, solution=False, locked=True, **points):
    flags = {"grade": grade, "solution": solution, "locked": locked, "task": False}
    return flags | points | {"grade_id": name, "schema_version": 3}
