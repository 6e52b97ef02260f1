"""Experiments: each one command from recordings to a page of results."""
