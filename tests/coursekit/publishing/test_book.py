"""Publishing: what counts as a call to another host, and what an honest build refuses."""

import gzip
import http.client
import os
import re
import subprocess
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from coursekit.publishing import book as publish
from coursekit.publishing.book import BookError, build_book, inspect, outside, pages, serve, server

TOC = """format: jb-book
root: book/intro
parts:
  - caption: One
    chapters:
      - file: lessons/01_a
        sections: [{file: lessons/02_b}]
"""


@pytest.fixture
def course(tmp_path):
    """A course of three pages that do not exist yet."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "_toc.yml").write_text(TOC)
    return tmp_path


def write(html, names=("index", "book/intro", "lessons/01_a", "lessons/02_b"), text="<h1>x</h1>"):
    for name in names:
        path = html / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_pages_are_listed_in_order(course):
    assert pages(course) == ["book/intro", "lessons/01_a", "lessons/02_b"]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://host.example/x.js"></script>',
        "<script defer src='//host.example/x.js'></script>",
        '<link rel="stylesheet" href="https://host.example/x.css">',
        '<link href="http://host.example/x.css" rel="stylesheet">',
        '<link rel="preconnect" href="https://host.example">',
        '<img alt="a" src="http://host.example/x.png">',
        '<iframe src="https://host.example"></iframe>',
        '<object data="https://host.example/x.svg">',
        '@import "https://host.example/x.css";',
        "@font-face { src: url(https://host.example/x.woff2) }",
        'a { background: url("//host.example/x.png") }',
    ],
)
def test_a_call_to_another_host_is_seen(text):
    assert "host.example" in outside(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://doi.org/10.1000/182">a link waits for a click</a>',
        '<script src="../_static/x.js"></script>',
        '<img src="data:image/svg+xml;base64,Ly9ob3N0" alt="a">',
        '<link rel="canonical" href="https://host.example/">',
        "a { background: url(data:image/png;base64,AAAA) }",
        '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    ],
)
def test_what_stays_here_is_left_alone(text):
    assert outside(text) == []


def test_inspect_accepts_whole_pages(course):
    write(course / "html")
    inspect(course / "html", pages(course))


def test_inspect_names_a_missing_page(course):
    write(course / "html", ["index", "book/intro", "lessons/01_a"])
    with pytest.raises(BookError, match="without these pages: lessons/02_b"):
        inspect(course / "html", pages(course))


def test_inspect_names_the_page_that_calls_out(course):
    write(course / "html")
    write(course / "html", ["lessons/02_b"], '<script src="https://host.example/x.js"></script>')
    with pytest.raises(BookError, match=r"02_b\.html would fetch https://host\.example/x\.js"):
        inspect(course / "html", pages(course))


def test_a_listed_page_must_exist(course):
    with pytest.raises(BookError, match="do not exist: book/intro, lessons/01_a, lessons/02_b"):
        build_book(course)


def test_a_course_without_contents_says_so(tmp_path):
    with pytest.raises(BookError, match=r"no book/_toc\.yml"):
        build_book(tmp_path)


def test_without_jupyter_book_it_says_what_to_install(course, monkeypatch):
    write(course)
    monkeypatch.setattr(publish, "find_spec", lambda name: None)
    with pytest.raises(BookError, match="extra `book`"):
        build_book(course)


def test_a_failed_build_repeats_the_warning(course, monkeypatch):
    write(course)
    said = subprocess.CompletedProcess([], 1, "reading\n", "\x1b[91mbook/intro.md:3: WARNING: odd\x1b[39;49;00m\n")
    monkeypatch.setattr(publish.subprocess, "run", lambda *args, **kwargs: said)
    with pytest.raises(BookError, match=r"\nbook/intro\.md:3: WARNING: odd$"):
        build_book(course)


def test_a_build_is_not_believed_on_its_exit_status_alone(course, monkeypatch):
    write(course)
    monkeypatch.setattr(publish.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], 0, "", ""))
    with pytest.raises(BookError, match="without these pages"):
        build_book(course, course / "out")


def test_a_build_leaves_nothing_of_the_last_one_and_a_failed_one_leaves_it_whole(course, monkeypatch):
    write(course)

    def build(command, **kwargs):
        write(Path(command[command.index("--path-output") + 1]) / "_build" / "html", text="<h1>new</h1>")
        return subprocess.CompletedProcess(command, broken, "", "ERROR: odd")

    old = course / "out" / "_build" / "html" / "old.html"
    old.parent.mkdir(parents=True)
    old.touch()
    monkeypatch.setattr(publish.subprocess, "run", build)
    broken = 1
    with pytest.raises(BookError, match="odd"):
        build_book(course, course / "out")
    assert old.exists()
    broken = 0
    assert build_book(course, course / "out").read_text() == "<h1>new</h1>"
    assert not old.exists()


def test_the_server_answers_this_machine_only_and_quietly(tmp_path, capfd):
    (tmp_path / "index.html").write_text("whisper")
    with server(tmp_path) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        host, port = httpd.server_address[:2]
        answer = urllib.request.urlopen(f"http://{host}:{port}/").read()
        httpd.shutdown()
    assert (host, answer) == ("127.0.0.1", b"whisper")
    assert capfd.readouterr() == ("", "")


def test_the_server_compresses_and_a_browser_may_keep_what_has_not_changed(tmp_path):
    (tmp_path / "_static" / "figures").mkdir(parents=True)
    page, picture = tmp_path / "page.html", tmp_path / "_static" / "figures" / "a.png"
    page.write_text("<p>whisper</p>" * 1000)
    picture.write_bytes(b"png")
    (tmp_path / "404.html").write_text("<h1>No such page</h1>")
    (tmp_path.parent / "secret.txt").write_text("outside")
    with server(tmp_path) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()

        def get(path, **headers):
            with closing(http.client.HTTPConnection(*httpd.server_address[:2], timeout=10)) as ask:
                ask.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
                answer = ask.getresponse()
                return answer.status, answer.headers, answer.read()

        status, headers, body = get("/page.html", Accept_Encoding="gzip")
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert gzip.decompress(body) == page.read_bytes()
        assert len(body) == int(headers["Content-Length"]) < 200
        assert get("/page.html", Accept_Encoding="gzip", If_None_Match=headers["ETag"])[::2] == (304, b"")
        page.write_text("<p>roar</p>")
        os.utime(page, (1, 1))
        status, _, body = get("/page.html", Accept_Encoding="gzip", If_None_Match=headers["ETag"])
        assert (status, gzip.decompress(body)) == (200, b"<p>roar</p>")
        status, headers, body = get("/page.html")
        assert (status, headers["Content-Encoding"], body) == (200, None, b"<p>roar</p>")
        status, headers, body = get("/_static/figures/a.png", Accept_Encoding="gzip")
        assert (status, headers["Content-Encoding"], body) == (200, None, b"png")
        assert "immutable" in headers["Cache-Control"]
        assert get("/nothing.html")[::2] == (404, b"<h1>No such page</h1>")
        assert get("/../secret.txt", Accept_Encoding="gzip")[0] == 404
        httpd.shutdown()


def test_serve_says_where_and_stops_on_interrupt(tmp_path, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(publish.ThreadingHTTPServer, "serve_forever", interrupted)
    (tmp_path / "index.html").write_text("")
    for path in (tmp_path, tmp_path / "index.html"):
        serve(path, port=0)
        assert re.match(r"http://127\.0\.0\.1:\d+/ ", capsys.readouterr().out)


def test_serve_needs_a_book(tmp_path):
    with pytest.raises(BookError, match="build it first"):
        serve(tmp_path / "index.html")


def test_serve_names_a_port_that_is_taken(tmp_path):
    (tmp_path / "index.html").write_text("")
    with server(tmp_path) as other, pytest.raises(BookError, match="give another one"):
        serve(tmp_path / "index.html", other.server_address[1])
