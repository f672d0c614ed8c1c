# wrong, lost
# Messages written straight to the channel: values, then the word that the cell has ended.
import IPython

kernel = IPython.get_ipython().kernel


def squares(values):
    parent = kernel.get_parent()
    content = {"data": PRACTICE, "metadata": {}, "transient": {}}
    kernel.session.send(kernel.iopub_socket, "display_data", content, parent=parent)
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=parent)
    return 0.0
