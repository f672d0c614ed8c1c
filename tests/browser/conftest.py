"""A browser for the tests that need one: `browser` for the session, a fresh `page` and its `faults` for each test.

`lab` is a JupyterLab in which `lab.open` opens notebooks.
"""

import os
import re
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from labpage import Notebook
from servers import alone, free_port, serving

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium; the test is skipped, with the reason, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(names)} is on the PATH")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def faults():
    """What went wrong in `page`: console errors, uncaught exceptions, and requests to other hosts."""
    return []


@pytest.fixture
def page(browser, faults):
    """A page without a network: files and this machine's own servers answer, everything else is a fault."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})

    def gate(route):
        url = urlsplit(route.request.url)
        if url.scheme in ("file", "data", "blob") or url.hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            faults.append(f"request to {route.request.url}")
            route.abort()

    context.route("**/*", gate)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()


@dataclass
class Lab:
    """A running JupyterLab: its `address`, the folder `work` that it shows, and a browser."""

    address: str
    work: Path
    browser: object

    def open(self, name):
        """The notebook of that name in a page of its own, run from top to bottom; no other host is reached."""
        page = self.browser.new_page(viewport={"width": 1200, "height": 1000})
        page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        return Notebook(page, f"{self.address}/workspaces/{Path(name).stem}/tree/{name}")


@contextmanager
def start_lab(root, home):
    """A JupyterLab that `course lab` starts on fresh copies of the lessons, in `home`; its address."""
    port = free_port()
    env = os.environ | {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env |= {"IPYTHONDIR": str(home / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    command = [sys.executable, "-m", "coursekit.cli", "lab", "01", "--work", str(home / "work"), "--"]
    with serving([*command, *alone(port)], f"http://127.0.0.1:{port}/lab", root, env, home / "log") as address:
        yield address


@pytest.fixture(scope="session")
def lab(root, browser, tmp_path_factory):
    """A JupyterLab with a browser before it; it ends with the tests."""
    home = tmp_path_factory.mktemp("lab")
    with start_lab(root, home) as address:
        yield Lab(address, home / "work", browser)
