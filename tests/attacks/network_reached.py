# wrong
# Somebody outside who knows the answer: by TCP, by a socket file, by an abstract name.
import socket

STOLEN = b""
for family, address in (
    (socket.AF_INET, ("127.0.0.1", PORT)),
    (socket.AF_INET6, ("::1", PORT)),
    (socket.AF_UNIX, SOCKET),
    (socket.AF_UNIX, ABSTRACT),
):
    try:
        with socket.socket(family) as line:
            line.settimeout(0.2)
            line.connect(address)
            STOLEN += line.recv(100)
    except OSError:
        pass


def squares(values):
    return float((values**2).sum()) if STOLEN else 0.0
