"""The house: no import of the engine points up, and the engine and what lessons import never meet."""

import shutil
import subprocess
import sys

import pytest


def contract(root):
    """Exit status and words of import-linter on the sources below a root."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, {str(root / 'src')!r}); {code}",
        "--no-cache",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_imports_keep_to_the_contract(root):
    status, said = contract(root)
    assert status == 0, said


@pytest.mark.parametrize(
    ("room", "upward"),
    [
        ("src/coursekit/checking/values.py", "from coursekit.lessons import notebook"),
        ("src/coursekit/lessons/fill.py", "from coursekit.proving import prose"),
        ("src/coursekit/grading/judging.py", "from coursekit.publishing import leaks"),
        ("src/vanishing/mlp.py", "from coursekit import check"),
        ("src/coursekit/learning/lab.py", "import vanishing.numerals"),
        ("src/vanishing/figures/style.py", "from vanishing.probe import probe"),
    ],
)
def test_an_import_that_points_up_breaks_it(root, tmp_path, room, upward):
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    path = tmp_path / room
    path.write_text(path.read_text(encoding="utf-8") + f"\n{upward}\n", encoding="utf-8")
    status, said = contract(tmp_path)
    assert status == 1, said
    assert "BROKEN" in said
