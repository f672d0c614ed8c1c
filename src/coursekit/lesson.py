"""A lesson: a notebook with numbered gaps, read from disk and brought into canonical form."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from coursekit.values import clean

MAX_BYTES, MOST_CELLS = 30_000_000, 5000
MARK = re.compile(r"#\s*\|\s*(exercise|check|answer|mistake)\s*:\s*(\d+\.\d+)\b\s*(.*)$")
FACTS = re.compile(r"^(\d+) min · CPU (\d+) s · after: (.+)$", re.MULTILINE)
POINTS = re.compile(r"^#+ Exercise (\d+\.\d+)\b.*?(?:\((\d+) points?\))?\s*$", re.MULTILINE)

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class CourseError(Exception):
    """Something that a person can put right; the message is one sentence that says what, where and how."""


class NotebookError(CourseError):
    """A notebook that cannot be used; the message is for whoever wrote it."""


@dataclass(frozen=True)
class Mark:
    """The first line of a marked cell: its kind, the exercise, and the sentence of a mistake."""

    kind: str
    exercise: str
    text: str = ""


def mark(cell):
    """The mark of a code cell, or None; blank lines and cell magics may stand above it."""
    if cell.cell_type != "code":
        return None
    for line in cell.source.split("\n"):
        if found := MARK.match(line.strip()):
            return Mark(found[1], found[2], found[3].strip())
        if line.strip() and not line.lstrip().startswith("%"):
            return None
    return None


def body(cell):
    """The source of a marked cell without the mark and what stands above it."""
    lines = cell.source.split("\n")
    first = next(k for k, line in enumerate(lines) if MARK.match(line.strip()))
    return "\n".join(lines[first + 1 :]).strip("\n")


def read(path):
    """Read a notebook of format 4; anything else is a NotebookError that says what to do."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a file"
            raise NotebookError(f"{path} is {kind}: give a lesson's number or the path of a notebook.")
        if size > MAX_BYTES:
            raise NotebookError(
                f"{path} has {size / 1e6:.0f} MB, more than the {MAX_BYTES // 10**6} MB a lesson may have: "
                "clear its outputs (Edit › Clear Outputs of All Cells) and save it."
            )
        return parse(path.read_text(encoding="utf-8-sig"), path)
    except FileNotFoundError:
        raise NotebookError(f"{path} is not there: give a lesson's number or the path of a notebook.") from None
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is not UTF-8 text, so it is not a notebook: save it again from Jupyter.") from None
    except RecursionError:
        raise NotebookError(f"{path} is nested too deeply: take a fresh copy of the lesson.") from None
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path} cannot be read: {error}.") from None


def parse(text, name):
    """Turn the text of a notebook into a NotebookNode; `name` stands in the messages."""
    if not text.strip():
        raise NotebookError(f"{name} is empty: take a fresh copy of the lesson and paste your answers into it.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        whole = "was cut off while being saved" if text.lstrip().startswith("{") else "is not a notebook"
        raise NotebookError(f"{name} {whole} (it does not parse as JSON): take the last good copy.") from None
    if not isinstance(data, dict) or "nbformat" not in data:
        raise NotebookError(f"{name} is JSON, but not a notebook: give a file that Jupyter saved.")
    if data["nbformat"] != 4:
        raise NotebookError(
            f"{name} is in notebook format {str(data['nbformat'])[:9]}, this course reads format 4: "
            "open it in JupyterLab and save it."
        )
    cells = data.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{name} has no list of cells: take a fresh copy of the lesson.")
    if len(cells) > MOST_CELLS:
        raise NotebookError(f"{name} has {len(cells)} cells, more than {MOST_CELLS}: delete those that you added.")
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": data["metadata"] if isinstance(data.get("metadata"), dict) else {},
            "cells": [_cell(cell, k, name) for k, cell in enumerate(cells)],
        }
    )


def _cell(cell, k, name):
    source = cell.get("source", "") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise NotebookError(f"{name}: cell {k + 1} is damaged: take a fresh copy of the lesson.")
    kept = {
        "cell_type": cell["cell_type"],
        "id": str(cell.get("id", "")),
        "metadata": cell["metadata"] if isinstance(cell.get("metadata"), dict) else {},
        "source": clean(re.sub("\r\n?", "\n", source).replace("\x00", "")),
    }
    if kept["cell_type"] == "code":
        outputs = cell.get("outputs")
        kept["outputs"] = [_joined(o) for o in outputs if isinstance(o, dict)] if isinstance(outputs, list) else []
        count = cell.get("execution_count")
        kept["execution_count"] = count if isinstance(count, int) else None
    return kept


def _joined(output):
    """An output with its multi-line strings in one piece."""
    output = {key: _text(value) if key == "text" else value for key, value in output.items()}
    if isinstance(output.get("data"), dict):
        output["data"] = {mime: _text(value) for mime, value in output["data"].items()}
    return output


def _text(value):
    is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if is_lines else value


def canonical(notebook):
    """A copy in the form that the repository stores: ids from content, counts in order, bare metadata.

    The same content gives the same bytes, whoever saved it and with what.
    """
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    seen, count = {}, 0
    for cell in notebook.cells:
        cell.source = cell.source.rstrip()
        seen[_stem(cell)] = repeat = seen.get(_stem(cell), 0) + 1
        cell.id = _stem(cell) + (f"-{repeat}" if repeat > 1 else "")
        tags = cell.metadata.get("tags")
        tags = sorted({tag for tag in tags if isinstance(tag, str)}) if isinstance(tags, list) else []
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            kept = [_canonical_output(output, count) for output in cell.outputs if not _needs_kernel(output)]
            cell.outputs = _whole_streams(kept)
    return notebook


def _stem(cell):
    found = mark(cell)
    if found and found.kind in ("exercise", "check", "answer"):
        return f"{found.kind}-{found.exercise.replace('.', '-')}"
    return hashlib.sha256(cell.source.encode()).hexdigest()[:8]


def _needs_kernel(output):
    """Widgets are dead where no kernel runs, so they are never stored."""
    return WIDGET_MIME in output.get("data", {})


def _canonical_output(output, count):
    output.pop("transient", None)
    if "execution_count" in output:
        output["execution_count"] = count
    return output


def _whole_streams(outputs):
    """What a stream says in one go may arrive in pieces, more or fewer each time."""
    whole = []
    for output in outputs:
        if whole and output["output_type"] == "stream" and whole[-1].get("name") == output["name"]:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(output)
    return whole


def text_of(notebook):
    """The bytes-to-be of a notebook: sorted keys, one space of indent, one newline at the end."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Lesson:
    """A lesson of a course: its number, its notebook and what its text says of itself."""

    path: Path
    notebook: nbformat.NotebookNode

    @classmethod
    def load(cls, path):
        """Read a lesson; NotebookError when its name or heading are not those of a lesson."""
        lesson = cls(Path(path), read(path))
        if not re.match(r"\d\d_\w+\.ipynb$", lesson.path.name):
            raise NotebookError(f"{path} is not named like a lesson: 05_name.ipynb.")
        return lesson

    @property
    def number(self):
        return self.path.name[:2]

    @property
    def name(self):
        return self.path.stem

    @property
    def title(self):
        """The text of the first heading, without the lesson's number."""
        heading = re.search(r"^# (.+)$", self.prose, re.MULTILINE)
        return re.sub(r"^\d+\s*·\s*", "", heading[1]) if heading else ""

    @property
    def prose(self):
        return "\n\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "markdown")

    @property
    def facts(self):
        """(minutes for a learner, seconds of a CPU, numbers of the lessons that come before), or None."""
        found = FACTS.search(self.prose)
        if not found:
            return None
        return int(found[1]), int(found[2]), tuple(re.findall(r"\d\d", found[3]))

    @property
    def points(self):
        """Points by exercise, from the headings; one where nothing is said."""
        stated = {number: int(points or 1) for number, points in POINTS.findall(self.prose)}
        return {exercise: stated.get(exercise, 1) for exercise in self.gaps}

    @property
    def gaps(self):
        """Source of each gap's body by exercise, in the order of the lesson."""
        return marked(self.notebook, "exercise")

    @property
    def checks(self):
        """Source of each check's body by exercise."""
        return marked(self.notebook, "check")


def marked(notebook, kind):
    """Bodies of the cells with marks of one kind, by exercise."""
    found = ((mark(cell), cell) for cell in notebook.cells)
    return {m.exercise: body(cell) for m, cell in found if m and m.kind == kind}


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def first_line(source):
    """The first line of a cell that says anything: how a sentence names the cell."""
    return next((line.strip() for line in source.splitlines() if line.strip()), "")
