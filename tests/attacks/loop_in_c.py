# lost
# A loop that no interrupt reaches.
sum(range(10**15))
