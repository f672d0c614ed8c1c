"""Reads submissions, runs them in a sandbox, judges them outside it. May import every wing below `publishing`."""
