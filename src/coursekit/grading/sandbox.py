"""A shell for untrusted code: no network, no files but the interpreter's, limits on every resource.

Nothing is shared with it but a read-only interpreter and two pipes: cells go in through one, and what comes out of the
other is untrusted.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from coursekit.checking.checks import RAW
from coursekit.grading import syscalls
from coursekit.grading.nursery import DEVICES, answered
from coursekit.grading.places import KEPT, SYSTEM, refuse_exposed, visible
from coursekit.grading.sweep import next_user, outlived
from coursekit.lessons.errors import NotebookError
from coursekit.lessons.notebook import DEEPEST, shallow
from coursekit.proving.kernels import environment

__all__ = ["Boxes", "Limits", "Lost", "Sandbox", "available", "obstacle", "refuse_exposed", "refuse_without", "visible"]

START_SECONDS = 60
LENGTH = struct.Struct(">I")
OF_A_SOCKET = 2**18  # bytes that a socket may buffer until they are read
SHELL = [sys.executable, "-P", "-c", "from coursekit.grading.shell import main; main()"]
ENDED = "it ended the process that runs it"


class Lost(Exception):
    """The shell is gone, or had to be ended; the message says why. `outputs` came before."""

    outputs = ()


@dataclass(frozen=True)
class Limits:
    """What one shell may use.

    memory     bytes of all its processes together, files in memory and sockets (looked at ten times a second)
    space      bytes of addresses of one process
    disk       bytes of each of its two file systems (/tmp and /dev/shm), and of one file
    output     bytes of messages while one cell runs, and how many messages; everything: bytes of all its cells
    processes  processes and threads; files: descriptors of one process; cpu: seconds of one process
    seconds    of wall time for all its cells together
    """

    memory: int = 3 * 2**30
    space: int = 8 * 2**30
    disk: int = 256 * 2**20
    output: int = 8 * 2**20  # a check of an open exercise hands out whole networks
    messages: int = 2000
    everything: int = 64 * 2**20
    processes: int = 128
    files: int = 256
    cpu: int = 300
    seconds: float = 180


def obstacle():
    """Why this machine cannot confine strangers' code, in words that end a sentence; "" where it can."""
    if sys.platform != "linux":
        return "bubblewrap needs Linux"
    for tool, package in (("bwrap", "bubblewrap"), ("prlimit", "util-linux"), ("setpriv", "util-linux")):
        if shutil.which(tool) is None:
            return f"install {package} (apt install {package})"
    if not syscalls.available():
        return "install libseccomp, which filters what code asks of the system (apt install libseccomp2)"
    if said := _refusal():
        return (
            f"bubblewrap is here, but may make no namespaces ({said}): allow unprivileged user namespaces "
            "(Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; Docker: --security-opt "
            "seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
        )
    return ""


@functools.cache
def _refusal():
    """What bubblewrap says when it cannot make a box; "" when it can."""
    command = [*_bare_box(), "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or "it says nothing").splitlines()[-1]


def available():
    """Whether this machine can confine strangers' code."""
    return not obstacle()


def refuse_without():
    """Raise NotebookError, saying what to do, where there is no sandbox."""
    if obstacle():
        raise NotebookError(
            f"Grading runs strangers' code, and nothing here confines it: {obstacle()}, or say --unsafe where "
            "everything on the machine may be lost."
        )


class Boxes:
    """Makes shells that are used once each: `boxes = Boxes(…)`, then `with boxes(seed) as shell:` for every answer.

    Options are those of `Sandbox`. While one shell runs, the next is already starting; `close` ends what waits.
    """

    def __init__(self, **options):
        self.options, self.waiting = options, {}

    @contextlib.contextmanager
    def __call__(self, seed):
        with contextlib.ExitStack() as stack:
            try:
                shell = stack.enter_context(self.waiting.pop(seed))
            except (KeyError, Lost):  # no shell waits, or the waiting one has ended meanwhile
                shell = stack.enter_context(Sandbox(seed, **self.options))
            self.close()
            with contextlib.suppress(OSError, RuntimeError):  # the next use starts a shell itself and raises
                self.waiting[seed] = Sandbox(seed, **self.options).launch()
            yield shell

    def close(self):
        while self.waiting:
            self.waiting.popitem()[1].end()


class Sandbox:
    """One shell, used once: `with Sandbox(seed) as shell: shell.execute(source, seconds)`."""

    def __init__(self, seed, limits=None, unsafe=False, nursery=None):
        self.limits = limits or Limits()
        self.seed, self.unsafe, self.nursery = seed, unsafe, nursery
        self.life = self.requests = self.replies = self.core = None
        self.until, self.cell, self.buffer = float("inf"), 0, bytearray()
        self.poller, self.looked, self.heard = select.poll(), 0.0, 0

    def __enter__(self):
        try:
            self.launch()
            self._await()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, *_):
        self.end(wait=kind is not None)

    def launch(self):
        """Begin to start the shell, without waiting for it; return self."""
        if self.life is not None:
            return self
        env = environment(os.devnull, self.seed)
        env = {key: env[key] for key in KEPT if key in env} | {RAW: "1", "HOME": "/tmp", "IPYTHONDIR": "/tmp/.ipython"}
        env |= {"PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # there is no network to wait for
        start = _Forked if self.nursery and not self.unsafe else _Bare if self.unsafe else _Confined
        theirs, self.requests = os.pipe()
        self.replies, back = os.pipe()
        try:
            self.life = start(self, env, theirs, back)
        finally:
            os.close(theirs)
            os.close(back)
        os.set_blocking(self.requests, False)
        os.set_blocking(self.replies, False)
        self.poller.register(self.replies, select.POLLIN)
        return self

    def _await(self):
        self.until = time.monotonic() + START_SECONDS
        try:
            self.life.arrive()
            self._converse(b"", self.until, "the sandbox did not start", "ready", [])
        except Lost:
            raise Lost("the sandbox did not start") from None
        self.core = _free_core()
        if self.core and not self.unsafe:
            _pin(self.life.pid, self.core[0])
        self.until = time.monotonic() + self.limits.seconds

    def execute(self, source, seconds):
        """Run a cell and return its outputs as nbformat dicts; Lost when time, output or the shell ran out."""
        outputs, text = [], source.encode("utf-8", "replace")
        self.cell += 1
        try:
            late = f"it took longer than {seconds:g} s"
            self._converse(LENGTH.pack(len(text)) + text, time.monotonic() + seconds, late, "done", outputs)
        except Lost as error:
            error.outputs = outputs
            raise
        return outputs

    def _converse(self, request, deadline, late, last, outputs):
        """Write a request, and read messages of this cell into `outputs` until the last one comes."""
        request, size, count = memoryview(request), 0, 0
        if request:
            self.poller.register(self.requests, select.POLLOUT)
        while True:
            ready = dict(self.poller.poll(100))
            if self.requests in ready:
                try:
                    request = request[os.write(self.requests, request) :]
                except BrokenPipeError:
                    raise Lost(ENDED) from None
                if not request:
                    self.poller.unregister(self.requests)
            if self.replies in ready:
                try:
                    data = os.read(self.replies, 2**20)
                except BlockingIOError:  # an answer may open its own end for reading, and take back what it wrote
                    data = None
                if data == b"":
                    raise Lost(ENDED)
                self.buffer += data or b""
                size += len(data or b"")
                self.heard += len(data or b"")
                if self.heard > self.limits.everything:
                    raise Lost("it printed far too much")
                for body in self._bodies(size):
                    count += 1
                    if count > self.limits.messages:
                        raise Lost("it printed far too much")
                    message = read_message(body)
                    if message is None or message["n"] != self.cell:
                        continue
                    if message["output_type"] == last:
                        return
                    outputs.append(message)
            if time.monotonic() > deadline:
                raise Lost(late)
            self._look()

    def _bodies(self, size):
        """The whole messages of the buffer, taken from it."""
        while True:
            if size > self.limits.output:
                raise Lost("it printed far too much")
            if len(self.buffer) < LENGTH.size:
                return
            end = LENGTH.size + LENGTH.unpack_from(self.buffer)[0]
            if end > self.limits.output:
                raise Lost("it printed far too much")
            if len(self.buffer) < end:
                return
            body = bytes(self.buffer[LENGTH.size : end])
            del self.buffer[:end]
            yield body

    def _look(self):
        """Raise Lost when the shell has exceeded a limit; at most ten times a second."""
        now = time.monotonic()
        if now - self.looked < 0.1:
            return
        self.looked = now
        if now > self.until:
            raise Lost("its cells took too long")
        if (used := self.life.memory(self.limits.memory)) > self.limits.memory:
            raise Lost(f"it used {used / 2**30:.1f} GB of memory")

    def end(self, wait=True):
        """End the shell and all its processes; wait until they have ended, or let them end by themselves."""
        for fd in (self.requests, self.replies):
            if fd is not None:
                os.close(fd)
        self.requests = self.replies = None
        if self.life is not None:
            self.life.end(wait)
        if self.core:
            self.core[1].close()
            self.core = None


def read_message(body):
    """A message from its bytes; None for bytes that are not a message, since the process is untrusted.

    Messages can be copied, compared and written: not nested too deeply, without lone surrogates and without NaN.
    """
    try:
        text = body.decode("utf-8")
        message = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text or "\\uD" in text:
            message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    whole = isinstance(message, dict) and type(message.get("n")) is int and shallow(message, DEEPEST)
    return message if whole and isinstance(message.get("output_type"), str) else None


def _refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def _free_core():
    """(number, claim) of a processor that no other sandbox of this machine runs on; None where all have one.

    So a sandbox with a hundred busy processes slows down no other. The claim is a name that is freed when the process
    that holds it ends.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    for core in cores if len(cores) > 1 else ():
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0course-core-{core}")
        except OSError:
            claim.close()
        else:
            return core, claim
    return None


def _pin(pid, core):
    """Let a process and its descendants run on one processor only; they cannot choose another."""
    for child in _tree(pid):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{child}/task"):
                os.sched_setaffinity(int(task), {core})


class _Life:
    """A shell's processes: `root` is where its file system is seen from here, `pid` the one above all others."""

    root, pid, ends = "", 0, ()

    def memory(self, most):
        """Bytes that the processes use; pages that several share are counted once when it is more than `most`."""
        tree, files = _tree(self.pid), self._files()
        used = files + sum(_used(pid) for pid in tree)
        return files + sum(_shared_once(pid) for pid in tree) if used > most else used

    def _files(self):
        """Bytes of its file systems in memory, and of what its sockets may hold back."""
        if not self.root:
            return 0
        used = OF_A_SOCKET * _text(f"/proc/{self.pid}/net/unix").count("\n")
        for folder in ("tmp", "dev/shm"):
            with contextlib.suppress(OSError):
                its = os.statvfs(f"{self.root}/{folder}")
                used += (its.f_blocks - its.f_bfree) * its.f_frsize
        return used

    def arrive(self):
        """Wait until the processes exist, and find their ids."""

    def end(self, wait):
        for fd in self.ends:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            if wait:
                select.select([fd], [], [], 10)  # the first process of a namespace ends after all the others
            os.close(fd)


class _Forked(_Life):
    """A shell that the warm parent forked: the first process of its namespace, whose end ends all the others."""

    def __init__(self, box, env, requests, replies):
        request = {"uid": next_user(), "env": env, "limits": asdict(box.limits)}
        request |= {"visible": [str(path) for path in visible()]}
        self.line = box.nursery.ask(request, requests, replies)

    def arrive(self):
        fd = answered(self.line)
        self.ends = (fd,)
        told = dict(line.split(":\t", 1) for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines())
        self.pid = int(told["Pid"])
        self.root = f"/proc/{self.pid}/root"

    def end(self, wait):
        super().end(wait)
        self.line.close()


class _Confined(_Life):
    """A shell that bubblewrap started, with a first process of its own that no answer can end."""

    def __init__(self, box, env, requests, replies):
        status, tell = os.pipe()
        filter_, write = os.pipe()
        self.uid = next_user()
        try:
            with open(write, "wb") as file:
                file.write(syscalls.program())
            command = confined(SHELL, filter_, tell, box.limits, self.uid)
            self.process = _start(command, env, pass_fds=(filter_, tell), stdin=requests, stdout=replies)
        finally:
            os.close(tell)
            os.close(filter_)
        self.status = os.fdopen(status)

    def arrive(self):
        if not (first := self.status.readline()):
            self.process.wait()
            raise Lost("the sandbox did not start")
        self.pid = json.loads(first)["child-pid"]
        self.root = f"/proc/{self.pid}/root"
        with contextlib.suppress(ProcessLookupError):
            self.ends = (os.pidfd_open(self.pid),)

    def end(self, wait):
        super().end(wait)
        self.status.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if wait and (left := outlived(self.uid)):
            print(f"course: a sandbox of user {self.uid} has ended, but {left[0]} is still there", file=sys.stderr)


class _Bare(_Life):
    """A shell that nothing confines (--unsafe)."""

    def __init__(self, _, env, requests, replies):
        folder, self.sweeper = _bare_folder()
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        env |= {"HOME": str(self.folder), "IPYTHONDIR": str(self.folder)}
        self.process = _start(SHELL, env, cwd=self.folder, stdin=requests, stdout=replies)
        self.pid = self.process.pid
        self.sweeper.stdin.write(b"%d " % self.pid)
        self.sweeper.stdin.flush()

    def end(self, _):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if not self.sweeper.stdin.closed:  # else Python is ending, and the sweeper has done its work
            self.sweeper.stdin.write(b"-%d " % self.pid)
            self.sweeper.stdin.flush()
        shutil.rmtree(self.folder, ignore_errors=True)


# It hears of each shell that starts, and with a minus of each that has ended; then that nobody speaks any more.
SWEEP = """
import os, shutil, signal, sys
said = sys.stdin.read().split()
for pid in said:
    if "-" + pid not in said and not pid.startswith("-"):
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except OSError:
            pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@functools.cache
def _bare_folder():
    """(folder, sweeper) of this process's unconfined shells, which go when it ends, also when it is killed."""
    folder = tempfile.mkdtemp(prefix="shell-")
    command = [sys.executable, "-I", "-S", "-c", SWEEP, folder]
    sweeper = _start(command, os.environ, stdin=subprocess.PIPE)  # a pipe ends with whoever holds its other end
    atexit.register(sweeper.communicate)
    return folder, sweeper


def _start(command, env, **options):
    null = subprocess.DEVNULL
    streams = {"stdin": null, "stdout": null, "stderr": null}
    return subprocess.Popen(command, env=env, start_new_session=True, **(streams | options))


def _text(path, otherwise=""):
    try:
        return Path(path).read_text(errors="replace")  # a process may give itself any name
    except OSError:
        return otherwise


def _tree(pid):
    """A process and all that descend from it: an orphan in a namespace becomes its first process's child."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{found[-1]}/task"):
                todo += map(int, _text(f"/proc/{found[-1]}/task/{task}/children").split())
    return found


def _used(pid):
    """Bytes of a process: its pages, those that were swapped out, and the tables of them."""
    return sum(_fields(_text(f"{_living(pid)}/status"), "VmRSS", "VmSwap", "VmPTE"))


def _living(pid):
    """Where /proc tells what a process uses: of one whose first thread has ended, any other thread knows it."""
    folder = f"/proc/{pid}"
    if "\nVmRSS:" not in _text(f"{folder}/status"):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"{folder}/task"):
                if "\nVmRSS:" in _text(f"{folder}/task/{task}/status"):
                    return f"{folder}/task/{task}"
    return folder


def _shared_once(pid):
    """The same with its part of shared pages only, and without those of files in memory, which are counted as files."""
    text = _text(f"{(alive := _living(pid))}/smaps_rollup")
    if not text:  # it keeps that secret
        return _used(pid)
    private, shared, swapped = _fields(text, "Pss", "Pss_Shmem", "SwapPss")
    return private - shared + swapped + sum(_fields(_text(f"{alive}/status"), "VmPTE"))


def _fields(text, *names):
    """Bytes of lines like "VmRSS:  12 kB", zero where there is none. The first line is a name: any."""
    found = {line.partition(":")[0]: line.split() for line in text.split("\n")[1:]}
    return [int(found[name][1]) * 1024 if name in found else 0 for name in names]


def _bare_box():
    """bubblewrap with namespaces of its own for everything."""
    box = ["bwrap", "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    box += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "course"]
    return box + ([] if os.geteuid() == 0 else ["--unshare-user"])


def confined(command, filter_, tell, limits, uid):
    """`command` under bubblewrap: read-only interpreter and packages, its own everything else, hard limits.

    filter_ is a descriptor with a filter of system calls, tell one for bubblewrap's news.
    """
    box = [*_bare_box(), "--json-status-fd", str(tell), "--seccomp", str(filter_)]
    for path in SYSTEM:
        if Path(path).is_symlink() and not path.startswith("/etc"):
            box += ["--symlink", os.readlink(path), path]
        elif Path(path).exists():
            box += ["--ro-bind", path, path]
    box += ["--proc", "/proc", *_own_processes_only(), "--dir", "/dev"]
    for name in DEVICES:
        box += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        box += ["--symlink", f"/proc/self/fd{target}", f"/dev/{name}"]
    disk = ["--size", str(limits.disk), "--perms", "1777", "--tmpfs"]
    box += [*disk, "/dev/shm", *disk, "/tmp"]
    for path in visible():
        box += [*_parents(path), "--ro-bind", str(path), str(path)]
    box += ["--remount-ro", "/", "--chdir", "/tmp"]
    if os.geteuid() == 0:
        box += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--bounding-set=-all"]
        become += ["--inh-caps=-all", "--no-new-privs"]
        processes = limits.processes
    else:
        become, processes = [], limits.processes + _own_threads()
    limit = ["choom", "-n", "1000", "--", "prlimit", f"--as={limits.space}", f"--fsize={limits.disk}"]
    limit += [f"--nofile={limits.files}", f"--cpu={limits.cpu}", f"--nproc={processes}", "--core=0", "--msgqueue=0"]
    return [*box, "--", *become, *limit, *command]


def _own_processes_only():
    """Cover what /proc says of the whole system: load and free memory could carry a neighbour's message."""
    covers = []
    for entry in sorted(os.scandir("/proc"), key=lambda entry: entry.name):
        if not entry.name.isdigit() and not entry.is_symlink() and entry.name != "cpuinfo":
            path = f"/proc/{entry.name}"
            empty = ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
            covers += empty if entry.is_dir() else ["--ro-bind", "/dev/null", path]
    return covers


def _parents(path):
    """Make the folders above a mount point readable; bubblewrap alone would make them 0700."""
    parents = [p for p in reversed(Path(path).parents) if p not in (Path("/"), Path("/tmp"))]
    return [word for p in parents for word in ("--perms", "0755", "--dir", str(p))]


def _own_threads():
    """How many threads this user has now: the limit on processes counts them all."""
    mine = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            lines = status.read_text(errors="replace").splitlines()
            fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            mine += int(fields["Threads"]) if int(fields["Uid"].split()[0]) == os.geteuid() else 0
    return mine
