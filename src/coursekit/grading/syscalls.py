"""The system calls that untrusted code may make, an allowlist as containers have; all others fail with ENOSYS.

The filter is made by libseccomp, which knows the numbers of each processor and the traps of foreign ones; see
seccomp(2) and seccomp_rule_add(3). Its six functions are called directly: they are stable, and the bindings on PyPI are
not kept up.
Refused are, by not being listed: keyrings, namespaces, mounts, ptrace and other processes' memory, perf, bpf,
userfaultfd, io_uring, kexec, modules, clocks, System V and POSIX message queues, System V shared memory, a processor of
one's choice; whatever memory could not be counted: memfd, shared anonymous and huge pages; and what two sandboxes
could tell each other by, since they see the same files and share one system: locks, leases, notices of changes, which
pages are in memory, and how much memory and load there is.
"""

import ctypes
import functools
import os
import tempfile

FILES = """
read write readv writev pread64 pwrite64 preadv pwritev open openat openat2 creat close close_range dup
dup2 dup3 lseek stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink
readlinkat getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link
linkat symlink symlinkat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat truncate ftruncate fallocate
fsync fdatasync sendfile splice tee copy_file_range utime utimes utimensat futimesat
umask ioctl getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr pipe pipe2 mknod mknodat
"""
MEMORY = "munmap mremap mprotect madvise brk msync mlock mlock2 munlock membarrier"
PROCESSES = """
fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn
rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigaltstack pause alarm getitimer
setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime
timerfd_gettime nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
getpid getppid gettid getpgrp getpgid
setpgid getsid setsid getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid
setresuid setresgid setgroups setfsuid setfsgid capget capset prctl arch_prctl prlimit64 getrlimit setrlimit getrusage
getpriority setpriority sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_getattr
sched_get_priority_max sched_get_priority_min sched_rr_get_interval set_tid_address set_robust_list get_robust_list
futex futex_waitv rseq uname getrandom getcpu restart_syscall pidfd_open pidfd_send_signal
poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
signalfd signalfd4
"""
SOCKETS = """
bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto recvfrom sendmsg recvmsg
sendmmsg recvmmsg shutdown
"""
ALLOW, ENOSYS, KILL_PROCESS = 0x7FFF0000, 0x00050000 | 38, 0x80000000
ON_FOREIGN_NUMBERS = 2  # SCMP_FLTATR_ACT_BADARCH: calls by the numbers of another processor
EQUAL, MASKED = 4, 7
NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
SHARED, ANONYMOUS, HUGE, AF_UNIX = 0x01, 0x20, 0x40000, 1
# fcntl(2): to copy a descriptor, its flags, those of the open file, how much a pipe holds
DESCRIPTORS = (0, 1030, 1, 2, 3, 4, 1031, 1032)
# (call, the number of an argument, how it is compared, with what): one line that holds is enough.
# clone3 is not listed: its flags lie in memory, which a filter cannot read, so the C library falls back to clone.
CONDITIONS = (
    ("clone", 0, MASKED, NEW_NAMESPACES, 0),
    ("mmap", 3, MASKED, ANONYMOUS | HUGE, 0),
    ("mmap", 3, MASKED, SHARED | HUGE, 0),
    *(("fcntl", 1, EQUAL, command, 0) for command in DESCRIPTORS),
    ("socket", 0, EQUAL, AF_UNIX, 0),
    ("socketpair", 0, EQUAL, AF_UNIX, 0),
)


class _Comparison(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@functools.cache
def _library():
    """libseccomp, or None where it is not installed."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison)
    ]  # fmt: skip
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    return library


def available():
    """Whether libseccomp is here."""
    return _library() is not None


@functools.cache
def program():
    """The filter as bytes, for `install` and for bubblewrap's --seccomp; OSError where libseccomp refuses."""
    library = _library()
    context = library.seccomp_init(ENOSYS)
    try:
        _refused(library.seccomp_attr_set(context, ON_FOREIGN_NUMBERS, KILL_PROCESS))
        for name in f"{FILES} {MEMORY} {PROCESSES} {SOCKETS}".split():
            _allow(library, context, name)
        for name, *comparison in CONDITIONS:
            _allow(library, context, name, _Comparison(*comparison))
        with tempfile.TemporaryFile() as file:
            _refused(library.seccomp_export_bpf(context, file.fileno()))
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def _allow(library, context, name, *comparisons):
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:  # else this processor, or this libseccomp, has no such call
        array = (_Comparison * len(comparisons))(*comparisons)
        _refused(library.seccomp_rule_add_array(context, ALLOW, number, len(comparisons), array))


def _refused(result):
    if result < 0:
        raise OSError(-result, f"libseccomp: {os.strerror(-result)}")


def install(filter_bytes):
    """Put this process, and all that it starts, under a filter for good; it needs no rights, see prctl(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    whole = _Program(len(filter_bytes) // 8, filter_bytes)
    for what in ((38, 1, 0, 0, 0), (22, 2, ctypes.byref(whole), 0, 0)):  # no new privileges; seccomp by a filter
        if libc.prctl(*what) != 0:
            raise OSError(ctypes.get_errno(), "the filter of system calls was not taken")
