# wrong, lost
# As many threads as it can get.
import threading
import time

try:
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
except RuntimeError:
    pass


def squares(values):
    return 0.0
