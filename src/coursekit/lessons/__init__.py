"""Reads lessons from disk, brings them into canonical form and fills answers into gaps. May import `checking`."""
