"""Leaks: searches the files that learners get for lines of answers and of mistakes."""

import contextlib
import json
import re

from coursekit.lessons.fill import mistakes, reference
from coursekit.lessons.notebook import code_cells, mark
from coursekit.proving.verify import telling_lines

IDIOM = 30  # a mistake's shorter line may stand anywhere by chance


def leaks(course, files):
    """Sentences on answers and mistakes of any lesson of the course that stand in files, given as {name: bytes}.

    One line of an answer is a leak. One line of a mistake is a leak if it is too long to be an idiom; shorter lines are
    one if all lines of the mistake stand in one cell or file. Long lines that the package has as well are no leak, nor
    is code that a lesson shows in order to have its fault found.
    """
    texts = [(name, text) for name, content in sorted(files.items()) for text in _texts(name, content)]
    whole = dict.fromkeys(files, "")
    for name, text in texts:
        whole[name] += text + "\n"
    own = {line.strip() for name in files if name.startswith("src/") for line in whole[name].splitlines()}
    lessons = [course.lesson(path.name) for path in course.paths]
    shown = {line.strip() for lesson in lessons for block in _shown(lesson) for line in block.splitlines()}
    for lesson in lessons:
        solutions = course.solutions(lesson)
        for exercise, answer in reference(solutions).by_exercise.items():
            for line in _telling(answer, lesson.gaps.get(exercise, "")):
                if name := _where([line], whole.items()):
                    yield f"{name} has a line of the answer to {exercise} in it: {line}"
        for exercise, _, source in mistakes(solutions):
            lines = [line for line in _telling(source, lesson.gaps.get(exercise, "")) if line not in shown]
            lines = [line for line in lines if len(line) < IDIOM or line not in own]
            for line in lines:
                if len(line) >= IDIOM and (name := _where([line], whole.items())):
                    yield f"{name} has a line of a mistake in {exercise} in it: {line}"
            if lines and (name := _where(lines, texts)):
                yield f"{name} has a mistake in {exercise} in it: {lines[0]}"


def _shown(lesson):
    """The code that a lesson's author shows: blocks in its text, and its cells other than those to be filled."""
    text = "\n\n".join(cell.source for cell in lesson.notebook.cells if cell.cell_type == "markdown")
    cells = [cell.source for cell in code_cells(lesson.notebook) if mark(cell) is None]
    return [*re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE), *cells]


def _where(lines, texts):
    """The name of the first text that has all lines in it, or None."""
    return next((name for name, text in texts if all(line in text for line in lines)), None)


def _telling(source, gap):
    """An answer's distinctive lines: more than the head of a block or the return of a name."""
    lines = sorted(telling_lines(source, gap))
    return [line for line in lines if not line.endswith(":") and not line.removeprefix("return ").isidentifier()]


def _texts(name, content):
    """The texts in a file that a person would read: all strings of a notebook or a JSON file, else all of it."""
    text = content.decode("utf-8", "replace")
    texts = [text]
    if name.endswith((".ipynb", ".json")):
        with contextlib.suppress(ValueError):
            texts = _strings(json.loads(text))
    return [re.sub(r"[A-Za-z0-9+/=]{200,}", "", text) for text in texts]  # without pictures and packed tables


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield "".join(value)
        else:
            for item in value:
                yield from _strings(item)
