"""Errors that a user can do something about, and warnings to a user."""


class UserError(ValueError):
    """Says what is wrong and what to do.

    A command prints the message as one line and exits with 1. Whatever else
    is raised, a plain ``ValueError`` too, is a mistake in the code and keeps
    its traceback.

    Errors of the library name fields (``memory_size``), and commands add the
    dashes (:func:`bifsmn_tf.cli.with_dashes`): a message begins with the name
    of the field, unless the name has an underscore.
    """


class MissingPackageError(UserError, ImportError):
    """A package that is not installed; the message says how to install it."""


class DataError(UserError):
    """Recordings that cannot be used; the message says which, and why."""


class DataWarning(UserWarning):
    """Recordings that can be used, though not all of them or not as meant."""
