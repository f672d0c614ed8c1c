# wrong, lost
# Text that no UTF-8 file can hold, in values, in an error's name and in its message.
import coursekit.checking.checks
import IPython

error = type("Odd", (Exception,), {})
coursekit.checking.checks.encode = lambda _: ["raised", "\ud800", "\udfff"]
IPython.get_ipython().showtraceback = lambda *_, **__: None


def squares(values):
    raise error("\ud800")
