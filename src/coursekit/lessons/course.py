"""A course on disk: where its lessons, expected values and solutions lie."""

import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.checking.records import installed
from coursekit.lessons.copies import is_lesson, is_notebook, number_of
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import Lesson, read

# Where the package's own lessons were put.
INSTALLED = next((folder for folder in installed() if folder.is_dir()), next(installed()))


@dataclass(frozen=True)
class Course:
    """A folder that holds `lessons/`, and for authors `solutions/`."""

    root: Path

    @classmethod
    def find(cls, start=None):
        """The course around a folder (default: the current one), else the one installed with this package."""
        start = Path(start or Path.cwd()).resolve()
        for root in (start, *start.parents, Path(__file__).resolve().parents[3], INSTALLED):
            if cls(root).paths:
                return cls(root)
        raise NotebookError("No course here: go to a folder that has `lessons/` in it, or below one.")

    @property
    def lessons(self):
        return self.root / "lessons"

    @property
    def expected(self):
        return self.lessons / "expected"

    @property
    def evidence(self):
        return self.root / "evidence"

    @property
    def numbers(self):
        return [path.name[:2] for path in self.paths]

    @property
    def paths(self):
        """The lessons' files by number; where several share a number, the one with the shortest name."""
        by_number = {}
        for path in self._notebooks():
            if is_lesson(path.name):
                by_number.setdefault(path.name[:2], path)
        return [by_number[number] for number in sorted(by_number)]

    @property
    def passed_over(self):
        """Sentences on notebooks in `lessons/` that look like lessons but are passed over."""
        taken = {path.name[:2]: path.name for path in self.paths}
        for path in self._notebooks():
            number = number_of(path.name)
            if number in taken and path.name != taken[number]:
                yield f"lessons/{path.name} is passed over: lesson {number} is {taken[number]}."

    def _notebooks(self):
        found = [path for path in self.lessons.glob("*") if is_notebook(path.name) and path.is_file()]
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def lesson(self, number):
        """The lesson of a number ("5", "05") or name ("05_jacobians")."""
        wanted = re.fullmatch(r"(\d\d?)(_\w+(\.ipynb)?)?", str(number))
        for path in self.paths:
            if wanted and path.name.startswith(f"{wanted[1].zfill(2)}_"):
                return Lesson.load(path)
        raise NotebookError(f"There is no lesson {number}: this course has {', '.join(self.numbers)}.")

    def solutions(self, lesson):
        """The solutions notebook of a lesson; learners do not have any."""
        path = self.root / "solutions" / lesson.path.name
        if not path.is_file():
            raise NotebookError(f"{path.name} has no solutions here: this needs the author's folder `solutions/`.")
        return read(path)
