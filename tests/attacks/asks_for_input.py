# wrong
# A question to nobody.
def squares(values):
    return float(input("The answer, please: "))
