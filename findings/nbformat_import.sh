#!/usr/bin/env bash
# nbformat: beside JupyterLab's own dependencies its import takes ten times as long.
#
# Guess: reading notebooks costs the same, whatever else is installed; an optional check of a text format costs when it is used.
# Seen:  jupyter-events asks for jsonschema[format-nongpl]; with it, `import nbformat` builds 39 grammars with Lark, for the format "iri", which no
#        notebook's schema has: over 1 s of CPU more, in every process that opens a notebook. With the module out of reach it is fast again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check nbformat==5.10.4 jsonschema==4.26.0 jupyter-events==0.12.1 rfc3987-syntax==1.1.0 lark==1.3.1
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import resource
import subprocess
import sys
from importlib.metadata import version


def cpu(code):
    """Least CPU seconds of three fresh processes."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([sys.executable, "-c", code], check=True)
        spent.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return min(spent)


whole = cpu("import nbformat")
without = cpu("import sys; sys.modules['rfc3987_syntax'] = None; import nbformat")
count = "import lark; kept, made = lark.Lark.__init__, []\n"
count += "lark.Lark.__init__ = lambda self, *a, **k: (made.append(1), kept(self, *a, **k))[1]\nimport nbformat; print(len(made))"
grammars = int(subprocess.run([sys.executable, "-c", count], check=True, capture_output=True, text=True).stdout)
print(f"nbformat {version('nbformat')}, jsonschema {version('jsonschema')}, rfc3987-syntax {version('rfc3987-syntax')}")
print(f"import nbformat: {whole:.2f} s of CPU, {grammars} grammars; without rfc3987_syntax: {without:.2f} s")
if grammars < 30 or whole < 2 * without:
    raise SystemExit("Importing nbformat no longer builds these grammars.")
PY
