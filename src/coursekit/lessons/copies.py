"""Names of files: which is a notebook, which a lesson, and which a copy that some program put beside it."""

import re

# Browsers, mail programs and editors add an ending of theirs.
NOTEBOOK = re.compile(r"\.ipynb(?:\.(?:txt|json|download)| ?\(\d+\)|~)*$", re.IGNORECASE)
LESSON = re.compile(r"(\d\d)_\w+\.ipynb")
BEFORE = r"(?:(?:[^\W\d_]+ ){1,6})?"  # words of some language that stand before a copy's name: "Copy of Copy of "
ASIDE, ORIGINAL, COPY, FRESH = range(4)
MARKS = [
    (ASIDE, re.compile(r"__\d{14}$")),  # nbgitpuller puts a file that is in its way aside under the time of day
    (ASIDE, re.compile(r"-checkpoint$")),
    (FRESH, re.compile(r"\.new\d*$")),  # `course lab`, beside a copy of a lesson that has changed
    (COPY, re.compile(r"-Copy\d*$", re.IGNORECASE)),  # JupyterLab
    (COPY, re.compile(r" ?\(\d+\)$")),  # browsers, Drive
    (COPY, re.compile(r"([ _]-)?[ _](copy|kopie|copie|copia)([ _]\d+)?$", re.IGNORECASE)),  # Windows, macOS
    (COPY, re.compile(r" \((\d+\w\w )?(another )?(copy|kopie|copie|copia)\)$", re.IGNORECASE)),  # GNOME
    (COPY, re.compile(r" \([^()]*(conflicted copy|SFConflict)[^()]*\)$")),  # Dropbox, Nextcloud, Seafile
    (COPY, re.compile(r"\.sync-conflict-[\d-]+-\w+$|_conflict-[\d-]+$")),  # Syncthing, ownCloud
    (COPY, re.compile(r" \d$")),  # iCloud
    (COPY, re.compile(r"^(Copy|Kopie|Copie|Copia|Cópia) (of|von|de|di) ", re.IGNORECASE)),  # Drive
    (COPY, re.compile(r"-\d{1,2}$")),  # Canvas, for each time that somebody hands in
]


def original(name):
    """(stem, kind) of a notebook's file name: the name's stem without any mark of a copy, and which kind of copy it is.

    The kinds are in the order in which such files usually come to be: ASIDE (put away by a program), ORIGINAL, COPY,
    FRESH (made by `course lab` since the lesson changed).
    """
    stem, kind = NOTEBOOK.sub("", name).strip(), ORIGINAL
    stripped = True
    while stripped:
        stripped = False
        for mark, pattern in MARKS:
            shorter = pattern.sub("", stem).strip()
            if shorter not in ("", stem):
                kind = mark if kind == ORIGINAL else kind
                stem, stripped = shorter, True
    return stem, kind


def is_notebook(name):
    """Whether a file's name is that of a notebook, with whatever a browser or an editor has put behind it."""
    return NOTEBOOK.search(name) is not None and not name.startswith(".")


def is_lesson(name):
    """Whether a file's name is that of a lesson, `05_name.ipynb`, and not that of a copy."""
    return LESSON.fullmatch(name) is not None and original(name)[1] == ORIGINAL


def number_of(name):
    """The number of the lesson that a notebook's name speaks of, as "05"; None where it speaks of none."""
    if not is_notebook(name):
        return None
    found = re.match(rf"{BEFORE}(\d\d)_", name)
    return found[1] if found else None


def is_copy(name, lesson):
    """Whether a file's name is that of a lesson, or of a copy of it.

    name    of the file, "Copy of 05_jacobians (1).ipynb"
    lesson  the lesson's own, "05_jacobians.ipynb"
    """
    stem = lesson.removesuffix(".ipynb")
    found = re.match(rf"{BEFORE}{re.escape(stem)}(.*)", name, re.IGNORECASE | re.DOTALL)
    if not found or not is_notebook(name):
        return False
    # A letter continues the name, which is then another lesson's.
    return not NOTEBOOK.sub("", found[1])[:1].isalpha()
