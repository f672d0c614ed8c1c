"""Keeps a learner's own copies and shows their progress. May import `proving`, `lessons` and `checking`."""
