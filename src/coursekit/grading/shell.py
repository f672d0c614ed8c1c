"""An IPython shell without a kernel: cells come in through one pipe, what they show goes out through another.

It runs inside the sandbox, in the same process as untrusted code, which can do anything to it and to its pipes: its
output is judged elsewhere. A request is a length and the source of a cell; a message is a length and JSON, with the
number of the cell that said it: what it displays and the errors that it raises, as nbformat's outputs, then "done".
"""

import contextlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

from coursekit.lessons.cells import as_python

LENGTH = struct.Struct(">I")
MOST_OF_A_STREAM = 2**16  # characters that are kept back before they are sent
MOST_OF_AN_ERROR = 1000


class Speaker:
    """Writes messages to a pipe, whole or not at all, whatever signal interrupts the cell that speaks."""

    def __init__(self, fd):
        self.fd, self.number, self.lock = fd, 0, threading.RLock()

    def say(self, kind, **content):
        message = {"n": self.number, "output_type": kind} | content
        data = json.dumps(message, ensure_ascii=False, default=lambda _: None).encode("utf-8", "replace")
        data = LENGTH.pack(len(data)) + data
        with _undisturbed(), self.lock:
            while data:
                data = data[os.write(self.fd, data) :]


@contextlib.contextmanager
def _undisturbed():
    """Keep a check's alarm back for as long as it takes."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Stream(io.TextIOBase):
    """sys.stdout and sys.stderr of a cell."""

    encoding = "utf-8"

    def __init__(self, speaker, name):
        self.speaker, self.stream, self.parts, self.size = speaker, name, [], 0

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.parts.append(text)
        self.size += len(text)
        if self.size > MOST_OF_A_STREAM:
            self.flush()
        return len(text)

    def flush(self):
        parts, self.parts, self.size = self.parts, [], 0
        if parts:
            self.speaker.say("stream", name=self.stream, text="".join(parts))


class _Publisher(DisplayPublisher):
    """What `display` shows becomes a message."""

    speaker = None

    def publish(self, data, metadata=None, *_, update=False, **__):
        if not update:  # what was shown once stays as it was
            self.speaker.say("display_data", data=data)


class Shell(InteractiveShell):
    """Runs cells as a notebook's kernel does; tracebacks and the value of a cell's last line are not shown."""

    display_pub_class = _Publisher

    def __init__(self, **options):
        super().__init__(**options)
        self.display_formatter.active_types = ["text/plain"]  # nobody looks at pictures
        self.ast_node_interactivity = "none"

    def transform_cell(self, raw_cell):
        """What is Python already stays as it is: to read it word by word takes a third as long as to run it."""
        return raw_cell if as_python(raw_cell) == raw_cell else super().transform_cell(raw_cell)

    def enable_gui(self, gui=None):
        """There is none."""

    def ask_exit(self):
        raise SystemExit

    def system(self, cmd):
        """`!ls`, without the terminal that IPython would open for it."""
        sys.stdout.write(self._said(cmd))

    system_piped = system_raw = system

    def getoutput(self, cmd, split=True, depth=0):
        """`x = !ls`."""
        text = self._said(cmd, depth + 1)
        return SList(text.splitlines()) if split else text

    def _said(self, cmd, depth=1):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(self.var_expand(cmd, depth=depth + 1), shell=True, check=False, **options)
        self.user_ns["_exit_code"] = done.returncode
        return done.stdout.decode("utf-8", "replace")

    def showtraceback(self, exc_tuple=None, *_, **__):
        kind, error, _ = exc_tuple or sys.exc_info()
        try:
            text = str.__str__(str(error))[:MOST_OF_AN_ERROR]
        except BaseException:  # its `__str__` is untrusted
            text = ""
        self.display_pub.speaker.say("error", ename=getattr(kind, "__name__", "")[:100], evalue=text)

    def showsyntaxerror(self, *_, **__):
        self.showtraceback()

    showindentationerror = showsyntaxerror


def make():
    """The shell of this process, ready for its first cell and without a thread; `run` connects it."""
    shell = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.display_pub.speaker = Speaker(os.open(os.devnull, os.O_WRONLY))
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    for source in ("pass", "raise ValueError", "def :", "display({'text/plain': ''}, raw=True)"):  # late imports
        shell.run_cell(source, store_history=False)
    sys.stdout, sys.stderr = before
    os.close(shell.display_pub.speaker.fd)
    return shell


def run(shell, requests, replies):
    """Say ready; then run cells as they come, until there are no more."""
    speaker = shell.display_pub.speaker = Speaker(replies)
    streams = sys.stdout, sys.stderr = Stream(speaker, "stdout"), Stream(speaker, "stderr")
    sys.path.insert(0, "")  # modules beside a notebook can be imported
    mine = os.getpid()
    speaker.say("ready")
    while (source := _received(requests)) is not None:
        speaker.number += 1
        with contextlib.suppress(BaseException):  # what is left of an answer's alarms and exits
            shell.run_cell(source, store_history=False)
        if os.getpid() != mine:  # a child of an answer that came back from its cell
            os._exit(0)
        with contextlib.suppress(BaseException):
            for stream in streams:
                stream.flush()
        speaker.say("done")


def _received(fd):
    """The next cell's source; None where there is no other."""
    size = _exactly(fd, LENGTH.size)
    return size and _exactly(fd, LENGTH.unpack(size)[0]).decode("utf-8", "replace")


def _exactly(fd, size):
    parts = []
    while size:
        part = os.read(fd, min(size, 2**20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main():
    """The whole life of a cold shell: it keeps its own input and output for itself, and gives the cells none."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    sys.modules["rfc3987_syntax"] = None  # a grammar that takes a second to build, for a library that can do without
    run(make(), requests, replies)
