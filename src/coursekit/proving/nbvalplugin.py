"""A pytest plugin on top of nbval: tolerant comparison, and a report of what each cell showed."""

import json
import queue
import time
from pathlib import Path

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

from coursekit.checking.checks import VERDICT_MIME
from coursekit.lessons.fill import CHECK_TAG
from coursekit.proving.comparison import outputs_agree

_moves = {}  # by cell: how far its numbers may move


def compare_outputs(cell, got, recorded, skip_compare=None):
    """nbval's comparison, replaced: of a check only the verdict counts, not the text that an answer prints."""
    if CHECK_TAG in cell.cell.metadata.get("tags", []):
        got, recorded = _verdicts(got), _verdicts(recorded)
    difference = outputs_agree(got, recorded, _moves.get(cell.cell.id))
    cell.comparison_traceback = [difference or ""]
    return difference is None


def _verdicts(outputs):
    bundles = [output["data"] for output in outputs if VERDICT_MIME in output.get("data", {})]
    return [{"output_type": "display_data", "data": {"text/plain": bundle["text/plain"]}} for bundle in bundles]


def get_message(kernel, stream, timeout):
    """nbval's wait for a message, replaced: a kernel that died is noticed now, not when the cell's time is up."""
    until = time.monotonic() + timeout
    receive = {"iopub": kernel.kc.get_iopub_msg, "shell": kernel.kc.get_shell_msg}[stream]
    while True:
        try:
            return receive(timeout=max(0, min(1, until - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= until:
                raise
            if not kernel.is_alive():
                raise RuntimeError("the kernel died") from None


IPyNbCell.compare_outputs = compare_outputs
RunningKernel.get_message = get_message


def pytest_addoption(parser):
    parser.addoption("--cell-report", help="where to write what each cell did, as JSON")
    parser.addoption("--cell-moves", help="how far the numbers of each cell may move, as JSON")


def pytest_configure(config):
    if config.option.cell_moves:
        _moves.update(json.loads(Path(config.option.cell_moves).read_text(encoding="utf-8")))
    config.pluginmanager.register(Reporter(config.option.cell_report), "cell-report")


class Reporter:
    """Collects one entry a cell: its id, passed or failed, why, its outputs, late or not, kernel lost or not."""

    def __init__(self, path):
        self.path = path
        self.cells = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "call" and isinstance(item, IPyNbCell):
            error = call.excinfo.value if call.excinfo else None
            self.cells.append(
                {
                    "id": item.cell.id,
                    "passed": report.passed,  # after a timeout nbval expects failures: a pass is still a pass
                    "why": _why(error),
                    "outputs": item.test_outputs or [],
                    "late": str(error).startswith("Timeout"),
                    "lost": not item.parent.kernel.is_alive(),
                }
            )
        return report

    def pytest_sessionfinish(self):
        if self.path:
            Path(self.path).write_text(json.dumps(self.cells), encoding="utf-8")


def _why(error):
    """An error's last words: the difference found, the exception raised, or nbval's own message."""
    if error is None:
        return ""
    words = getattr(error, "inner_traceback", None) or str(error)
    lines = [line for line in str(words).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
