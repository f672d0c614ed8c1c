"""Layouts: at which depth of an export the learners lie.

Where names allow two readings, the answer is a question: a NotebookError that says how to tell.
"""

import fnmatch
import re
from dataclasses import replace

from coursekit.grading.archives import text_of_file, zip_files
from coursekit.grading.glance import glance
from coursekit.grading.platforms import NOBODY, Inbox, by_name, by_structure, groups_of, lowered, named_by_a_platform
from coursekit.grading.reading import apart
from coursekit.lessons.copies import NOTEBOOK, original
from coursekit.lessons.errors import NotebookError

# Parts of one big folder that Google Drive packs: name-20261129T172005Z-001.zip, or drive-download-….
DRIVE_PART = re.compile(r".*-\d{8}T\d{6}Z(?:-\d+)+\.zip$")
WRAPPERS = re.compile(r"^(submissions?|submitted|abgaben?|export|assignments?|class|inbox|homes?|users)$", re.I)
OLD = re.compile(
    r"^(old|new|backup|archive|attempt|version|v|copy|tmp|temp|draft|final|try|week|lesson|part)s?[ _-]*\d*$", re.I
)


def laid_out(files, lesson, inside=""):
    """The Inbox that the Files of an export make: who handed in what, at whatever depth it lies.

    `inside` names the folder in which learners' files and folders lie ("*" for any one), where a teacher says so.
    """
    if inside:
        return _inside(files, lesson, [part for part in inside.replace("\\", "/").split("/") if part not in ("", ".")])
    found = _level(files, lesson, ())
    if not found.handed:
        raise NotebookError("holds no submissions: give the folder or the zip that your platform exported.")
    return found


def _inside(files, lesson, parts):
    inbox, groups = Inbox(where="/".join(parts)), {}
    for file in _opened(files, lambda top: len(parts) > 0 and fnmatch.fnmatchcase(top, parts[0])):
        above = file.parts[: len(parts)]
        if len(file.parts) > len(parts) and all(map(fnmatch.fnmatchcase, above, parts)) and file.parts[len(parts)]:
            groups.setdefault(above, []).append(lowered(file, len(parts)))
        else:
            inbox.left_out.append(file.name)
    for above, lower in groups.items():
        inbox += by_structure(lower, above[-1] if above else "") or by_name(lower, lesson)
    if not inbox.handed:
        raise NotebookError(
            f"holds nothing in {'/'.join(parts) or 'its topmost folder'}: --inside names a folder of it."
        )
    return inbox


def _level(files, lesson, above):
    """The Inbox of the files that lie in the folder `above`, whose parts they no longer carry."""
    files = _opened(files, DRIVE_PART.match, all_of_them=True)
    if found := by_structure(files, above[-1] if above else ""):
        found.where = "/".join(above)
        return found
    groups = groups_of(files)
    if named_by_a_platform(groups):
        return replace(by_name(files, lesson), where="/".join(above))
    folders = {top: lower for top, own in groups.items() if (lower := _content(own))}
    rest = [top for top in groups if top not in folders and not NOBODY.match(top)]
    if folders and not rest:
        exports = {top: _export(lower, lesson, (*above, top)) for top, lower in folders.items()}
        if all(exports.values()):
            where = [found.where for found in exports.values()]
            inbox = Inbox(where=where[0] if len(where) == 1 else "/".join(above))
            for found in exports.values():
                inbox += found
            inbox.left_out += [file.name for file in files if file.parts[0] not in folders]
            return inbox
        if len(folders) == 1:
            [(top, lower)] = folders.items()
            if _is_class(top, lower, lesson, above):
                found = _level(lower, lesson, (*above, top))
                found.left_out += [file.name for file in files if file.parts[0] != top]
                return found
    _refuse_doubtful(groups, folders, lesson)
    inbox = replace(by_name(files, lesson), where="/".join(above))
    for top, lower in folders.items():
        if not named_by_a_platform({top: groups[top]}) and _export(lower, lesson, (*above, top)):
            inbox.doubts.append(
                f"{top} looks like an export of many, and counts as one learner: grade it by itself if it is"
            )
    return inbox


def _export(files, lesson, above):
    """The Inbox of files that lie as a platform lays them, at this level or below folders that hold all; else None."""
    while True:
        files = _opened(files, DRIVE_PART.match, all_of_them=True)
        if found := by_structure(files, above[-1]):
            return replace(found, where="/".join(above))
        groups = groups_of(files)
        if named_by_a_platform(groups):
            return replace(by_name(files, lesson), where="/".join(above))
        if len(groups) != 1:
            return None
        [(top, own)] = groups.items()
        files, above = _content(own), (*above, top)
        if not files:
            return None


def _content(files):
    """What lies in a folder, or in a zip on disk: its Files, one part of their names shorter; [] for anything else."""
    if len(files) == 1 and len(files[0].parts) == 1:
        if files[0].suffix != ".zip" or not files[0].path or files[0].path.is_symlink():
            return []
        try:
            return list(zip_files(files[0].path))
        except NotebookError:
            return []
    return [lowered(file, 1) for file in files if len(file.parts) > 1 and file.parts[1]]


def _opened(files, is_part, all_of_them=False):
    """Files, with the content of certain zips on disk in the place of these."""
    chosen = [
        file for file in files if len(file.parts) == 1 and file.suffix == ".zip" and file.path and is_part(file.name)
    ]
    if not chosen or (all_of_them and len(chosen) < len(files)):
        return files
    opened = []
    for file in files:
        if file not in chosen:
            opened.append(file)
        elif all_of_them:
            opened += _content([file])
        else:
            opened += [replace(inner, parts=(file.parts[0], *inner.parts)) for inner in _content([file])]
    return opened


def _holds(file, lesson):
    """Whether a notebook is of the lesson, read in a process with limits."""
    try:
        return apart(lambda: glance(text_of_file(file), lesson).ours)
    except (NotebookError, RuntimeError):
        return False


def _notebooks(files):
    return [file for file in files if file.suffix == ".ipynb" and file.parts[-1]]


def _is_own(name, lesson):
    """Whether a file's name is a lesson's, or that of a copy of one: such a name says nothing about the learner."""
    stem, _ = original(name)
    return stem in (lesson.name, lesson.number) or (
        re.match(r"\d\d(_\w+)?$", stem) is not None and not stem.startswith(lesson.number)
    )


def _crowd(files, lesson, look=False):
    """Folders among these that each hold a notebook of the lesson, by its name or, to `look`, by what is in it."""
    holding = {}
    for file in _notebooks(files):
        top = file.parts[0]
        if len(file.parts) > 1 and not _is_own(top, lesson) and not holding.get(top):
            named = original(file.parts[-1])[0] in (lesson.name, lesson.number)
            holding[top] = named or (look and _holds(file, lesson))
    return [top for top, held in holding.items() if held]


def _is_class(top, files, lesson, above):
    """Whether the only folder or zip of an export holds a class, or is one learner's; the latter when in doubt.

    NotebookError, with a question, where it may well be either.
    """
    if WRAPPERS.match(top) and all(len(file.parts) > 1 for file in files):
        return True
    return _holds_several(top, files, lesson, above)


def _holds_several(top, files, lesson, above):
    groups = groups_of(file for file in files if not NOBODY.match(file.parts[0]))
    if len(groups) == 1 and (lower := _content(next(iter(groups.values())))):
        return _holds_several(next(iter(groups)), lower, lesson, (*above, top))
    flat = [f.parts[0] for f in files if len(f.parts) == 1 and f.suffix in (".ipynb", ".zip")]
    named, crowd = [name for name in flat if not _is_own(name, lesson)], _crowd(files, lesson, look=True)
    people = crowd + named
    if len(people) > 1 and len(named) == len(flat):
        if any(OLD.match(NOTEBOOK.sub("", name)) for name in people):
            raise NotebookError(_question(top, people, above))
        return True
    if len(crowd) > 1 or (len(named) > 1 and all(original(name)[0].startswith(lesson.name) for name in named)):
        raise NotebookError(_question(top, people, above))
    return False


def _question(top, names, above):
    inside, shown = "/".join((*above, top)), ", ".join(names[:3]) + ", …" * (len(names) > 3)
    return (
        f"may be read in two ways: {inside} is one learner, or {shown} in it are several. "
        f"Say --inside . for the first, --inside '{inside}' for the second."
    )


def _refuse_doubtful(groups, folders, lesson):
    """NotebookError where outermost names name no learner: several files with the lesson's own name, or sections."""
    loose = [top for top in groups if top not in folders and not NOBODY.match(top)]
    own = [top for top in loose if NOTEBOOK.search(top) and original(top)[0] == lesson.name]
    if len(own) > 1 and len(own) == len(loose) and not folders:
        shown = ", ".join(own[:3])
        raise NotebookError(
            f"holds {len(own)} notebooks whose names say nobody's name ({shown}): put each into a folder named "
            "after its learner, or, if all of them are one learner's, the whole into one."
        )
    crowds = {top: crowd for top, lower in folders.items() if len(crowd := _crowd(lower, lesson)) > 1}
    if len(crowds) > 1 and 2 * len(crowds) > len(groups):
        top, crowd = next(iter(crowds.items()))
        raise NotebookError(
            f"may be read in two ways: {top} is one learner, or {', '.join(crowd[:3])} in it are several; "
            f"so are {len(crowds)} folders. Say --inside . for the first, --inside '*' for the second."
        )
