"""Running notebooks: plainly, to record; under nbval, to compare. Only this module starts processes."""

import atexit
import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import from_dict

from coursekit.checking.checks import EXPECTED, SEED
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import text_of
from coursekit.proving.arithmetics import NUDGE, THREADS, variables

CELL_SECONDS = 300
# IPython's own `exit` ends the kernel a little later, in the midst of somebody else's cell.
EXIT = "exit = quit = __import__('sys').exit\n"


def environment(expected, seed=None, arithmetic=None):
    """Variables of a kernel whose outputs are the same on every run: one thread, no progress bars.

    arithmetic: one of `arithmetics.ARITHMETICS` in place of the machine's own.
    """
    personal = ("COURSEKIT_", "PYTEST_", "MATPLOTLIBRC", "PYTHONSTARTUP")
    env = {key: value for key, value in os.environ.items() if not key.startswith(personal)}
    env |= dict.fromkeys(THREADS, "1")
    env |= {"PYTHONHASHSEED": "0", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    env |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "TQDM_DISABLE": "1", EXPECTED: str(expected)}
    env |= {SEED: str(seed)} if seed is not None else {}
    return env | variables(arithmetic)


def run(notebook, expected, seed=None, timeout=CELL_SECONDS, arithmetic=None):
    """Run a copy of a notebook in a fresh kernel and return it with its outputs; errors stay in the outputs."""
    notebook = from_dict(notebook)
    env = environment(expected, seed, arithmetic)
    with tempfile.TemporaryDirectory() as folder:
        if number := env.pop(NUDGE, None):
            _at_start(folder, f"from coursekit.proving.nudge import install\ninstall({number})\n")
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, _manager(folder), timeout=timeout, allow_errors=True, resources=resources)
        try:
            # A manager made here would otherwise keep its kernel alive after the run.
            client.execute(env=env | own(folder), cleanup_kc=True)
        except (CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(f"the run stopped: {str(error).splitlines()[0]}") from None
    return notebook


def own(folder):
    """Variables under which a kernel reads and writes no settings but those in a folder, wherever its home is."""
    return {"IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder), "MPLCONFIGDIR": _matplotlib()}


@functools.cache
def _matplotlib():
    """matplotlib's folder for all kernels of this process: no user's settings, and the list of fonts made beforehand.

    A kernel that makes the list itself says so, and that would be recorded.
    """
    folder = tempfile.mkdtemp(prefix="matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with contextlib.suppress(OSError, RuntimeError):  # there may be no home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
        for path in cache.glob("fontlist-*.json"):
            shutil.copy(path, folder)
    # Fast where the copied list is of this version; where it is not, it is made here.
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(command, env=os.environ | {"MPLCONFIGDIR": folder}, cwd=folder, capture_output=True, check=False)
    return folder


def _manager(folder):
    """A kernel manager that uses Unix sockets in a private folder where the platform has them: no port is opened.

    A socket's name has 108 bytes at most, so below a folder with a long name it uses ports of this machine.
    """
    native = KernelSpecManager(kernel_dirs=[])  # a person may have another "python3"
    options = {"kernel_spec_manager": native, "connection_file": str(Path(folder) / "kernel.json")}
    if sys.platform == "win32" or len(os.fsencode(folder)) > 90:
        return AsyncKernelManager(**options)
    return AsyncKernelManager(transport="ipc", ip=str(Path(folder) / "kernel"), **options)


def _at_start(folder, code):
    """Let a kernel whose IPython lives in a folder run code before its first cell."""
    startup = Path(folder) / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "first.py").write_text(code, encoding="utf-8")


def compare(notebook, expected, lax=False, timeout=CELL_SECONDS, moves=None, also=None):
    """Run a notebook under nbval and return one dict a code cell: id, passed, why, outputs, late, lost.

    lax: compare only the checks; otherwise every recorded output. late: the cell ran out of time; lost: after it
    there was no kernel any more. moves: {cell: what its numbers may do}, as `comparison.recorded_moves` reads it.
    also: further variables of the kernel's environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "lesson.ipynb").write_text(text_of(notebook), encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "moves.json").write_text(json.dumps(moves or {}), encoding="utf-8")
        _at_start(folder, EXIT)
        command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-p", "no:cacheprovider"]
        command += ["-p", "coursekit.proving.nbvalplugin", "-p", "nbval.plugin", "--cell-report", "report.json"]
        command += ["--cell-moves", "moves.json"]
        command += ["--nbval-lax" if lax else "--nbval", "--nbval-current-env"]
        command += ["--nbval-cell-timeout", str(timeout), "lesson.ipynb"]
        env = environment(expected) | own(folder) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | (also or {})
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        report = folder / "report.json"
        if not report.is_file():
            raise NotebookError(f"nbval did not run: {(done.stdout + done.stderr)[-2000:]}")
        return json.loads(report.read_text(encoding="utf-8"))


def errors(notebook):
    """(source, message) of each cell that raised in a notebook that was run."""
    outputs = [(cell.source, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [(source, f"{o.ename}: {o.evalue}") for source, o in outputs if o.output_type == "error"]


def ask(module, job, failure):
    """What `python -m module` answers to a job, both as JSON; NotebookError, `failure: its last words`, if it fails."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, input=json.dumps(job), env=environment(os.devnull), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotebookError(f"{failure}: {(done.stderr.strip().splitlines() or ['it ended without a word'])[-1]}")
    return json.loads(done.stdout)


def asked():
    """(job, answer) in the process that `ask` started: the request, and the file for the answer.

    Nothing else reaches that file: LAPACK, for one, complains on the descriptor of standard output, past `sys.stdout`.
    """
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return json.load(sys.stdin), answer
