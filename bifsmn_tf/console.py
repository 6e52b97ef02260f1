"""The standard streams of a command, whatever they are connected to.

A terminal may know no δ, whoever reads the output may have enough of it, and a
stream may be closed. None of these is worth a traceback, nor is a package that
is not installed.
"""

import codecs
import contextlib
import functools
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from bifsmn_tf.errors import UserError

_ASCII = {
    "δ": "delta",
    "γ": "gamma",
    "σ": "sigma",
    "α": "alpha",
    "µ": "u",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "×": "x",
    "–": "-",
    "·": "*",
}
"""What stands for characters that a terminal does not have."""

_EXTRAS = {
    "listen": "listen",
    "record": "listen",
    "wyoming": "wyoming",
    "evaluate": "evaluate",
    "evaluate_stream": "evaluate",
    "benchmark": "benchmark",
}
"""What to install for a command; for others, which train, ``train``."""

_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]0000 [\d:. ]+ tf_tfl_flatbuffer_helpers\.cc"
    rb"|INFO: (?:Created TensorFlow Lite|Initialized TensorFlow Lite)"
    rb"|fully_quantize: \d"
)
"""Lines that TensorFlow and its runtime write of what all is well with."""

_HANDLER = "bifsmn_tf"

_ENDED = 128 + 13
"""The status of a command that SIGPIPE ends, as shells show it."""


def prepare() -> None:
    """Makes the streams fit to be written to, or ends the command.

    Characters that an encoding lacks are spelled. The interpreter has no
    stream where a descriptor is closed: what goes to the standard error is
    dropped then, and without a standard output there is nothing to do.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.exit("error: the standard output is closed: nothing can be printed")
    codecs.register_error(_HANDLER, _spell)
    for stream in (sys.stdout, sys.stderr):
        # What a test puts in their place has no encoding to set.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Returns what stands for characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(x, "?") for x in text), error.end


def printable(text: str) -> str:
    """Returns a message with escapes for what is no text in it.

    Names of files may have bytes that are not UTF-8, and characters that a
    terminal obeys.
    """
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        # A byte of a name, as Python keeps it.
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def say(text: str) -> None:
    """Prints all that a command has to say; ends it if nobody reads that.

    Args:
        text: without the last line's end.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        leave()
    except OSError as error:
        drop(sys.stdout)
        sys.exit(f"error: the standard output cannot be written: {error}")


def leave() -> None:
    """Ends a command whose reader has ended, in silence.

    Raises:
        SystemExit: Always.
    """
    drop(sys.stdout)
    sys.exit(_ENDED)


def drop(stream: TextIO) -> None:
    """Connects a stream to nothing, so that its end cannot fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def is_of_others(error: ModuleNotFoundError) -> bool:
    """Returns whether a module that is missing is none of this package."""
    return (error.name or "").partition(".")[0] != "bifsmn_tf"


def missing(error: ModuleNotFoundError, program: str | None = None) -> str:
    """Returns what a command says last of a package that is not installed.

    Args:
        error: of importing it.
        program: the file of the command; by default what is run.
    """
    path = Path(program or sys.argv[0])
    if path.name == "__main__.py":
        path = path.parent
    extra = _EXTRAS.get(path.stem, "train")
    package = (error.name or "").partition(".")[0]
    return (
        f"error: this needs the package {package}, which is not installed: "
        f"pip install 'bifsmn_tf[{extra}]'"
    )


def explain_imports() -> None:
    """Has a command that cannot even be imported end in one line."""
    spec = sys.modules["__main__"].__spec__
    if spec is not None and spec.name.partition(".")[0] == "bifsmn_tf":
        # What is run is forgotten when an error has left it.
        sys.excepthook = functools.partial(_last_words, sys.argv[0])


def _last_words(
    program: str,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Prints what nothing has caught, as ``sys.excepthook`` does."""
    if isinstance(error, ModuleNotFoundError) and is_of_others(error):
        print(missing(error, program), file=sys.stderr)
    elif isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keeps lines that say nothing to a user from the standard error.

    They are written to its descriptor by code that no logger rules. Everything
    else follows when the context is left.
    """
    with tempfile.TemporaryFile() as kept:
        sys.stderr.flush()
        try:
            with _descriptor(2, kept.fileno()):
                yield
                sys.stderr.flush()
        finally:
            kept.seek(0)
            lines = kept.readlines()
            os.write(2, b"".join(x for x in lines if not _CHATTER.match(x)))


@contextlib.contextmanager
def _descriptor(number: int, target: int) -> Iterator[None]:
    """Has a descriptor lead to where another does."""
    before = os.dup(number)
    os.dup2(target, number)
    try:
        yield
    finally:
        os.dup2(before, number)
        os.close(before)
