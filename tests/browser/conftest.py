"""A browser for the tests that need one: `browser` for the session, a fresh `page` and its `faults` for each test."""

import shutil
from urllib.parse import urlsplit

import pytest

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
