"""A kernel for strangers' code: no network, no sight of anything but the interpreter, limits on all it can use up."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import zmq
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from coursekit.kernels import environment
from coursekit.lesson import NotebookError

FIRST_UID = 61_000  # as root, each sandbox gets a user of its own, whose processes can be counted


class Lost(Exception):
    """The kernel is gone, or had to be ended; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use: bytes of memory, file and output, processes, and seconds of CPU."""

    memory: int = 8 * 2**30
    disk: int = 256 * 2**20
    output: int = 2**20
    messages: int = 2000
    processes: int = 128
    files: int = 256
    cpu: int = 300


def available():
    """Whether this machine can confine strangers' code."""
    return sys.platform == "linux" and shutil.which("bwrap") is not None and shutil.which("prlimit") is not None


def refuse_without():
    """Raise NotebookError, saying what to do, where there is no sandbox."""
    if not available():
        raise NotebookError(
            "Grading runs strangers' code, and without bubblewrap nothing confines it: install bubblewrap "
            "(apt install bubblewrap), or say --unsafe where everything on the machine may be lost."
        )


class Sandbox:
    """One kernel, used once: `with Sandbox(seed=…) as kernel: kernel.execute(source, seconds)`."""

    def __init__(self, seed, limits=None, slot=0, unsafe=False, nursery=None):
        self.limits = limits or Limits()
        self.seed, self.slot, self.unsafe, self.nursery = seed, slot, unsafe, nursery
        self.folder = Path(tempfile.mkdtemp(prefix="kernel-"))
        self.life = self.client = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    def _start(self):
        connection = self.folder / "connection.json"
        write_connection_file(str(connection), transport="ipc", ip=str(self.folder / "s"), kernel_name="python3")
        env = environment(os.devnull, self.seed)
        env = {key: env[key] for key in KEPT if key in env} | {"HOME": "/tmp", "IPYTHONDIR": "/tmp/ipython"}
        if self.nursery:
            self.life = _Forked(self.nursery, connection, env, self.limits, FIRST_UID + self.slot)
        else:
            kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", str(connection)]
            kernel += ["--HistoryManager.enabled=False"]
            command = kernel if self.unsafe else confined(kernel, self.folder, self.limits, self.slot)
            self.life = _Started(command, env)
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, self.limits.output)
        self.client = BlockingKernelClient(context=context, connection_file=str(connection))
        self.client.load_connection_file()
        self.client.start_channels(hb=False, stdin=False, control=False)
        self._await_ready(time.monotonic() + 60)

    def _await_ready(self, deadline):
        """Ask until something is heard on the channel that outputs will come on: before that, they would be missed."""
        while time.monotonic() < deadline:
            self._look()
            self.client.kernel_info()
            if self.client.iopub_channel.socket.poll(50):
                return
        raise Lost("the kernel did not start")

    def _look(self):
        """Raise Lost when the kernel has ended, or fills the folder that it shares with this process."""
        if self.life.ended():
            raise Lost("it ended the process that runs it")
        entries = list(os.scandir(self.folder))
        if len(entries) > 20 or sum(entry.stat(follow_symlinks=False).st_size for entry in entries) > 10**6:
            raise Lost("it wrote where it must not")

    def execute(self, source, seconds):
        """Run a cell and return its outputs as nbformat dicts; Lost when time, output or the kernel ran out."""
        request = self.client.execute(source, store_history=False, allow_stdin=False)
        deadline, outputs, size, count = time.monotonic() + seconds, [], 0, 0
        while True:
            if time.monotonic() > deadline:
                raise Lost(f"it took longer than {seconds:g} s")
            self._look()
            if not self.client.iopub_channel.socket.poll(200):
                continue
            frames = self.client.iopub_channel.socket.recv_multipart(zmq.NOBLOCK)
            size, count = size + sum(map(len, frames)), count + 1
            if size > self.limits.output or count > self.limits.messages:
                raise Lost("it printed far too much")
            message = self._read(frames)
            if message is None or message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["header"].get("msg_type"), message["content"]
            if kind == "status" and content.get("execution_state") == "idle":
                return outputs
            if kind in ("display_data", "execute_result", "stream", "error"):
                outputs.append({"output_type": kind, **content})

    def _read(self, frames):
        """A message from its frames, or None: what a stranger's process sends need not be one."""
        try:
            _, parts = self.client.session.feed_identities(frames)
            message = self.client.session.deserialize(parts)
            whole = all(isinstance(message[part], dict) for part in ("header", "parent_header", "content"))
        except Exception:
            return None
        return message if whole else None

    def _end(self):
        if self.life is not None:
            self.life.end()
        if self.client is not None:
            self.client.stop_channels()
            self.client.context.destroy(linger=0)
        shutil.rmtree(self.folder, ignore_errors=True)


class _Started:
    """A kernel's process that this one started, with all that it started in turn."""

    def __init__(self, command, env):
        null = subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=env, stdin=null, stdout=null, stderr=null, start_new_session=True)

    def ended(self):
        return self.process.poll() is not None

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class _Forked:
    """A kernel that the warm parent forked: the first process of its namespace, whose end ends all the others."""

    def __init__(self, nursery, connection, env, limits, uid):
        folder = connection.parent
        (folder / "root").mkdir()
        for path in (folder, connection):
            os.chown(path, uid, uid)
        request = {"folder": str(folder), "root": str(folder / "root"), "connection": str(connection), "uid": uid}
        request |= {"visible": [str(path) for path in visible()], "env": env, "limits": asdict(limits)}
        self.pidfd = nursery.kernel(request)

    def ended(self):
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        select.select([self.pidfd], [], [], 10)
        os.close(self.pidfd)


KEPT = (
    "PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONHASHSEED",
    "MPLBACKEND", "TQDM_DISABLE", "PYDEVD_DISABLE_FILE_VALIDATION", "COURSEKIT_SEED", "COURSEKIT_EXPECTED",
)  # fmt: skip


def confined(command, folder, limits, slot=0):
    """`command` under bubblewrap: read-only interpreter and packages, its own everything else, hard limits."""
    root = os.geteuid() == 0
    box = ["bwrap", "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    box += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "course"]
    box += [] if root else ["--unshare-user"]
    for path in ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts"):
        if Path(path).is_symlink() and not path.startswith("/etc"):
            box += ["--symlink", os.readlink(path), path]
        elif Path(path).exists():
            box += ["--ro-bind", path, path]
    box += ["--proc", "/proc", "--dev", "/dev", "--size", str(limits.disk), "--perms", "1777", "--tmpfs", "/tmp"]
    for path in visible():
        box += [*_parents(path), "--ro-bind", str(path), str(path)]
    box += [*_parents(folder), "--bind", str(folder), str(folder), "--chdir", "/tmp"]
    if root:
        uid = str(FIRST_UID + slot)
        for path in (folder, *folder.iterdir()):
            os.chown(path, int(uid), int(uid))
        box += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--bounding-set=-all"]
        become += ["--inh-caps=-all", "--no-new-privs"]
        processes = limits.processes
    else:
        become, processes = [], limits.processes + _own_threads()
    limit = ["prlimit", f"--as={limits.memory}", f"--fsize={limits.disk}", f"--nofile={limits.files}"]
    limit += [f"--cpu={limits.cpu}", f"--nproc={processes}", "--core=0"]
    return [*box, "--", *become, *limit, *command]


def visible():
    """The folders that a kernel needs: the interpreter, its packages, and the two packages of the course."""
    import coursekit

    wanted = [Path(sys.base_prefix), Path(sys.prefix), Path(coursekit.__file__).parents[1]]
    wanted = [path.resolve() for path in wanted]
    return [path for path in dict.fromkeys(wanted) if path != Path("/usr")]


def _parents(path):
    """Make the folders above a mount point readable; bubblewrap alone would make them 0700."""
    parents = [p for p in reversed(Path(path).parents) if p not in (Path("/"), Path("/tmp"))]
    return [word for p in parents for word in ("--perms", "0755", "--dir", str(p))]


def _own_threads():
    """How many threads this user has now: the limit on processes counts them all."""
    mine = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            mine += int(fields["Threads"]) if int(fields["Uid"].split()[0]) == os.geteuid() else 0
    return mine
