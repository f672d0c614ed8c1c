# lost
# One line of 50 MB.
print("x" * 50_000_000)
