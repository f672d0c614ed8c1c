"""Records, compares and verifies lessons before anyone sees them. May import `lessons` and `checking`."""
