"""Editions: the learner's book and the instructor's from one source, and either as one file that needs no network."""

import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import yaml

from coursekit.lessons.course import Course
from coursekit.lessons.notebook import body, canonical, mark, markdown_cell, text_of
from coursekit.publishing.book import CONFIG, BookError, build_book, pages, put

WARNING = "Instructor’s edition: it contains the answers, so please do not hand it out."
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
PLAIN = re.compile(r"(`[^`]*`)|([\\*_<>$\[\]])")


def with_answers(lesson, solutions):
    """The lesson's notebook with a closed panel after each exercise: the answer, named mistakes, notes.

    A note, a Markdown cell of the solutions, belongs to the answer above it; before the first one, to the lesson.
    """
    notebook, told = canonical(lesson.notebook), _told(solutions)
    last = {mark(cell).exercise: k for k, cell in enumerate(notebook.cells) if mark(cell)}
    for exercise, k in sorted(last.items(), key=lambda item: -item[1]):
        if told.get(exercise):
            notebook.cells.insert(k + 1, markdown_cell(_panel(f"Exercise {exercise}", told[exercise])))
    if told.get(""):
        notebook.cells.insert(1, markdown_cell(_panel("This lesson", told[""])))
    return canonical(notebook)


def _told(solutions):
    """What the solutions say, by exercise: a list of (kind, text, source)."""
    told, exercise = {"": []}, ""
    for cell in solutions.cells:
        found = mark(cell)
        if found and found.kind in ("answer", "mistake"):
            exercise = found.exercise
            told.setdefault(exercise, []).append((found.kind, found.text, body(cell)))
        elif found and found.kind == "hint":
            more = " ".join(line.lstrip("# ") for line in body(cell).splitlines())
            told.setdefault(found.exercise, []).append(("hint", f"{found.text} {more}".strip(), ""))
        elif cell.cell_type == "markdown" and (text := re.sub(r"^# .*$", "", cell.source, flags=re.MULTILINE).strip()):
            told[exercise].append(("note", text, ""))
    return told


def _panel(title, told):
    count = {kind: sum(k == kind for k, _, _ in told) for kind in ("answer", "mistake", "hint", "note")}
    names = [f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in count.items() if n and kind != "answer"]
    names = ["the answer"] * bool(count["answer"]) + names
    lines = [f'<details class="for-instructors"><summary>{title}, for the instructor: {", ".join(names)}</summary>']
    for kind, text, source in told:
        said = {
            "answer": "**Reference answer**",
            "mistake": f"**Mistake.** {_plain(text)}",
            "hint": f"**Hint.** {_plain(text)}",
            "note": f"**Note.** {text}",
        }
        lines.append(said[kind])
        if source:
            lines.append(f"```python\n{source}\n```")
    return "\n\n".join([*lines, "</details>"])


def _plain(text):
    """A sentence as Markdown, escaped so that it reads as it is; code between backticks stays code."""
    return PLAIN.sub(lambda match: match[1] or f"\\{match[2]}", text)


def build_instructor_book(root, out=None):
    """Build the instructor's edition, `_build/instructor` below `out` (default: the root); return its first page."""
    root, out = Path(root).resolve(), Path(out or root).resolve()
    with tempfile.TemporaryDirectory(prefix="instructor-") as folder:
        stage(root, Path(folder) / "source")
        page = build_book(Path(folder) / "source", Path(folder) / "built")
        return put(page.parent, out / "_build" / "instructor") / "index.html"


def stage(root, folder):
    """Write the sources of the instructor's edition: everything that the book reads, answers put into the lessons."""
    course = Course(root)
    listed = [path for name in pages(root) for path in root.glob(f"{name}.*") if path.suffix in (".md", ".ipynb")]
    shutil.copytree(root / "book", folder / "book")
    if (root / "CITATION.cff").is_file():
        shutil.copyfile(root / "CITATION.cff", folder / "CITATION.cff")
    for path in course.evidence.glob("*.json"):
        (folder / "evidence").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / "evidence" / path.name)
    for path in listed:
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.parent == course.lessons and path.suffix == ".ipynb":
            lesson = course.lesson(path.stem)
            target.write_text(text_of(with_answers(lesson, course.solutions(lesson))), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    config = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8"))
    config["title"] = f"{config['title']} · instructor’s edition"
    config["sphinx"]["config"]["html_theme_options"]["announcement"] = WARNING
    (folder / CONFIG).write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def title(root):
    """The book's title, as its settings say."""
    return yaml.safe_load((Path(root) / CONFIG).read_text(encoding="utf-8"))["title"]


def file_stem(root, instructor=False):
    """The name of the book as one file, without suffix: small letters and hyphens, from the title."""
    stem = re.sub(r"[^a-z0-9]+", "-", title(root).lower()).strip("-") or "book"
    return stem + "-instructor" * instructor


def pack(page, target):
    """Put the book around its first page into one zip file, the same bytes for the same book; return its path."""
    folder = Path(page).parent
    if not page.is_file():
        raise BookError(f"there is no book in {folder}: build it first.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(folder).as_posix()}", EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o100644 << 16, 3
            archive.writestr(entry, path.read_bytes())
    part.replace(target)
    return target
