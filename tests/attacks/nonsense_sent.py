# wrong, lost
# Frames that are no messages, messages that are no dicts, JSON that nests without end.
import IPython

kernel = IPython.get_ipython().kernel
socket, session = kernel.iopub_socket, kernel.session
socket.send_multipart([b"", b"<IDS|MSG>", b"", b"{", b"{", b"{", b"{"])
for body in (b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"NaN", b"9" * 10_000, b"null"):
    parts = [session.pack(session.msg_header("display_data")), b"{}", b"{}", body]
    socket.send_multipart([b"", b"<IDS|MSG>", session.sign(parts), *parts])
for value in (None, 7, "text", [], {"data": 5}, {"data": {"application/vnd.coursekit.values+json": "x"}}):
    try:
        session.send(socket, "display_data", value, parent=kernel.get_parent())
    except TypeError:
        pass


def squares(values):
    return 0.0
