# wrong, lost
# More memory than there is.
pages = []
while True:
    pages.append(bytearray(2**27))
