"""Errors that a user can do something about."""


class UserError(Exception):
    """Says what is wrong and what to do; a command prints it and exits 1."""
