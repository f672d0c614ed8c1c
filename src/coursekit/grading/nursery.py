"""A warm parent imports once what every answer imports; each request gets a fork of it in its own namespaces.

Started by `Nursery` as a process of its own with exactly one thread (a fork copies no other), it knows no solutions,
no results and no environment but its shells'. It is the first process of a namespace of processes, so that nothing of
it outlives it, and lays out once what all shells see, read-only. A fork makes new namespaces, gives up its rights and
runs cells as in `shell`; it is used once. Root makes namespaces as they are; anybody else makes a user namespace first.
See unshare(2), pid_namespaces(7), mount_namespaces(7), user_namespaces(7), pivot_root(2).
"""

import contextlib
import ctypes
import functools
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from coursekit.grading import syscalls
from coursekit.grading.places import KEPT, SYSTEM, visible
from coursekit.grading.sweep import left_by

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
NEW_USER, NEW_MOUNTS, NEW_PROCESSES = 0x10000000, 0x00020000, 0x20000000
NEW_OTHERS = 0x02000000 | 0x04000000 | 0x08000000 | 0x40000000  # cgroup, uts, ipc, net
MNT_DETACH, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_READ_ONLY = 2, -100, 0x8000, 1 | 2 | 4  # and no setuid, no devices
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
MADV_COLLAPSE, HUGE_PAGE = 25, 2**21
CALLS = {  # numbers of system calls that libc has no function for
    "x86_64": {"pivot_root": 155, "capset": 126, "mount_setattr": 442},
    "aarch64": {"pivot_root": 41, "capset": 91, "mount_setattr": 442},
}
DEVICES = ("null", "full", "random", "urandom")  # not zero: what is mapped from it, nobody could count
# What a shell would import at its first cell, beside what `shell.make` makes it import.
WARM = (
    "numpy", "matplotlib.figure", "matplotlib.pyplot", "matplotlib_inline.backend_inline", "IPython.core.completerlib",
    "encodings.idna", "encodings.ascii", "encodings.latin_1", "encodings.utf_16_be",
)  # fmt: skip
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
LATE = {"torch": "torch._dynamo"}  # imported by the first optimizer, which takes a second

libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def supported():
    """Whether this process may make namespaces, with or without being root, on a machine whose calls are known."""
    if sys.platform != "linux" or os.uname().machine not in CALLS or not hasattr(os, "pidfd_open"):
        return False
    command = [sys.executable, "-P", "-c", "from coursekit.grading.nursery import trial; trial()"]
    return subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, check=False).returncode == 0


def trial():
    """Make namespaces, a read-only view and a filter, as a shell would, and end with 0 where that works."""
    folder, filter_bytes = tempfile.mkdtemp(), syscalls.program()  # inside, this machine's temporary folder is gone
    try:
        _own_processes()
        if pid := os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        _lay_out(folder, [])
        _apart(folder)
        _enter(folder, {"limits": {"disk": 10**6}, "visible": []})
        syscalls.install(filter_bytes)
        os._exit(0)
    finally:
        os.rmdir(folder)


class Nursery:
    """Starts the warm parent and asks it for shells: `with Nursery(["torch"]) as nursery: nursery.ask(request, …)`."""

    def __init__(self, modules=()):
        self.folder = Path(tempfile.mkdtemp(prefix="nursery-"))
        self.address = str(self.folder / "s")
        # A fork can read the environment that its parent started with. And -P: no module comes from the folder
        # that grading was started in, where submissions may lie.
        env = {key: os.environ[key] for key in KEPT if key in os.environ}
        env |= ONE_THREAD | {"MPLCONFIGDIR": str(self.folder), "IPYTHONDIR": str(self.folder), "PYTHONHASHSEED": "0"}
        env |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        code = "from coursekit.grading.nursery import serve; serve()"
        starter = os.pidfd_open(os.getpid())
        command = [
            sys.executable,
            "-P",
            "-c",
            code,
            self.address,
            str(starter),
            json.dumps([str(path) for path in visible()]),
            *modules,
        ]
        # In its own process group, Ctrl-C does not reach it, and it can clear up after this process's group is killed.
        options = {"pass_fds": (starter,), "process_group": 0, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, **options)
        os.close(starter)
        try:
            if self.process.stdout.readline() != b"ready\n":
                raise RuntimeError("the warm parent did not start")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, request, requests, replies):
        """Ask for a shell, as in a request (a dict: uid, env, limits, visible), that reads and writes two descriptors.

        Returns a socket: on it the answer comes, and when it is closed, for whatever reason, the shell ends.
        """
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            line.connect(self.address)
            socket.send_fds(line, [json.dumps(request).encode()], [requests, replies])
        except BaseException:
            line.close()
            raise
        return line


def answered(line):
    """The pidfd of the shell that was asked for."""
    message, fds, _, _ = socket.recv_fds(line, 1000, 1)
    if not fds:
        raise RuntimeError(f"the warm parent made no shell: {message.decode()}")
    return fds[0]


def serve():
    """The warm parent's whole life, and its guard's, which starts it, waits, and clears up after it.

    The guard is a small process. It ends when its starter ends or tells it to. The warm parent is the first process of
    its namespace, so all shells end with it.
    """
    address, starter, shown, *modules = sys.argv[1:]
    folder = os.path.dirname(address)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parent = fd = None
    try:
        _own_processes()
        if (parent := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _call(libc.prctl, PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):  # the starter has gone
                _serve(address, json.loads(shown), modules)
            os._exit(1)
        os.dup2(0, 1)  # /dev/null: a reader of the warm parent's output must see it end
        fd = os.pidfd_open(parent)
        select.select([int(starter), fd], [], [])
    finally:
        if parent:
            with contextlib.suppress(ProcessLookupError):
                os.kill(parent, signal.SIGKILL)
            os.waitpid(parent, 0)
            shutil.rmtree(folder, ignore_errors=True)


def _serve(address, shown, modules):
    sys.modules["debugpy"] = None  # a shell would spend half of its start on importing a debugger
    sys.modules["rfc3987_syntax"] = None  # a grammar that takes a second to build, for a library that can do without
    from coursekit.grading import shell as shells

    shell, filter_bytes = shells.make(), syscalls.program()
    for name in (*WARM, *modules, *(LATE[name] for name in modules if name in LATE)):
        __import__(name)
    if threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("course: an imported module started a thread, so shells start cold: a fork would hang")
    root = tempfile.mkdtemp(prefix="root-", dir=os.path.dirname(address))
    here = os.open("/proc/self/ns/pid", os.O_RDONLY)
    _lay_out(root, shown)
    gc.collect()
    gc.freeze()
    _collapse()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen(64)
        os.write(1, b"ready\n")
        os.dup2(0, 1)
        living = {}  # by line and by pidfd: (line, pidfd, pid, uid)
        while True:
            for ready in select.select([door, *living], [], [])[0]:
                if ready is door:
                    line, _ = door.accept()
                    if born := _born(line, door, here, root, shell, filter_bytes):
                        living[line] = living[born[1]] = born
                elif ready in living:
                    _ending(living, ready)


def _ending(living, ready):
    """End the shell whose line was closed; after a shell has ended, check that nothing is left of it."""
    line, fd, pid, uid = living[ready]
    if ready is line:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        line.close()
        del living[line]
    else:
        os.waitpid(pid, 0)
        os.close(fd)
        del living[fd]
        if line in living:  # the process that asked for the shell sees it end by its own pidfd
            line.close()
            del living[line]
        for what in left_by(uid):
            print(f"course: a sandbox of user {uid} has ended, but {what} is still there", file=sys.stderr, flush=True)


def _born(line, door, here, root, shell, filter_bytes):
    """(line, pidfd, pid, uid) of a new shell; None where none could be made, which the line is told."""
    fds = []
    try:
        message, fds, _, _ = socket.recv_fds(line, 65_536, 2)
        request = json.loads(message)
        _call(libc.unshare, NEW_PROCESSES)
        try:
            pid = os.fork()
            if pid == 0:
                _become_shell(request, fds, root, shell, filter_bytes)
        finally:
            _call(libc.setns, here, NEW_PROCESSES)
        fd = os.pidfd_open(pid)
        socket.send_fds(line, [b"made"], [fd])
        return line, fd, pid, request["uid"]
    except BrokenPipeError:  # nobody waited for it
        return line, fd, pid, request["uid"]
    except Exception as error:
        with contextlib.suppress(OSError):
            line.send(f"{type(error).__name__}: {error}".encode()[:900])
        line.close()
        return None
    finally:
        for mine in fds:
            os.close(mine)


def _own_processes():
    """Make a PID namespace for later forks; a process that is not root first makes a user namespace that it owns."""
    if os.geteuid() != 0:
        _own_users()
    _call(libc.unshare, NEW_PROCESSES)


def _own_users():
    uid, gid = os.geteuid(), os.getegid()
    _call(libc.unshare, NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _apart(root):
    """Leave the warm parent's namespaces for new ones."""
    if os.geteuid() != 0:
        # Only the owner of the user namespace in which the PID namespace was made may mount its /proc.
        _call(libc.unshare, NEW_MOUNTS)
        _show_processes(root)
        _own_users()
    _call(libc.unshare, NEW_OTHERS | NEW_MOUNTS)
    socket.sethostname("course")


def _collapse():
    """Ask for huge pages for what is there: a fork copies the page table, which then has 512 times fewer entries.

    Where the kernel does not know this request (before Linux 6.1), forks are slower but work.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, rights, _, _, inode, *_ = line.split()
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        if rights == "rw-p" and inode == "0":
            for page in range(-(-start // HUGE_PAGE) * HUGE_PAGE, end - HUGE_PAGE + 1, HUGE_PAGE):
                libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(HUGE_PAGE), MADV_COLLAPSE)


def _become_shell(request, fds, root, shell, filter_bytes):
    """The first process of its namespace, with which all others in it end: make its place, run its cells."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.setsid()
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, the kernel ends this process first
        _apart(root)
        _enter(root, request)
        requests, replies = (os.dup2(fd, 200 + k) for k, fd in enumerate(fds))
        _give_up_rights(request, (requests, replies))
        syscalls.install(filter_bytes)
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["course"]
        sys.modules["coursekit.grading.shell"].run(shell, requests, replies)
    finally:
        os._exit(1)


def _lay_out(root, shown):
    """Lay out what every shell sees at `root`: the listed folders read-only, devices, empty places for the rest."""
    _call(libc.unshare, NEW_MOUNTS)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=0755")
    for path in (*SYSTEM, *shown):
        _show(path, root)
    for name in ("tmp", "proc", "dev/shm"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    for name in DEVICES:
        Path(root, "dev", name).touch()
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    _read_only(root, recursive=False)


def _enter(root, request):
    """A file system of its own: what was laid out, a small /tmp and /dev/shm, its own processes, nothing else."""
    disk = f"size={request['limits']['disk']},nr_inodes=20000,mode=1777"
    _mount(root, root, None, MS_BIND | MS_REC)  # in a new user namespace, the old root cannot be moved
    _mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, disk)
    _mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, disk)
    for path in request["visible"]:
        if path.startswith("/tmp/"):  # which the new /tmp hides
            _show(path, root)
    if os.geteuid() == 0:
        _show_processes(root)
    os.chdir(root)
    _call(libc.syscall, _number("pivot_root"), b".", b".")
    _call(libc.umount2, b".", MNT_DETACH)
    os.chdir("/tmp")


def _show_processes(root):
    """Hide all of /proc but a shell's own processes: load and free memory could carry messages from other sandboxes."""
    _mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV, "subset=pid")


def _show(path, root):
    """Show a file or folder of this machine below `root`, read-only with all that is mounted in it."""
    if os.path.islink(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(os.readlink(path), root + path)
        return
    if not os.path.exists(path):
        return
    os.makedirs(root + (path if os.path.isdir(path) else os.path.dirname(path)), exist_ok=True)
    if not os.path.isdir(path):
        Path(root + path).touch()
    _mount(path, root + path, None, MS_BIND | MS_REC)
    _read_only(root + path)


def _read_only(path, recursive=True):
    """Make a mount read-only, see mount_setattr(2); it only adds, so it works in a user namespace as well."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_READ_ONLY, 0, 0, 0)
    flags = ctypes.c_uint(AT_RECURSIVE if recursive else 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _call(libc.syscall, _number("mount_setattr"), AT_FDCWD, path.encode(), flags, ctypes.byref(attributes), size)


def _give_up_rights(request, kept):
    limits, uid = request["limits"], request["uid"]
    for kind, most in (
        (resource.RLIMIT_AS, limits["space"]),
        (resource.RLIMIT_FSIZE, limits["disk"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    before = 3
    for fd in (*kept, 2**20):
        os.closerange(before, fd)
        before = fd + 1
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _call(libc.syscall, _number("capset"), ctypes.byref(header), ctypes.byref(none))
    # Having changed user, the process belongs to root in /proc; its judge, when not root, must see what it uses.
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def _number(call):
    return ctypes.c_long(CALLS[os.uname().machine][call])


def _mount(source, target, kind, flags, options=None):
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    _call(libc.mount, *words, ctypes.c_ulong(flags), options.encode() if options else None)


def _call(function, *arguments):
    """Call libc and raise what errno says when it fails."""
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}{arguments}: {os.strerror(number)}")
