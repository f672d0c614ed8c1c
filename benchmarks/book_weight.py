"""What a browser loads for a page of the book, beside a default Jupyter Book of the same notebooks.

Both are built here and served from this machine; the default's calls to other hosts are counted and refused, so its
weight leaves out what would come from there.

    python benchmarks/book_weight.py
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from playwright.sync_api import sync_playwright

from coursekit.publishing.book import JUPYTER_BOOK, TOC, build_book, pages, server

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "browser"))
from conftest import FLAGS  # noqa: E402


def default_book(folder):
    """Build the lessons with Jupyter Book's own settings and return the pages' folder."""
    source = folder / "default"
    shutil.copytree(ROOT / "lessons", source / "lessons")
    lessons = [name for name in pages(ROOT) if name.startswith("lessons/")]
    toc = {"format": "jb-book", "root": lessons[0], "chapters": [{"file": name} for name in lessons[1:]]}
    (source / "_toc.yml").write_text(yaml.safe_dump(toc))
    (source / "_config.yml").write_text("title: Default\nexecute:\n  execute_notebooks: 'off'\n")
    subprocess.run([sys.executable, "-c", JUPYTER_BOOK, "build", str(source), "-q"], check=True, capture_output=True)
    return source / "_build" / "html"


def loads(chromium, html, names):
    """For each page: (bytes from this machine, requests to it, requests to other hosts)."""
    with server(html) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        try:
            return [_load(chromium, f"http://127.0.0.1:{httpd.server_address[1]}/{name}.html") for name in names]
        finally:
            httpd.shutdown()


def _load(chromium, address):
    sizes, away = [], []
    page = chromium.new_context().new_page()  # a new reader: nothing is cached

    def gate(route):
        if urlsplit(route.request.url).hostname in (None, "127.0.0.1"):
            answer = route.fetch()
            sizes.append(len(answer.body()))
            route.fulfill(response=answer)
        else:
            away.append(route.request.url)
            route.abort()

    page.route("**/*", gate)
    page.goto(address, wait_until="networkidle")
    page.context.close()
    return sum(sizes), len(sizes), len(away)


def rows():
    """The benchmark's rows: kilobytes and requests a page, medians over the lessons, and seconds to build."""
    names = [name for name in pages(ROOT) if name.startswith("lessons/")]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        folder = Path(folder)
        started = time.perf_counter()
        build_book(ROOT, folder / "ours")
        cold, started = time.perf_counter() - started, time.perf_counter()
        build_book(ROOT, folder / "ours")
        again = time.perf_counter() - started
        chromium = running.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS.split())
        ours = loads(chromium, folder / "ours" / "_build" / "html", names)
        theirs = loads(chromium, default_book(folder), names)
        chromium.close()
    how = f"median over {len(names)} lessons, a new browser profile for each page, uncompressed"
    for k, (what, unit, scale) in enumerate(
        [("page weight", "kB", 1e3), ("requests a page", "", 1), ("requests to other hosts a page", "", 1)]
    ):
        ours_k, theirs_k = (statistics.median(load[k] for load in each) / scale for each in (ours, theirs))
        beside = "default Jupyter Book" + ("; without what other hosts would send" if k == 0 else "")
        yield {"what": what, "unit": unit, "ours": ours_k, "others": {beside: theirs_k}, "how": how}
    how = f"`course book`, {len(pages(ROOT))} pages ({TOC})"
    yield {"what": "book, cold", "unit": "s", "ours": cold, "others": {}, "how": how}
    yield {"what": "book, again", "unit": "s", "ours": again, "others": {}, "how": "the same once more"}


if __name__ == "__main__":
    for row in rows():
        print(row)
