"""What the defaults of twelve set-ups of Python libraries do to a gradient: one process each, one thread, five seeds.

    python evidence/frameworks.py                         all: some gigabytes of packages, a quarter of an hour
    python evidence/frameworks.py torch mlx               these; the others keep what the record has
    python evidence/frameworks.py --environments FOLDER   keeps the environments there, and uses those it finds

makes an environment for each set-up in a temporary folder, installs the pinned packages below, measures there with
`adapters/on_NAME.py`, and writes `frameworks.json` beside this file. What cannot be installed or fails is in the record
as a sentence. `frameworks_page.py` makes the book's page of it.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "frameworks.json"
JAX = ["jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6"]  # the last one for Python 3.11
PACKAGES = {
    "numpy": ["numpy==2.4.6"],
    "torch": ["torch==2.13.0", "numpy==2.4.6"],
    "keras_jax": ["keras==3.15.1", *JAX],
    "keras_tensorflow": ["keras==3.15.1", "tensorflow-cpu==2.21.0", "numpy==2.4.6"],
    "jax": ["optax==0.2.8", *JAX],
    "flax": ["flax==0.12.8", *JAX],
    "haiku": ["dm-haiku==0.0.17", *JAX],
    "equinox": ["equinox==0.13.8", *JAX],
    "mlx": ["mlx[cpu]==0.32.4", "numpy==2.4.6"],
    "paddle": ["paddlepaddle==3.3.1", "numpy==2.4.6"],
    "tinygrad": ["tinygrad==0.14.0", "numpy==2.4.6"],
    "sklearn": ["scikit-learn==1.9.1", "numpy==2.4.6"],
}
PROGRAMS = {"tinygrad": "clang"}  # what must be on the machine beside the packages
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
MINUTES = 20  # after which a measurement counts as failed


def gather(names, folder):
    """Measure these set-ups in environments below a folder; yields (name, its part of the record)."""
    for name in names:
        program = PROGRAMS.get(name)
        if program and not shutil.which(program):
            yield name, {"failed": f"needs the program {program}, which is not on this machine"}
            continue
        python, problem = environment(name, folder / name)
        yield name, {"failed": problem} if problem else outcome(name, python)


def environment(name, folder):
    """The Python of an environment that has a set-up's packages, and a sentence on what went wrong, or ""."""
    python = folder / "bin" / "python"
    if (folder / "whole").is_file() and (folder / "whole").read_text() == " ".join(PACKAGES[name]):
        return python, ""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    how = ["-q", "--no-cache-dir", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([python, "-m", "pip", "install", *how, *PACKAGES[name]], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return python, f"cannot be installed: {(lines or ['pip stopped'])[-1]}"
    (folder / "whole").write_text(" ".join(PACKAGES[name]))
    return python, ""


def outcome(name, python):
    """What a fresh process measures with a set-up."""
    command = [python, HERE / "adapters" / "measure.py", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | ONE_THREAD, timeout=60 * MINUTES
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"had not ended after {MINUTES} minutes"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["ended without a word"])[-1]}
    return {"versions": versions(name, python)} | json.loads(done.stdout.splitlines()[-1])


def versions(name, python):
    """The versions of the packages that a set-up names, as an environment has them."""
    names = [re.match(r"[\w-]+", need)[0] for need in PACKAGES[name]]
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, done.stdout.split(), strict=True))


def main():
    """Measure set-up after set-up; the record is whole after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PACKAGES))
    parser.add_argument("--environments", type=Path)
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(PACKAGES)):
        parser.error(f"no set-up is called {unknown[0]}")
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {"budget": {}, "set-ups": {}}
    made = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in gather(arguments.names or list(PACKAGES), arguments.environments or Path(folder)):
            print(name, part.get("failed") or part["missing"] or "measured", flush=True)
            known = record["set-ups"] | {name: part}
            known = {key: known[key] for key in PACKAGES if key in known}
            record = {"made": made, "budget": part.pop("budget", record["budget"]), "set-ups": known}
            RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
