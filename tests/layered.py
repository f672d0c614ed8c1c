"""Environments of their own for other people's graders, laid over this one so that little is installed twice."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / "tools"


def layered(requirement):
    """The folder of an environment with a requirement in it, made at the first call; None where pip fails."""
    folder = CACHE / f"{requirement.replace('==', '-')}-{sys.version_info[0]}.{sys.version_info[1]}"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        below = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (site_packages(folder) / "below.pth").write_text(below)
        pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q", requirement]
        if subprocess.run([*pip, "-c", ROOT / "constraints.txt"], capture_output=True, check=False).returncode:
            return None
        (folder / "done").touch()
    return folder


def site_packages(folder):
    return next((folder / "lib").glob("python3*")) / "site-packages"


def environment(folder):
    """Variables under which the tools of a layered environment find each other, and the templates of this one."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    share = Path(sys.prefix) / "share" / "jupyter"
    one = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    return kept | one | {"PATH": path, "JUPYTER_PATH": str(share), "PYTHONWARNINGS": "ignore"}
