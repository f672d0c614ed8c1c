# wrong, lost
# The alarm that would end it is switched off, and it never returns.
import signal


def squares(values):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        pass
