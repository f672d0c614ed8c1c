"""A lesson: a notebook with numbered gaps, read from disk and brought into canonical form."""

import codecs
import copy
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.marks import clean, marked_line
from coursekit.checking.verdicts import VERDICT_MIME
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.folding import fold, folded

MAX_BYTES, MOST_CELLS, DEEPEST = 30_000_000, 5000, 100
FACTS = re.compile(r"^(\d+) min(?: · ★ (\d+) min)? · CPU (\d+) s · after: (.+)$", re.MULTILINE)
POINTS = re.compile(r"^#+ Exercise (\d+\.\d+)\b.*?(?:\((\d+) points?\))?\s*$", re.MULTILINE)

KINDS = ("code", "markdown", "raw")
OLD = (1, 2, 3)  # formats of IPython before Jupyter
CONFLICT = re.compile(r"^(<{7}|>{7})( |$)", re.MULTILINE)
# What people hand in for a notebook, by how it begins.
NO_NOTEBOOK = (
    (r"version https://git-lfs", "is not the notebook but git's pointer to it: get it with `git lfs pull`"),
    (r"<(?i:!doctype|html|!--)", "is a web page: download the notebook itself (on GitHub, with the button Raw)"),
    (r"import marimo\b", "is a marimo script: make a notebook of it with `marimo export ipynb`"),
    (r"---\n|#|import |from |%%", "is text and not a notebook: make one of it with `jupytext --to notebook`"),
    (r"", "is not a notebook (it does not parse as JSON): give a file that Jupyter saved"),
)

SEEN = {"collapsed", "deletable", "editable", "format", "mystnb", "scrolled", "slideshow"}  # metadata that readers see
HIDDEN = ("outputs_hidden", "source_hidden")
# Metadata in which an editor keeps what is its own: JupyterLab, Colab, VS Code, PyCharm, Kaggle, Deepnote, Databricks,
# papermill, jupytext and some extensions.
EDITORS = re.compile(
    r"execution|ExecuteTime|jp-|cellView|col(ab|_type)|id$|cell_id|outputId|executionInfo|vscode|pycharm|"
    r"_uuid|_cell_guid|_kg_|trusted|deepnote|source_hash|output_cleared|allow_embed|block_group|application/vnd\.|"
    r"papermill|lines_to_next_cell|cell_marker|heading_collapsed|hidden$|run_control|notebookRunGroups|nteract|azdata"
)

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class Node(dict):
    """A part of a notebook, whose keys are its attributes, too. nbformat has the same, and takes a second to import."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setitem__(self, key, value):
        super().__setitem__(key, nodes(value) if type(value) is dict else value)

    __setattr__ = __setitem__
    __delattr__ = dict.__delitem__

    def __copy__(self):
        return Node(self)

    def __deepcopy__(self, memo):
        return Node({key: copy.deepcopy(value, memo) for key, value in self.items()})

    def __reduce__(self):
        return Node, (dict(self),)


def nodes(data):
    """Plain JSON data with a Node for each dict."""
    if isinstance(data, dict):
        return Node({key: nodes(value) for key, value in data.items()})
    return [nodes(part) for part in data] if isinstance(data, (list, tuple)) else data


def new_notebook(cells):
    """A notebook of these cells."""
    return Node(nbformat=4, nbformat_minor=5, metadata=Node(), cells=cells)


def code_cell(source, **rest):
    """A code cell that has not run."""
    return Node(
        {"cell_type": "code", "id": "", "metadata": Node(), "source": source, "outputs": [], "execution_count": None}
        | {key: nodes(value) for key, value in rest.items()}
    )


def markdown_cell(source, **rest):
    """A cell of text."""
    cell = {"cell_type": "markdown", "id": "", "metadata": Node(), "source": source}
    return Node(cell | {key: nodes(value) for key, value in rest.items()})


@dataclass(frozen=True)
class Mark:
    """The first line of a marked cell: its kind, the exercise, and the sentence of a mistake or a hint."""

    kind: str
    exercise: str
    text: str = ""


def mark(cell):
    """The mark of a code cell, or None; blank lines, comments and magics may stand above it."""
    found = marked_line(cell.source) if cell.cell_type == "code" else None
    return Mark(found[1][1], found[1][2], found[1][3].strip()) if found else None


def body(cell):
    """The source of a marked cell without the mark and what stands above it."""
    lines = cell.source.split("\n")
    return "\n".join(lines[marked_line(cell.source)[0] + 1 :]).strip("\n")


def read(path):
    """Read a notebook of any format; for any other file, NotebookError says what to do."""
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
        return parse(decoded(path.read_bytes(), path), path)
    except FileNotFoundError:
        raise NotebookError(f"{path} is not there: give a lesson's number or the path of a notebook.") from None
    except RecursionError:
        raise NotebookError(f"{path} is nested too deeply: take a fresh copy of the lesson.") from None
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path} cannot be read: {error}.") from None


def decoded(data, name):
    """The text of a notebook's bytes: UTF-8, or UTF-16 with its mark as some Windows tools write it."""
    if kind := {b"%PDF": "a PDF", b"PK\3\4": "a zip", b"\x1f\x8b\x08\x00": "packed with gzip"}.get(data[:4]):
        raise NotebookError(f"{name} is {kind}, not a notebook: give the file that Jupyter saved.")
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotebookError(
            f"{name} is not UTF-8 text (line {line}), so it is not a notebook: save it again from Jupyter."
        ) from None


def parse(text, name):
    """Turn the text of a notebook into a NotebookNode; `name` stands in the messages.

    Cells and outputs of unknown kinds are kept as they are and never read.
    """
    data = _json(text.rstrip("\0 \t\r\n"), name)  # after a crash, the end of a file may be filled with zeros
    if not isinstance(data, dict) or "nbformat" not in data:
        raise NotebookError(f"{name} is JSON, but not a notebook: give a file that Jupyter saved.")
    if not shallow(data, DEEPEST):  # copying, writing and pickling it would all end in a RecursionError
        raise NotebookError(f"{name} is nested more than {DEEPEST} deep: clear its outputs and save it again.")
    if str(data["nbformat"]) in ("1", "2", "3", "4"):  # some exports write numbers as text
        data["nbformat"] = int(data["nbformat"])
    if data["nbformat"] in OLD:
        data = _upgraded(data, name)
    if data["nbformat"] != 4:
        raise NotebookError(
            f"{name} is in notebook format {str(data['nbformat'])[:9]}, this course reads formats up to 4: "
            "open it in JupyterLab and save it."
        )
    cells = data.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{name} has no list of cells: take a fresh copy of the lesson.")
    if len(cells) > MOST_CELLS:
        raise NotebookError(f"{name} has {len(cells)} cells, more than {MOST_CELLS}: delete those that you added.")
    return nodes(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": data["metadata"] if isinstance(data.get("metadata"), dict) else {},
            "cells": [_cell(cell, k, name) for k, cell in enumerate(cells)],
        }
    )


def _json(text, name):
    if not text.strip():
        raise NotebookError(f"{name} is empty: take a fresh copy of the lesson and paste your answers into it.")
    try:
        return json.loads(text)
    except RecursionError:
        raise NotebookError(f"{name} is nested too deeply: take a fresh copy of the lesson.") from None
    except json.JSONDecodeError as error:
        raise NotebookError(f"{name} {_why_not(text, error)}.") from None
    except ValueError as error:  # a number of thousands of digits
        raise NotebookError(f"{name} does not parse as JSON ({error}): take the last good copy.") from None


def _why_not(text, error):
    """What became of a notebook that does not parse as JSON, and what to do, as the end of a sentence."""
    if marker := CONFLICT.search(text):
        line = text.count("\n", 0, marker.start()) + 1
        return (
            f"has git's conflict markers in it, from line {line} on: keep one side, for the whole file with "
            "`git checkout --ours` or `git checkout --theirs` and its name"
        )
    if not text.lstrip().startswith("{"):
        return next(what for begins, what in NO_NOTEBOOK if re.match(begins, text.lstrip()))
    if error.msg.startswith("Extra data"):
        if text[error.pos :].startswith("{"):
            return f"holds two notebooks, the second from line {error.lineno} on: keep one of them"
        return f"goes on after its end, from line {error.lineno} on: delete what stands there"
    if "trailing comma" in error.msg or re.match(r"\s*[]}]", text[error.pos :]):
        commas = text.rfind(",", 0, error.pos + 1)
        if commas >= 0 and not text[commas + 1 : error.pos].strip():
            line = text.count("\n", 0, commas) + 1
            return f"has a comma too many at the end of line {line}, before a closing bracket: delete it"
    if error.pos >= len(text) or not text.endswith("}"):
        last = text.count("\n") + 1
        return f"was cut off while being saved, in line {last}: take the last good copy"
    return (
        f"is damaged in line {error.lineno}, column {error.colno} (it does not parse as JSON: {error.msg}): "
        "mend the line, or take the last good copy"
    )


def _upgraded(data, name):
    """A notebook of IPython's formats 1 to 3 in format 4."""
    import nbformat.reader
    from traitlets.log import get_logger

    log = get_logger()
    before, log.disabled = log.disabled, True  # it warns of metadata that an old file cannot have
    try:
        return nbformat.convert(nbformat.reader.reads(json.dumps(data)), 4)
    except Exception:  # a damaged file can make the converter raise anything
        raise NotebookError(
            f"{name} is in notebook format {data['nbformat']}, and damaged: take a fresh copy of the lesson."
        ) from None
    finally:
        log.disabled = before


def shallow(value, most):
    """Whether plain JSON data has at most so many lists and dicts inside each other, found without recursion."""
    level = [value] if type(value) in (list, dict) else []
    for _ in range(most):
        parts = (part for inner in level for part in (inner.values() if type(inner) is dict else inner))
        level = [part for part in parts if type(part) in (list, dict)]
    return not level


def _cell(cell, k, name):
    source = (cell.get("source") or "") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    if isinstance(kind, str) and kind not in KINDS:
        source = source if isinstance(source, str) else ""
    if not isinstance(source, str) or not isinstance(kind, str):
        raise NotebookError(f"{name}: cell {k + 1} is damaged: take a fresh copy of the lesson.")
    kept = {
        "cell_type": clean(kind),
        "id": str(cell.get("id", "")),
        "metadata": cell["metadata"] if isinstance(cell.get("metadata"), dict) else {},
        "source": clean(re.sub("\r\n?", "\n", source).replace("\x00", "")),
    }
    if isinstance(cell.get("attachments"), dict) and kind != "code":
        kept["attachments"] = cell["attachments"]
    if kind == "code":
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
    """A copy in the form that the repository stores: ids from content, counts in order, no traces of editors.

    The same content gives the same bytes, whatever program saved it. What readers see is kept: text, attachments,
    outputs, and the metadata in SEEN. NotebookError names what is neither that nor known to be an editor's own.
    """
    notebook = nodes(json.loads(json.dumps(notebook)))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    seen, count = {}, 0
    for k, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type not in KINDS:
            raise NotebookError(f"Cell {k} is of the type {cell.cell_type!r}, which no page shows: make it Markdown.")
        cell.source = cell.source.rstrip()
        seen[_stem(cell)] = repeat = seen.get(_stem(cell), 0) + 1
        cell.id = _stem(cell) + (f"-{repeat}" if repeat > 1 else "")
        cell.metadata = _seen(cell.metadata, k)
        if folded(cell):
            fold(cell)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            kept = [_canonical_output(output, count) for output in cell.outputs if not _needs_kernel(output)]
            cell.outputs = _whole_streams(kept)
    return notebook


def _seen(metadata, k):
    """The metadata of cell k that readers see; NotebookError for what is neither theirs nor an editor's."""
    if unknown := [key for key in metadata if key not in (*SEEN, "tags", "jupyter") and not EDITORS.match(key)]:
        raise NotebookError(
            f"Cell {k} has the metadata {unknown[0]!r}, of which nothing here knows whether readers need it: remove it."
        )
    kept = {key: metadata[key] for key in sorted(SEEN & metadata.keys())}
    hidden = metadata.get("jupyter")
    hidden = {key: True for key in HIDDEN if isinstance(hidden, dict) and hidden.get(key) is True}
    tags = metadata.get("tags")
    tags = sorted({tag for tag in tags if isinstance(tag, str)}) if isinstance(tags, list) else []
    return kept | ({"jupyter": hidden} if hidden else {}) | ({"tags": tags} if tags else {})


def _stem(cell):
    found = mark(cell)
    if found and found.kind in ("exercise", "check", "answer"):
        return f"{found.kind}-{found.exercise.replace('.', '-')}"
    return hashlib.sha256(cell.source.encode()).hexdigest()[:8]


def _needs_kernel(output):
    """Whether an output is a widget, which does nothing without a kernel and so is never stored."""
    return WIDGET_MIME in output.get("data", {})


def _canonical_output(output, count):
    output.pop("transient", None)
    if isinstance(verdict := output.get("data", {}).get(VERDICT_MIME), dict):
        verdict.pop("answer", None)  # a digest of the reference answer, by which one could recognize it
    if "execution_count" in output:
        output["execution_count"] = count
    return output


def _whole_streams(outputs):
    """Join consecutive pieces of a stream: into how many pieces a text is split varies between runs."""
    whole = []
    for output in outputs:
        if whole and output["output_type"] == "stream" and whole[-1].get("name") == output["name"]:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(output)
    return whole


def text_of(notebook):
    """The text of a notebook's file, as Jupyter writes it: strings as lists of lines, so that git merges by line."""
    from nbformat import from_dict
    from nbformat.v4 import nbjson

    return nbjson.writes(from_dict(notebook)) + "\n"


@dataclass(frozen=True)
class Lesson:
    """A lesson of a course: its number, its notebook and what its text says of itself."""

    path: Path
    notebook: Node

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
        return int(found[1]), int(found[3]), tuple(re.findall(r"\d\d", found[4]))

    @property
    def minutes(self):
        """(minutes for a learner, minutes for the sections marked ★) as the heading states them."""
        found = FACTS.search(self.prose)
        return int(found[1]), int(found[2] or 0)

    @property
    def points(self):
        """Points by exercise, from the headings; one point where a heading gives none."""
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
    """The first line of a cell that is not blank, by which messages name the cell."""
    return next((line.strip() for line in source.splitlines() if line.strip()), "")
