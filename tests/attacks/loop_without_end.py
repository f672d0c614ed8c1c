# lost
# A loop in the cell.
while True:
    pass
