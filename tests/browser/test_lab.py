"""A learner in JupyterLab: open lesson 01, run it, answer wrongly, answer rightly, move a slider."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lab")]

WRONG = "#| exercise: 1.1\ndef depth_below(a, tol):\n    return int(np.log(tol) / np.log(a))"
RIGHT = "#| exercise: 1.1\ndef depth_below(a, tol):\n    return int(np.log(tol) / np.log(a)) + 1"

RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
FINISHED = """() => {
  const panel = window.jupyterapp.shell.currentWidget, session = panel?.sessionContext;
  const cells = panel?.content?.widgets?.filter((cell) => cell.model.type === "code") ?? [];
  return cells.length > 0 && session.session?.kernel?.status === "idle" &&
    cells.every((cell) => cell.model.executionCount || !cell.model.sharedModel.getSource().trim());
}"""
READY = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
EDIT = """([mark, source]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const text = (cell) => cell.model.sharedModel.getSource();
  const at = notebook.widgets.findIndex((cell) => text(cell).startsWith(mark));
  if (source) notebook.widgets[at].model.sharedModel.setSource(source);
  notebook.activeCellIndex = at;
  return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
OUTPUT = """(mark) => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const cell = cells.find((cell) => cell.model.sharedModel.getSource().startsWith(mark));
  return (cell.model.outputs?.toJSON() ?? []).map((o) => o.data?.["text/plain"] ?? o.text ?? o.evalue).join("\\n");
}"""
RAISED = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
  .filter((o) => o.output_type === "error").map((o) => o.evalue)"""


@pytest.fixture(scope="module")
def lab(root, tmp_path_factory):
    """The address of a JupyterLab that `course lab` started on fresh copies; it ends with the tests."""
    home = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env |= {"IPYTHONDIR": str(home / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    command = [sys.executable, "-m", "coursekit.cli", "lab", "01", "--work", str(home / "work"), "--"]
    command += ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=root, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            yield _wait_for(f"http://127.0.0.1:{port}/lab/tree/01_whisper.ipynb", server, home / "log")
        finally:
            os.killpg(server.pid, 15)
            server.wait(20)


def _wait_for(address, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def lesson(lab, browser):
    """Lesson 01 in JupyterLab, run from top to bottom with nothing solved; no other host is reached."""
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
    page.goto(lab)
    page.wait_for_function(READY, timeout=90_000)
    page.evaluate(RUN_ALL)
    page.wait_for_function(FINISHED, timeout=120_000)
    yield page
    page.close()


def say(page, mark, source=None):
    """Run the cell with a mark, after putting `source` into it, and return what it shows."""
    page.evaluate(EDIT, [mark, source])
    page.wait_for_function(FINISHED, timeout=60_000)
    return page.evaluate(OUTPUT, mark)


def test_runs_unsolved_without_an_error(lesson):
    assert lesson.evaluate(RAISED) == []
    assert lesson.evaluate(OUTPUT, "#| check: 1.1") == "○ 1.1  not answered yet"


def test_wrong_answer_reads_its_sentence_and_right_one_a_tick(lesson):
    say(lesson, "#| exercise: 1.1", WRONG)
    assert say(lesson, "#| check: 1.1").startswith("✗ 1.1  One layer too early")
    say(lesson, "#| exercise: 1.1", RIGHT)
    assert say(lesson, "#| check: 1.1").startswith("✓ 1.1  8 of 8")
    lesson.locator(".coursekit-right", has_text="✓ 1.1").wait_for(state="attached")


def test_explorer_answers_to_the_keyboard(lesson):
    figure = lesson.locator("[data-live]").first
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input[type=range]").first
    before = figure.evaluate("(element) => JSON.stringify(element.values())")
    slider.focus()
    slider.press("ArrowRight")
    assert figure.evaluate("(element) => JSON.stringify(element.values())") != before
