"""Where submissions are graded: in processes of this machine, or on the workers of a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from coursekit.grading.reading import CHOKED
from coursekit.grading.unit import borrow, lend, work
from coursekit.learning.lab import fresh
from coursekit.lessons.errors import CourseError, NotebookError

SECONDS_TO_CONNECT = 20


class Failed(Exception):
    """A submission could not be graded, for no fault of its own; the message says why."""


def graded(tasks, lesson, seed, right, settings):
    """(key, values) for each (key, Submission) as they finish, or a Failed where there are no values.

    What `work` returns is the same wherever it runs. A CourseError is no submission's fault, and ends the run.
    """
    common = (lesson.path.name, fresh(lesson), seed, right, settings.unsafe, settings.seconds)
    tasks = ((key, (_text(submission), *common)) for key, submission in tasks)
    if settings.scheduler:
        with _cluster(settings.scheduler) as (executor, threads):
            yield from _finished(tasks, lambda: contextlib.nullcontext(executor), 4 * threads)
        return
    lent = None if settings.unsafe else lend(lesson)
    yield from _finished(tasks, lambda jobs=settings.jobs: _pool(jobs, lent), 2 * settings.jobs)


def _text(submission):
    """The text of a submission; if it can no longer be read, only this submission fails."""
    try:
        return submission.text
    except Exception as error:
        return {"unreadable": str(error) if isinstance(error, CourseError) else CHOKED.format(type(error).__name__)}


def _finished(tasks, open_pool, most):
    """(key, values or Failed) of tasks, of which at most so many are handed out at a time.

    When a process of a pool ends, all that the pool has in hand is lost: a new pool goes on, and what was in hand is
    tried again, one by one in pools of its own, so that only the submission that is to blame fails.
    """
    tasks = iter(tasks)
    while True:
        in_hand, broken = [], False
        with open_pool() as pool:
            waiting = {}
            while True:
                while not broken and len(waiting) < most and (task := next(tasks, None)):
                    try:
                        waiting[_submitted(pool, work, *task[1])] = task
                    except BrokenProcessPool:
                        broken, _ = True, in_hand.append(task)
                if not waiting:
                    break
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    task = waiting.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        broken, _ = True, in_hand.append(task)
                        continue
                    yield task[0], _values(future)
        for key, arguments in in_hand:
            with open_pool(1) as pool:
                if _submitted(pool, os.getpid).exception():
                    raise NotebookError("The processes that should grade end as soon as they start.")
                yield key, _values(_submitted(pool, work, *arguments))
        if not broken:
            return


def _submitted(pool, *task):
    """The future of a task; a process started for it ignores Ctrl-C from its very beginning."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(*task)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(*task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _values(future):
    error = future.exception()
    if isinstance(error, CourseError):
        raise error
    if isinstance(error, BrokenProcessPool):
        return Failed("the process that graded it ended, twice")
    return Failed(f"{type(error).__name__}: {error}") if error else future.result()


@contextlib.contextmanager
def _pool(jobs, lent):
    # "spawn": a fork would copy the threads' locks of this process, in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, _begin, (lent,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(lent):
    """Set up a worker: leave Ctrl-C to the parent, end when the parent is killed, borrow its warm parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # what it starts may hear it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if lent:
        borrow(*lent)


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


@contextlib.contextmanager
def _cluster(address):
    """(executor, threads) of the Dask cluster behind a scheduler's address."""
    try:
        from distributed import Client
    except ImportError:
        raise NotebookError("--scheduler needs Dask: install this package with its extra `cluster`.") from None
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError):
        raise NotebookError(f"No Dask scheduler answers at {address}.") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError:
            raise NotebookError(f"The Dask scheduler at {address} has no workers: start some.") from None
        threads = sum(client.nthreads().values())
        with client.get_executor(pure=False) as executor:
            yield executor, threads
