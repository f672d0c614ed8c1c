"""Files in a folder or in a zip: listed and read within limits; nothing is unpacked and no link is followed."""

import itertools
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coursekit.lesson import NotebookError
from coursekit.values import clean

JUNK = re.compile(r"^(__MACOSX|\..*|Thumbs\.db|desktop\.ini)$")


@dataclass(frozen=True)
class File:
    """A file: the parts of its name, how to read at most so many bytes of it, and its path on disk."""

    parts: tuple
    read: Callable
    path: Path | None = None

    @property
    def name(self):
        return "/".join(self.parts)

    @property
    def suffix(self):
        return os.path.splitext(self.parts[-1])[1].lower()


def folder_files(folder):
    """The Files below a folder; an empty folder counts as a file that is EMPTY."""
    closed = []
    for here, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not JUNK.match(name))
        names = sorted([*(n for n in names if not JUNK.match(n)), *(n for n in folders if Path(here, n).is_symlink())])
        parts = tuple(map(plain, Path(here).relative_to(folder).parts))
        for name in names:
            yield File((*parts, plain(name)), _reader(Path(here, name)), Path(here, name))
        if parts and not names and not folders:
            yield File((*parts, ""), EMPTY)
    for error in closed:
        parts = Path(error.filename).relative_to(folder).parts
        yield File((*map(plain, parts), ""), refusal(f"its folder cannot be read: {error.strerror}"))


def _reader(path):
    def read(most):
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise NotebookError("it is a link, and links are not followed")
            if not stat.S_ISREG(mode):
                raise NotebookError("it is not a file")
            with path.open("rb") as file:
                return file.read(most)
        except OSError as error:
            raise NotebookError(f"it cannot be read: {error.strerror}") from None

    return read


def zip_files(source, most=None):
    """The Files in a zip (a path or a binary stream), empty folders as in `folder_files`.

    NotebookError when it is no zip, or has more than `most` entries.
    """
    try:
        archive = zipfile.ZipFile(source)
        entries = archive.infolist()
    except Exception:  # a damaged or forged zip raises whatever it likes, from struct.error to RecursionError
        raise NotebookError("it is not a readable zip") from None
    if most and len(entries) > most:
        raise NotebookError(f"it holds more than {most} files")
    named = [(_entry_name(entry).replace("\\", "/"), entry) for entry in entries]
    named = [(_parts(name), name.endswith("/"), entry) for name, entry in named]
    named = [(parts, folder, entry) for parts, folder, entry in named if parts and not any(map(JUNK.match, parts))]
    empty = _empty_folders("/".join(parts) + "/" * folder for parts, folder, _ in named)
    for parts, folder, entry in named:
        if not folder:
            yield File(tuple(map(plain, parts)), _unzipper(archive, entry))
        elif "/".join(parts) + "/" in empty:
            empty.remove("/".join(parts) + "/")  # a zip may name a folder twice
            yield File((*map(plain, parts), ""), EMPTY)


def _parts(name):
    return tuple(part for part in name.split("/") if part)


def _empty_folders(names):
    """The names with a slash at their end that none of the others begins with; sorted, it would be the next."""
    names = sorted(set(names))
    return {name for name, after in itertools.pairwise([*names, ""]) if name[-1] == "/" and not after.startswith(name)}


def _entry_name(entry):
    """The name of a zip's entry; macOS writes UTF-8 and does not say so."""
    if not entry.flag_bits & 0x800:
        try:
            return entry.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return entry.filename


def _unzipper(archive, entry):
    def read(most):
        if entry.flag_bits & 1:
            raise NotebookError("it is locked with a password")
        try:
            with archive.open(entry) as file:
                return file.read(most)
        except Exception as error:
            raise NotebookError(f"it cannot be unpacked: {error}") from None

    return read


def refusal(why):
    """A `read` that says why there is nothing to read."""

    def read(_=0):
        raise NotebookError(why)

    return read


EMPTY = refusal("its folder is empty")


def plain(name):
    """A file's name as one line of composed Unicode text."""
    text = unicodedata.normalize("NFC", clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")))
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)
