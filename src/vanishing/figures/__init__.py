"""Draws figures: the house style, the explorer and the bench. May import matplotlib, but not `vanishing.probe`."""
