"""Which folders of this machine untrusted code can read, and which files must therefore lie elsewhere."""

import functools
import sys
from pathlib import Path

from coursekit.lessons.errors import NotebookError

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
# The variables of the environment that a shell keeps, warm or cold.
KEPT = (
    "PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONHASHSEED",
    "MPLBACKEND", "TQDM_DISABLE", "PYDEVD_DISABLE_FILE_VALIDATION", "COURSEKIT_SEED", "COURSEKIT_EXPECTED",
)  # fmt: skip


@functools.cache
def visible():
    """The folders that a shell needs: the interpreter, its packages, and the two packages of the course."""
    import coursekit

    wanted = [Path(sys.base_prefix), Path(sys.prefix), Path(coursekit.__file__).parents[1]]
    wanted = [path.resolve() for path in wanted]
    return tuple(path for path in dict.fromkeys(wanted) if path != Path("/usr"))


def refuse_exposed(*secret):
    """Raise NotebookError when a folder that no answer may see lies in one that every shell sees."""
    for path in map(Path.resolve, map(Path, secret)):
        for shown in (*visible(), *map(Path, SYSTEM)):
            if path == shown or shown.resolve() in path.parents:
                raise NotebookError(
                    f"{path} lies in {shown}, which the code under grading can read: move it somewhere else, a home "
                    "folder for example."
                )
