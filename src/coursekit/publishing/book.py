"""Publish: the book, from the lessons' recorded outputs to pages that need no network."""

import functools
import gzip
import io
import re
import shutil
import subprocess
import sys
import tempfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import yaml

from coursekit.lessons.errors import CourseError

TEXT = {
    ".html",
    ".css",
    ".js",
    ".svg",
    ".json",
    ".txt",
    ".xml",
    ".ipynb",
    ".md",
    ".ttf",
    ".bib",
}  # what gzip makes smaller
CONFIG, TOC = "_config.yml", "book/_toc.yml"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # it has no __main__, and need not be on the PATH
# Attributes whose address a browser fetches unasked. An <a href> waits for a click, so it may lead anywhere.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\s(?:src|data|poster)\s*=\s*["'](?P<src>[^"']+)"""
    r"""|<link\b(?=[^>]*\brel=["'](?:stylesheet|icon|shortcut icon|preload|prefetch|preconnect|modulepreload))"""
    r"""[^>]*?\shref\s*=\s*["'](?P<href>[^"']+)"""
    r"""|(?:@import\s+|url\()\s*["']?(?P<css>(?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)


class BookError(CourseError):
    """The book could not be built; the message says why in one sentence."""


def pages(root: Path) -> list[str]:
    """The pages that the table of contents lists, in order, without suffix."""
    toc = _contents(root)
    return [toc["root"], *_files(toc)]


def parts(root: Path) -> list[tuple[str, list[str]]]:
    """The parts of the book: (caption, its pages), in order."""
    return [(part.get("caption", ""), _files(part)) for part in _contents(root).get("parts", [])]


def _contents(root: Path) -> dict:
    if not (root / TOC).is_file():
        raise BookError(f"there is no {TOC} in {root}: this needs the course's repository.")
    return yaml.safe_load((root / TOC).read_text(encoding="utf-8"))


def _files(node) -> list[str]:
    if isinstance(node, dict):
        here = [node["file"]] if "file" in node else []
        return here + [name for value in node.values() for name in _files(value)]
    return [name for item in node for name in _files(item)] if isinstance(node, list) else []


def outside(text: str) -> list[str]:
    """The addresses on other hosts that a browser would fetch for this page or style sheet by itself."""
    found = [match["src"] or match["href"] or match["css"] for match in FETCHED.finditer(text)]
    return [address for address in found if re.match(r"(?:https?:)?//", address, re.IGNORECASE)]


def build_book(root: Path, out: Path | None = None) -> Path:
    """Build the book of the course at `root` into `_build/html` below `out` (default: the root); return its first page.

    Every build starts from an empty folder, so the same course gives the same bytes and no outdated page is left. When
    a build fails, the last good book is still there.
    """
    root, out = Path(root).resolve(), Path(out or root).resolve()
    names = pages(root)
    missing = [name for name in names if not any(root.glob(f"{name}.*"))]
    if missing:
        raise BookError(f"{TOC} lists pages that do not exist: {', '.join(missing)}.")
    if not find_spec("jupyter_book"):
        raise BookError("building the book needs Jupyter Book: install this package with its extra `book`.")
    print(f"building {len(names)} pages", flush=True)
    with tempfile.TemporaryDirectory(prefix="book-") as folder:
        command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(root), "--toc", str(root / TOC)]
        command += ["--path-output", folder, "-W", "--keep-going", "-q"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise BookError(f"jupyter-book stopped with a warning or an error:\n{_last_words(run)}")
        html = Path(folder) / "_build" / "html"
        inspect(html, names)
        return put(html, out / "_build" / "html") / "index.html"


def put(built: Path, target: Path) -> Path:
    """Move a built folder to its final place, replacing the one there, and return the new path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.move(built, target))


def _last_words(run: subprocess.CompletedProcess) -> str:
    lines = re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr).splitlines()
    told = [line for line in lines if re.search(r"warning|error", line, re.IGNORECASE)]
    return "\n".join((told or lines)[-20:])


def inspect(html: Path, names: list[str]) -> None:
    """Refuse a build that lacks a page, or has a page that makes a browser call another host."""
    absent = [name for name in [*names, "index"] if not (html / f"{name}.html").is_file()]
    if absent:
        raise BookError(f"the build ended without these pages: {', '.join(absent)}.")
    for path in [*html.rglob("*.html"), *html.rglob("*.css")]:
        if calls := outside(path.read_text(encoding="utf-8")):
            raise BookError(f"{path.relative_to(html)} would fetch {calls[0]} from another host.")


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of `folder` for this machine alone; port 0 takes any free one."""
    handler = functools.partial(_Quiet, directory=str(folder))
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


def serve(path: Path, port: int = 8000) -> None:
    """Serve the book in a folder (or around a page) until Ctrl-C, saying where."""
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / "index.html").is_file():
        raise BookError(f"there is no book in {folder}: build it first.")
    try:
        httpd = server(folder, port)
    except OSError as error:
        raise BookError(f"port {port} cannot be used ({error.strerror}): give another one.") from error
    with httpd:
        print(f"http://127.0.0.1:{httpd.server_address[1]}/  (Ctrl-C stops it)", flush=True)
        try:
            httpd.serve_forever()
        except KeyboardInterrupt:
            print()


class _Quiet(SimpleHTTPRequestHandler):
    """Compresses text for clients that accept gzip, and lets a browser cache a file until it changes."""

    protocol_version = "HTTP/1.1"
    squeezed: ClassVar[dict] = {}  # (path, time of change) -> compressed bytes

    def log_message(self, *args) -> None:
        """Say nothing about each request."""

    def end_headers(self) -> None:
        """Add the headers that every response has."""
        fixed = (
            "v=" in self.path or "digest=" in self.path or "/figures/" in self.path
        )  # such names change with content
        self.send_header("Cache-Control", "max-age=31536000, immutable" if fixed else "no-cache")
        super().end_headers()

    def send_head(self):
        """A file compressed where that helps; anything else as the standard library sends it."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() and self.path.partition("?")[0].endswith("/") else path
        missing = Path(self.directory, "404.html")
        if not path.is_file() and missing.is_file():
            return self._send(404, missing.read_bytes(), "text/html; charset=utf-8")
        squeezable = path.is_file() and path.suffix in TEXT and "Range" not in self.headers
        if not squeezable or "gzip" not in self.headers.get("Accept-Encoding", ""):
            return super().send_head()
        changed = path.stat().st_mtime
        tag = f'"{int(changed * 1000):x}"'
        if self.headers.get("If-None-Match") == tag:
            return self._send(304, b"", "", tag)
        if (path, changed) not in self.squeezed:
            self.squeezed[path, changed] = gzip.compress(path.read_bytes(), 6, mtime=0)
        return self._send(200, self.squeezed[path, changed], self.guess_type(str(path)), tag, "gzip")

    def _send(self, status, content, kind, tag="", encoding=""):
        self.send_response(status)
        headers = {"Content-Type": kind, "ETag": tag, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)
