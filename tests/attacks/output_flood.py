# lost
# 300 MB of text.
for _ in range(300):
    print("x" * 10**6)
