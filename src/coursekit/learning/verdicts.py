"""What `course check` found, kept beside a learner's copies, so that `course progress` shows it as well."""

import contextlib
import json
import os
import time

FILE = ".checked.json"
KINDS = ("right", "wrong")


def keep(work, rows):
    """Keep what was found of the answers in `work/`; a folder that cannot be written to keeps nothing."""
    found = {row.exercise: [row.answer, row.kind, time.time()] for row in rows if row.answer and row.kind in KINDS}
    with contextlib.suppress(OSError):
        path = work / FILE
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        draft.write_text(json.dumps(_read(path) | found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(draft, path)


def kept(work):
    """{(exercise, digest of the answer): (kind, when)}; what is not that is left out."""
    return {(exercise, answer): (kind, when) for exercise, (answer, kind, when) in _read(work / FILE).items()}


def _read(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {key: entry for key, entry in found.items() if _is_entry(entry)} if isinstance(found, dict) else {}


def _is_entry(entry):
    if not isinstance(entry, list) or len(entry) != 3:
        return False
    answer, kind, when = entry
    return isinstance(answer, str) and kind in KINDS and type(when) in (int, float)
