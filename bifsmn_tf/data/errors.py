"""What can be wrong with somebody's recordings."""


class DataError(ValueError):
    """Recordings that cannot be used; the message says which, and what to do.

    Its message is meant for the person at the command line and needs no
    traceback beside it.
    """


class DataWarning(UserWarning):
    """Recordings that can be used, though not all of them or not as meant."""
