"""A learner's copies of one lesson, of which one counts."""

from coursekit.lessons.copies import is_copy
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.fill import answered
from coursekit.lessons.notebook import read


def copies(course, lesson, folder):
    """The copies of a lesson in a folder, under its own name first, then by name."""
    name, others = lesson.path.name, {path.name for path in course.paths}
    found = [path for path in folder.glob("*") if is_copy(path.name, name) and path.is_file()]
    found = [path for path in found if path.name == name or path.name not in others]
    return sorted(found, key=lambda path: (path.name != name, path.name))


def choose(course, lesson, folder):
    """(the copy that counts or None, a sentence on why this one, "" where there is no other).

    One with answers counts before one without, whatever its name, and of several the one that was saved last.
    """
    found = copies(course, lesson, folder)
    if len(found) < 2:
        return (found[0] if found else None), ""
    ranks = {path: (_answers(lesson, path), path.stat().st_mtime_ns) for path in found}
    best = max(found, key=ranks.get)  # of equals the lesson's own name, which stands first
    with_answers = [path for path in found if ranks[path][0] > 0]
    why = "the only one with answers" if len(with_answers) == 1 else "the one saved last"
    if not with_answers:
        best, why = found[0], "none has answers yet"
    others = ", ".join(path.name for path in found if path != best)
    return best, f"Of {len(found)} copies {best.name} counts ({why}), not {others}."


def _answers(lesson, path):
    """1 for a copy with an answer, 0 for one without, -1 for one that cannot be read."""
    try:
        return 1 if answered(lesson, read(path)) else 0
    except NotebookError:
        return -1
