"""A warm parent: what every kernel imports is imported once, and each request gets a fork in namespaces of its own.

Started by `Nursery` as a process of its own with exactly one thread (a fork copies no other), it knows no solutions,
no results and no seed. A fork makes new namespaces, sees only what `sandbox.visible` lists, read-only, gives up its
rights and becomes an ordinary Jupyter kernel that is used once. See unshare(2), mount_namespaces(7), pivot_root(2).
"""

import ctypes
import gc
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 2, 1, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
DEVICES = ("null", "zero", "full", "random", "urandom")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
WARM = ("numpy", "matplotlib.figure", "IPython.core.interactiveshell", "ipykernel.kernelapp")

libc = ctypes.CDLL(None, use_errno=True)


def supported():
    """Whether this process may make namespaces: Linux, root, a machine whose pivot_root we know."""
    return sys.platform == "linux" and os.geteuid() == 0 and os.uname().machine in PIVOT_ROOT


class Nursery:
    """Starts the warm parent and asks it for kernels: `with Nursery(["torch"]) as nursery: nursery.kernel(request)`."""

    def __init__(self, modules=()):
        self.folder = Path(tempfile.mkdtemp(prefix="nursery-"))
        self.address = str(self.folder / "s")
        env = os.environ | dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
        code = "from coursekit.nursery import serve; serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, self.address, *modules], env=env, stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the warm parent did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kernel(self, request):
        """Fork a kernel for a request (a dict: folder, connection, uid, visible, env, limits) and return its pidfd."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.connect(self.address)
            line.send(json.dumps(request).encode())
            message, fds, _, _ = socket.recv_fds(line, 1000, 1)
        if not fds:
            raise RuntimeError(f"the warm parent made no kernel: {message.decode()}")
        return fds[0]


def serve():
    """The warm parent's whole life: import, say ready, fork for each request, end with the process that started it."""
    address, *modules = sys.argv[1:]
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for name in (*WARM, *modules):
        __import__(name)
    if threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("an imported module started a thread: a fork would hang")
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen(64)
        print("ready", flush=True)
        while True:
            line, _ = door.accept()
            request = json.loads(line.recv(65_536))
            if os.fork() == 0:
                door.close()
                _keep(line, request)
            line.close()


def _keep(line, request):
    """Between the warm parent and the kernel: makes the namespaces, hands out the kernel's pidfd, waits for its end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        _call(libc.unshare, 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000)
        pid = os.fork()
        if pid == 0:
            line.close()
            _become_kernel(request)
        fd = os.pidfd_open(pid)
        socket.send_fds(line, [b"made"], [fd])
        line.close()
        os.waitpid(pid, 0)
    except BaseException as error:
        line.send(f"{type(error).__name__}: {error}".encode()[:900])
    os._exit(0)


def _become_kernel(request):
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _enter_own_root(request)
        _give_up_rights(request)
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["ipykernel"]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(["-f", request["connection"], "--HistoryManager.enabled=False"])
    finally:
        os._exit(1)


def _enter_own_root(request):
    """A file system of its own: the listed folders read-only, a small /tmp, its connection folder, nothing else."""
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    root = request["root"]
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=0755")
    os.makedirs(root + "/tmp")
    _mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"size={request['limits']['disk']},mode=1777")
    for path in (*SYSTEM, *request["visible"]):  # after /tmp, which would hide what lies below it
        _show(path, root)
    os.makedirs(root + "/dev/shm")
    for name in DEVICES:
        Path(root, "dev", name).touch()
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    _mount("tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, f"size={request['limits']['disk']},mode=1777")
    os.makedirs(root + "/proc")
    _mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV)
    os.makedirs(root + request["folder"], exist_ok=True)
    _mount(request["folder"], root + request["folder"], None, MS_BIND)
    os.makedirs(root + "/old")
    _call(libc.syscall, PIVOT_ROOT[os.uname().machine], root.encode(), (root + "/old").encode())
    os.chdir("/")
    _call(libc.umount2, b"/old", MNT_DETACH)
    os.rmdir("/old")
    _mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)
    os.chdir("/tmp")


def _show(path, root):
    """Show a file or folder of this machine below `root`, read-only."""
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
    _mount(None, root + path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _give_up_rights(request):
    limits, uid = request["limits"], request["uid"]
    for kind, most in (
        (resource.RLIMIT_AS, limits["memory"]),
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
    os.closerange(3, limits["files"])
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _mount(source, target, kind, flags, options=None):
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    _call(libc.mount, *words, ctypes.c_ulong(flags), options.encode() if options else None)


def _call(function, *arguments):
    """Call libc and raise what errno says when it fails."""
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}{arguments}: {os.strerror(number)}")
