"""Builds what others receive: the book, bundles, links, assignments. May import every wing below `cli`."""
