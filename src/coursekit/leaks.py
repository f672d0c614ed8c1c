"""What gives answers away: lines of answers and of mistakes, looked for in the files that learners get."""

import contextlib
import json
import re

from coursekit.fill import mistakes, reference
from coursekit.verify import telling_lines

IDIOM = 30  # a mistake's shorter line may stand anywhere by chance


def leaks(course, files):
    """Sentences on answers and mistakes of any lesson of the course that stand in files, given as {name: bytes}.

    A line of an answer tells by itself, a line of a mistake when it is too long to be an idiom and not one of the
    package's own; shorter ones when all lines of a mistake stand in one cell or file.
    """
    texts = [(name, text) for name, content in sorted(files.items()) for text in _texts(name, content)]
    whole = dict.fromkeys(files, "")
    for name, text in texts:
        whole[name] += text + "\n"
    own = {line.strip() for name in files if name.startswith("src/") for line in whole[name].splitlines()}
    for path in course.paths:
        lesson = course.lesson(path.name)
        solutions = course.solutions(lesson)
        for exercise, answer in reference(solutions).by_exercise.items():
            for line in _telling(answer, lesson.gaps.get(exercise, "")):
                if name := _where([line], whole.items()):
                    yield f"{name} has a line of the answer to {exercise} in it: {line}"
        for exercise, _, source in mistakes(solutions):
            lines = _telling(source, lesson.gaps.get(exercise, ""))
            for line in lines:
                if len(line) >= IDIOM and line not in own and (name := _where([line], whole.items())):
                    yield f"{name} has a line of a mistake in {exercise} in it: {line}"
            if lines and (name := _where(lines, texts)):
                yield f"{name} has a mistake in {exercise} in it: {lines[0]}"


def _where(lines, texts):
    """The name of the first text that has all lines in it, or None."""
    return next((name for name, text in texts if all(line in text for line in lines)), None)


def _telling(source, gap):
    """An answer's telling lines that are more than the head of a block or the return of a name."""
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
