"""A limit on the time of an answer: on what it computes, not on how busy the machine is."""

import contextlib
import signal
import sys
import threading
import time

WALL = 30.0  # seconds that an answer may take at least while others keep the machine busy
OFTEN = 0.1  # seconds between two looks at the clock
IMPORTING = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


class TooLong(BaseException):
    """An answer ran out of time; not an Exception, so that an answer's own `except` does not catch it.

    `wall` is None when its own computing took too long, else the seconds after which it had not finished although
    it did not compute much: the machine was busy, or the answer slept.
    """

    def __init__(self, wall=None):
        super().__init__()
        self.wall = wall


@contextlib.contextmanager
def time_limit(seconds, wall=None):
    """Interrupt the block after so many CPU seconds of this thread, where the platform can (POSIX, main thread).

    A second limit bounds the wall-clock time, by default six times as long and at least `WALL`. The time of an
    import does not count, and an import is never interrupted: half a module would stay behind in the kernel.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    alarm, tracing = _Alarm(seconds, max(WALL, 6 * seconds) if wall is None else wall), sys.gettrace()
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, min(OFTEN, seconds), OFTEN)
    # Twice, because the alarm may go off while the first line of the inner `finally` runs.
    try:
        try:
            yield
        finally:
            alarm.over = True
    finally:
        alarm.over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
        alarm.forget()
        # Even the first ring may have met a debugger's or coverage's tracer at work, which Python then drops.
        if alarm.rings:
            sys.settrace(tracing)


class _Alarm:
    """Looks at the clocks and, when time is up, rings until the block has ended.

    `except:` in an endless loop swallows what is raised inside its `try`. From the second ring on, the next line of the
    answer raises as well: by then it stands in the `except`.
    """

    def __init__(self, seconds, wall):
        self.rings, self.over, self.traced = 0, False, {}
        self.seconds, self.wall = seconds, wall
        self.seen = self.started = _clocks()

    def __call__(self, _, frame):
        now, before = _clocks(), self.seen
        self.seen = now
        if self.over:
            return
        if not self.rings:
            if _is_importing(frame):
                passed = [new - old for new, old in zip(now, before, strict=True)]
                self.started = [start + more for start, more in zip(self.started, passed, strict=True)]
                return
            computed, waited = (new - start for new, start in zip(now, self.started, strict=True))
            if computed < self.seconds and waited < self.wall:
                return
            self.why = None if computed >= self.seconds else self.wall
        self.rings += 1
        if self.rings > 1:
            while frame and frame.f_code.co_filename != __file__:
                self.traced.setdefault(frame, frame.f_trace)
                frame.f_trace = self._next_line
                frame = frame.f_back
            sys.settrace(lambda *_: None)
        raise TooLong(self.why)

    def forget(self):
        """Give every frame its own tracer back: those that called the block go on, and their next lines are theirs."""
        while self.traced:
            frame, own = self.traced.popitem()
            frame.f_trace = own

    def _next_line(self, frame, event, argument):
        if event == "line" and not self.over:
            raise TooLong(self.why)
        return self._next_line


def _clocks():
    return time.thread_time(), time.monotonic()


def _is_importing(frame):
    while frame and frame.f_code.co_filename != __file__:
        if frame.f_code.co_filename in IMPORTING:
            return True
        frame = frame.f_back
    return False
