# lost
# 30,000 displays.
from IPython.display import display

for k in range(30_000):
    display(k)
