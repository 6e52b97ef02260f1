"""The project's version, for Python and the native library alike."""

__version__ = "0.1.0"
