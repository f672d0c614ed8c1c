# lost
# A write to nowhere.
import ctypes

ctypes.memset(0, 1, 1)
