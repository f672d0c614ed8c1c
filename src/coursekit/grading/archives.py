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

from coursekit.checking.marks import clean
from coursekit.lessons.copies import NOTEBOOK
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import MAX_BYTES

JUNK = re.compile(r"^(__MACOSX|\..*|Thumbs\.db|desktop\.ini)$")


@dataclass(frozen=True)
class File:
    """A file: the parts of its name, how to read at most so many bytes of it, its path on disk, when it was saved.

    `saved` is in whole minutes, so that files which a program unpacks in one go are of one age, and 0 where unknown.
    """

    parts: tuple
    read: Callable
    path: Path | None = None
    saved: int = 0

    @property
    def name(self):
        return "/".join(self.parts)

    @property
    def suffix(self):
        """The file name's extension in lower case: browsers save notebooks as .ipynb.txt or .ipynb.json."""
        return ".ipynb" if NOTEBOOK.search(self.parts[-1]) else os.path.splitext(self.parts[-1])[1].lower()


def folder_files(folder):
    """The Files below a folder; an empty folder counts as a file that is EMPTY."""
    closed = []
    for here, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not JUNK.match(name))
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        names = sorted([*(name for name in names if not JUNK.match(name)), *links])
        parts = tuple(map(plain, Path(here).relative_to(folder).parts))
        for name in names:
            path = Path(here, name)
            yield File((*parts, plain(name)), _reader(folder, path), path, _minute(path))
        if parts and not names and not folders:
            yield File((*parts, ""), EMPTY)
    for error in closed:
        parts = Path(error.filename).relative_to(folder).parts
        yield File((*map(plain, parts), ""), refusal(f"its folder cannot be read: {error.strerror}"))


def _minute(path):
    try:
        return int(path.lstat().st_mtime // 60)
    except OSError:
        return 0


def _reader(folder, path):
    def read(most):
        try:
            if stat.S_ISLNK(path.lstat().st_mode):
                raise NotebookError("it is a link, and links are not followed")
            with open(_no_link(folder, path), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise NotebookError("it is not a file")
                return file.read(most)
        except OSError as error:
            raise NotebookError(f"it cannot be read: {error.strerror}") from None

    return read


def _no_link(folder, path):
    """A descriptor of a file below a folder, opened from folder to folder; OSError where one of them is a link.

    The owner of a home folder may meanwhile have replaced a listed folder by a link to somebody else's.
    """
    if os.open not in os.supports_dir_fd:  # Windows
        return os.open(path, os.O_RDONLY | os.O_BINARY)
    *folders, name = path.relative_to(folder).parts
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)  # a pipe is not waited for
    finally:
        os.close(here)


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
            yield File(tuple(map(plain, parts)), _unzipper(archive, entry), saved=_zip_minute(entry))
        elif "/".join(parts) + "/" in empty:
            empty.remove("/".join(parts) + "/")  # a zip may name a folder twice
            yield File((*map(plain, parts), ""), EMPTY)


def _parts(name):
    return tuple(part for part in name.split("/") if part not in ("", "."))


def _empty_folders(names):
    """The names that end in a slash and begin no other name; in sorted order, such a name would come next."""
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


def _zip_minute(entry):
    """The date of a zip's entry, by the clock of the computer that packed it; the earliest date means "unknown"."""
    year, month, day, hour, minute, _ = entry.date_time
    return 0 if year <= 1980 else (((year * 12 + month) * 31 + day) * 24 + hour) * 60 + minute


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


EMPTY, ONLY_TEXT = refusal("its folder is empty"), refusal("there is no file, only a text that was typed in")


def text_of_file(file):
    """A function that reads a File as text; it raises NotebookError where the file is too long or not UTF-8."""

    def load():
        data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise NotebookError(f"it has more than {MAX_BYTES // 10**6} MB")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise NotebookError("it is not UTF-8 text, so it is not a notebook") from None

    return load


def plain(name):
    """A file's name as one line of composed Unicode text."""
    text = unicodedata.normalize("NFC", clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")))
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)
