"""The benchmarks' table, and that every module keeps to its form."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def run():
    """benchmarks/run.py as a module."""
    spec = importlib.util.spec_from_file_location("bench_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_for_each_comparison(run):
    rows = [
        {"what": "redraw", "unit": "ms", "ours": 0.5, "others": {"a": 100.0, "b": 2.0}, "how": "side by side"},
        {"what": "book", "unit": "s", "ours": 8.25, "others": {}, "how": "cold"},
    ]
    lines = run.table(rows).splitlines()[2:]
    assert lines == [
        "| redraw | 0.5 ms | a: 100 ms | 1 : 200 | side by side |",
        "| redraw | 0.5 ms | b: 2 ms | 1 : 4 | side by side |",
        "| book | 8.25 s | – | – | cold |",
    ]


def test_a_module_that_cannot_run_says_why(run):
    assert run.measure("no_such_module") == (
        [],
        "no_such_module: ModuleNotFoundError: No module named 'no_such_module'",
    )


def test_every_module_is_listed_and_has_rows(run):
    for name in run.MODULES:
        assert "\ndef rows(" in (FOLDER / f"{name}.py").read_text()
