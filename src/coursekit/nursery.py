"""A warm parent: what every kernel imports is imported once, and each request gets a fork in namespaces of its own.

Started by `Nursery` as a process of its own with exactly one thread (a fork copies no other), it knows no solutions,
no results and no environment but its kernels'. A fork makes new namespaces, sees only what `sandbox.visible` lists,
read-only, gives up its rights and becomes an ordinary Jupyter kernel that is used once. Root makes namespaces as they
are; anybody else makes a user namespace first. See unshare(2), mount_namespaces(7), user_namespaces(7), pivot_root(2).
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

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000
NEW_OTHERS = 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # cgroup, uts, ipc, pid, net
MNT_DETACH, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_READ_ONLY = 2, -100, 0x8000, 1 | 2 | 4  # and no setuid, no devices
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
CALLS = {  # numbers of system calls that libc has no function for
    "x86_64": {"pivot_root": 155, "capset": 126, "mount_setattr": 442},
    "aarch64": {"pivot_root": 41, "capset": 91, "mount_setattr": 442},
}
DEVICES = ("null", "zero", "full", "random", "urandom")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
# What a kernel imports, and what it would import at its first cell.
WARM = (
    "numpy", "matplotlib.figure", "matplotlib_inline.backend_inline", "IPython.core.interactiveshell",
    "IPython.core.completerlib", "IPython.core.logger",
    "IPython.core.debugger", "IPython.core.oinspect", "IPython.extensions.storemagic",
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "pdb", "tornado.gen",
    "tornado.platform.asyncio", "encodings.idna", "encodings.ascii", "encodings.latin_1", "encodings.utf_16_be",
)  # fmt: skip
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
LATE = {"torch": "torch._dynamo"}  # imported by the first optimizer, which takes a second

libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def supported():
    """Whether this process may make namespaces, with or without being root, on a machine whose calls are known."""
    if sys.platform != "linux" or os.uname().machine not in CALLS or not hasattr(os, "pidfd_open"):
        return False
    command = [sys.executable, "-P", "-c", "from coursekit.nursery import trial; trial()"]
    return subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, check=False).returncode == 0


def trial():
    """Make namespaces and a read-only view, as a kernel would, and end with 0 where that works."""
    folder = tempfile.mkdtemp()
    try:
        _own_namespaces()
        if pid := os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        _enter_own_root({"limits": {"disk": 10**6}, "visible": [], "folder": "/tmp/k", "uid": os.getuid()}, folder)
        os._exit(0)
    finally:
        os.rmdir(folder)


class Nursery:
    """Starts the warm parent and asks it for kernels: `with Nursery(["torch"]) as nursery: nursery.ask(request)`."""

    def __init__(self, modules=()):
        from coursekit.sandbox import KEPT

        self.folder = Path(tempfile.mkdtemp(prefix="nursery-"))
        self.address = str(self.folder / "s")
        # A fork can read the environment that its parent started with. And -P: no module comes from the folder
        # that grading was started in, where submissions may lie.
        env = {key: os.environ[key] for key in KEPT if key in os.environ}
        env |= ONE_THREAD | {"MPLCONFIGDIR": str(self.folder), "PYTHONHASHSEED": "0"}
        code = "from coursekit.nursery import serve; serve()"
        starter = os.pidfd_open(os.getpid())
        command = [sys.executable, "-P", "-c", code, self.address, str(starter), *modules]
        # In a group of its own, Ctrl-C is not for it, and who kills this process's group leaves it to clear up.
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
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, request):
        """Ask for a kernel, as in a request (a dict: folder, connection, uid, visible, env, limits).

        Returns a socket: on it the answer comes, and when it is closed, for whatever reason, the kernel ends.
        """
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            line.connect(self.address)
            line.send(json.dumps(request).encode())
        except BaseException:
            line.close()
            raise
        return line


def answered(line):
    """The pidfd of the kernel that was asked for."""
    message, fds, _, _ = socket.recv_fds(line, 1000, 1)
    if not fds:
        raise RuntimeError(f"the warm parent made no kernel: {message.decode()}")
    return fds[0]


def serve():
    """The warm parent's whole life: import, say ready, fork for each request, end with the process that started it.

    Where that was killed, nobody else removes the folder.
    """
    address, starter, *modules = sys.argv[1:]
    try:
        _serve(address, int(starter), modules)
    finally:
        shutil.rmtree(os.path.dirname(address), ignore_errors=True)


def _serve(address, starter, modules):
    sys.modules["debugpy"] = None  # a kernel would spend half of its start on importing a debugger
    for name in (*WARM, *modules, *(LATE[name] for name in modules if name in LATE)):
        __import__(name)
    if threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("course: an imported module started a thread, so kernels start cold: a fork would hang")
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen(64)
        with contextlib.suppress(BrokenPipeError):  # the starter has gone
            os.write(1, b"ready\n")
        while starter not in select.select([door, starter], [], [])[0]:
            line, _ = door.accept()
            request = line.recv(65_536)
            if os.fork() == 0:
                door.close()
                _guard(line, request, starter, os.path.dirname(address))
            line.close()


def _guard(line, request, starter, folder):
    """Stand outside the namespaces: make them, hand out the kernel's pidfd, end it when nobody wants it any more."""
    fd = root = None
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        request = json.loads(request)
        root = tempfile.mkdtemp(prefix="root-", dir=folder)
        _own_namespaces()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            line.close()
            _become_kernel(request, root)
        fd = os.pidfd_open(pid)
        socket.send_fds(line, [b"made"], [fd])
        select.select([fd, line, starter], [], [])
    except BaseException as error:
        if fd is None:
            with contextlib.suppress(OSError):
                line.send(f"{type(error).__name__}: {error}".encode()[:900])
    with contextlib.suppress(BaseException):  # also where nobody waited for the kernel to be made
        if fd is not None:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.rmdir(root)
        os.rmdir(folder)  # not empty, unless the warm parent has gone
    os._exit(0)


def _own_namespaces():
    """Leave this machine's namespaces for new ones; who is not root first becomes master of a user namespace."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _call(libc.unshare, NEW_OTHERS)
        return
    _call(libc.unshare, NEW_USER | NEW_OTHERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _become_kernel(request, root):
    """The first process of the namespaces: make the place, start the kernel, wait until it ends, and all with it."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, this goes first
        _enter_own_root(request, root)
        _give_up_rights(request)
        if kernel := os.fork():
            while os.wait()[0] != kernel:  # orphans come here, too
                pass
            os._exit(0)
        os.setsid()  # a signal to the kernel's group reaches nobody else
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["ipykernel"]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(["-f", f"{request['folder']}/c", "--HistoryManager.enabled=False"])
    finally:
        os._exit(1)


def _enter_own_root(request, root):
    """A file system of its own: the listed folders read-only, a small /tmp with its sockets, nothing else."""
    disk = f"size={request['limits']['disk']},nr_inodes=20000,mode=1777"
    _call(libc.unshare, NEW_MOUNTS)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=0755")
    os.makedirs(root + "/tmp")
    _mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, disk)
    for path in (*SYSTEM, *request["visible"]):  # after /tmp, which would hide what lies below it
        _show(path, root)
    os.makedirs(root + "/dev/shm")
    for name in DEVICES:
        Path(root, "dev", name).touch()
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    _mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, disk)
    os.makedirs(root + "/proc")
    _mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV)
    folder = Path(root + request["folder"])
    folder.mkdir()
    (folder / "c").write_text(json.dumps(request.get("connection")))
    os.chown(folder, request["uid"] if os.geteuid() == 0 else -1, -1)
    os.makedirs(root + "/old")
    _call(libc.syscall, _number("pivot_root"), root.encode(), (root + "/old").encode())
    os.chdir("/")
    _call(libc.umount2, b"/old", MNT_DETACH)
    os.rmdir("/old")
    _read_only("/", recursive=False)
    os.chdir("/tmp")


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


def _give_up_rights(request):
    limits, uid = request["limits"], request["uid"]
    for kind, most in (
        (resource.RLIMIT_AS, limits["space"]),
        (resource.RLIMIT_FSIZE, limits["disk"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, 2**20)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _call(libc.syscall, _number("capset"), ctypes.byref(header), ctypes.byref(none))
    # Having changed user, the process belongs to root in /proc; its judge, when not root, must find its sockets.
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
