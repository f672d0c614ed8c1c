"""Runs inside a learner's kernel: `check`, `guess` and the values they compare. May import no other wing."""
