# wrong, lost
# The channel that nobody reads, filled.
import IPython

kernel = IPython.get_ipython().kernel


def squares(values):
    for _ in range(300):
        kernel.session.send(kernel.shell_stream.socket, "execute_reply", {"x": "x" * 900_000}, parent=kernel.get_parent())
    return 0.0
