# lost
# The process ends.
import os

os._exit(0)
