"""Running notebooks: plainly, to record; under nbval, to compare. Processes live here, nowhere else."""

import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from coursekit.checks import EXPECTED, SEED
from coursekit.lesson import NotebookError, text_of

CELL_SECONDS = 300
# IPython's own `exit` ends the kernel a little later, in the midst of somebody else's cell.
EXIT = "exit = quit = __import__('sys').exit\n"


def environment(expected, seed=None):
    """Variables of a kernel whose outputs are the same on every run: one thread, no progress bars."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COURSEKIT_", "PYTEST_"))}
    env |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    env |= {"PYTHONHASHSEED": "0", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    env |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "TQDM_DISABLE": "1", EXPECTED: str(expected)}
    env |= {SEED: str(seed)} if seed is not None else {}
    return env


def run(notebook, expected, seed=None, timeout=CELL_SECONDS):
    """Run a copy of a notebook in a fresh kernel and return it with its outputs; errors stay in the outputs."""
    notebook = copy.deepcopy(notebook)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, _manager(folder), timeout=timeout, allow_errors=True, resources=resources)
        try:
            # A manager made here would otherwise keep its kernel alive after the run.
            client.execute(env=environment(expected, seed) | {"IPYTHONDIR": folder}, cleanup_kc=True)
        except (CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(f"the run stopped: {str(error).splitlines()[0]}") from None
    return notebook


def _manager(folder):
    """A kernel manager that speaks over files in a private folder where the platform can: no port is opened."""
    if sys.platform == "win32":
        return AsyncKernelManager()
    return AsyncKernelManager(transport="ipc", ip=str(Path(folder) / "kernel"))


def compare(notebook, expected, lax=False, timeout=CELL_SECONDS):
    """Run a notebook under nbval and return one dict a code cell: id, passed, why, outputs, late, lost.

    lax: compare only the checks; otherwise every recorded output. late: the cell ran out of time; lost: after it
    there was no kernel any more.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "lesson.ipynb").write_text(text_of(notebook), encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        startup = folder / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "exit.py").write_text(EXIT, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-p", "no:cacheprovider"]
        command += ["-p", "coursekit.nbvalplugin", "-p", "nbval.plugin", "--cell-report", "report.json"]
        command += ["--nbval-lax" if lax else "--nbval", "--nbval-current-env"]
        command += ["--nbval-cell-timeout", str(timeout), "lesson.ipynb"]
        env = environment(expected) | {"IPYTHONDIR": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        report = folder / "report.json"
        if not report.is_file():
            raise NotebookError(f"nbval did not run: {(done.stdout + done.stderr)[-2000:]}")
        return json.loads(report.read_text(encoding="utf-8"))


def errors(notebook):
    """(source, message) of each cell that raised in a notebook that was run."""
    outputs = [(cell.source, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [(source, f"{o.ename}: {o.evalue}") for source, o in outputs if o.output_type == "error"]
