"""A course on disk: where its lessons, expected values and solutions lie."""

import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from coursekit.lesson import Lesson, NotebookError, read

INSTALLED = Path(sysconfig.get_path("data")) / "share" / "coursekit"  # where the package's own lessons are put


@dataclass(frozen=True)
class Course:
    """A folder that holds `lessons/`, and for authors `solutions/`."""

    root: Path

    @classmethod
    def find(cls, start=None):
        """The course around a folder (default: the current one), else the one installed with this package."""
        start = Path(start or Path.cwd()).resolve()
        for root in (start, *start.parents, Path(__file__).resolve().parents[2], INSTALLED):
            if any((root / "lessons").glob("[0-9][0-9]_*.ipynb")):
                return cls(root)
        raise NotebookError("No course here: go to a folder that has `lessons/` in it, or below one.")

    @property
    def lessons(self):
        return self.root / "lessons"

    @property
    def expected(self):
        return self.lessons / "expected"

    @property
    def numbers(self):
        return [path.name[:2] for path in self.paths]

    @property
    def paths(self):
        return sorted(self.lessons.glob("[0-9][0-9]_*.ipynb"))

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
