"""Numbers as readers meet them in text."""


def power(exponent):
    """Ten to an integer power, as text: 10⁻⁵; 1 and 10 are written out."""
    if exponent in (0, 1):
        return "10"[: exponent + 1]
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
