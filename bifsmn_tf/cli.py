"""What the commands share: how they start, explain themselves and fail.

A mistake that the user can mend (:class:`~bifsmn_tf.errors.UserError`, a file
that cannot be read or written) ends a command with one line. Everything else is
a bug: it keeps its traceback, with a line on what to do about it.
"""

import errno
import functools
import math
import os
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TextIO

from bifsmn_tf import console
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError

try:
    from absl import app
    from absl import flags
    from absl import logging
except ModuleNotFoundError as error:
    # Commands import this before anything could catch it.
    sys.exit(console.missing(error))

console.explain_imports()

_BUG = (
    "This is a bug in bifsmn_tf, not a mistake of yours. Please report it with "
    "the traceback above and the command."
)

_KEPT = "What was complete is kept; then the same command goes on."

_SYSTEM = {
    errno.ENOSPC: f"no space left on the disk: make room. {_KEPT}",
    errno.EDQUOT: f"the disk quota is used up: make room. {_KEPT}",
    errno.EFBIG: (
        f"the file would be larger than is allowed: raise ulimit -f. {_KEPT}"
    ),
    errno.EROFS: (
        "the file system is read-only: choose another place, or make it "
        f"writable. {_KEPT}"
    ),
    errno.EACCES: f"permission denied: choose another place. {_KEPT}",
    errno.EPERM: f"not permitted: choose another place. {_KEPT}",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.EISDIR: "is a folder",
    errno.EMFILE: "too many open files: raise ulimit -n",
    errno.EIO: "the disk does not answer as it should (input/output error)",
    errno.ESTALE: "the network's file system has lost the file",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "a symbolic link leads back to itself",
}
"""What a command says of the system's errors, by number."""

_WIDTH = 80
_INDENT = 26


class FlagGroup(NamedTuple):
    """Flags that ``--help`` shows together.

    Attributes:
        title: The heading.
        names: The flags' names in order.
        research: Whether only ``--helpfull`` shows them.
    """

    title: str
    names: Sequence[str]
    research: bool = False


def run(main: Callable[[], None], groups: Sequence[FlagGroup] = ()) -> None:
    """Runs a command: parses flags, answers ``--help``, reports what fails.

    Args:
        main: Takes no arguments; raises what went wrong.
        groups: The command's flags for ``--help``; by default all that its
            module defines, in one group.
    """
    console.prepare()
    app.run(
        functools.partial(guard, main),
        flags_parser=functools.partial(parse, groups),
    )


def parse(groups: Sequence[FlagGroup], arguments: list[str]) -> list[str]:
    """Parses a command line, or answers ``--help`` and exits.

    Args:
        groups: The command's flags for ``--help``.
        arguments: The command's name and what follows it.

    Returns:
        The arguments that are no flags.
    """
    for word in arguments[1:]:
        if word in ("--help", "-help", "--helpfull", "-helpfull"):
            console.say(_help(groups, full=word.endswith("full")))
            sys.exit(0)
    try:
        rest = flags.FLAGS(arguments)
    except flags.Error as error:
        sys.exit(f"error: {error} (--help lists the flags)")
    for name in flags.FLAGS:
        if not _finite(flags.FLAGS[name].value):
            sys.exit(
                f"error: --{name} is {flags.FLAGS[name].value}: give a number "
                "that is finite (--help lists the flags)"
            )
    return rest


def _finite(value: Any) -> bool:
    """Returns whether a flag's value has no number that is NaN or infinite."""
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def guard(main: Callable[[], None], arguments: list[str]) -> None:
    """Runs a command whose flags are parsed; exits with what failed.

    Args:
        main: Takes no arguments; raises what went wrong.
        arguments: The command's name, and what is no flag.
    """
    # TensorFlow reports every checkpoint it writes.
    logging.set_verbosity(logging.WARNING)
    warnings.showwarning = _show_warning
    try:
        if len(arguments) > 1:
            raise UserError(
                f"unexpected argument {arguments[1]!r}: every setting is a "
                "flag, see --help"
            )
        main()
        # Here, since what the interpreter cannot write at its end is no line.
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit("stopped: the same command goes on from here")
    except BrokenPipeError:
        console.leave()
    except Exception as error:
        try:
            sys.stdout.flush()
        except OSError:
            # What is still to be printed is what cannot be.
            console.drop(sys.stdout)
        sys.exit(console.printable(_report(error)))


def _report(error: Exception) -> str:
    """Returns what a command says last of an error."""
    if isinstance(error, UserError):
        return f"error: {with_dashes(str(error), flags.FLAGS)}"
    system = _system_error(error)
    if system is not None:
        number, place = system
        what = _SYSTEM.get(number) or os.strerror(number)
        return f"error: {place}{what}"
    if isinstance(error, OSError):
        return f"error: {error}"
    if isinstance(error, ModuleNotFoundError) and console.is_of_others(error):
        return console.missing(error)
    traceback.print_exception(error)
    return _BUG


def _system_error(error: Exception) -> tuple[int, str] | None:
    """Returns the number of a system's error, and where it happened.

    TensorFlow reads and writes checkpoints and summaries itself. Its errors
    are none of Python's, but end with the system's words.
    """
    if isinstance(error, OSError):
        if error.errno is None or type(error).__module__ != "builtins":
            return None
        path = "" if error.filename is None else os.fsdecode(error.filename)
        return error.errno, f"{path}: " if path else ""
    if not type(error).__module__.startswith("tensorflow"):
        return None
    for number in _SYSTEM:
        words = re.escape(os.strerror(number))
        found = re.search(rf"(?:(/?[^\s;{{}}]+); )?{words}", str(error))
        if found:
            return number, f"{found[1]}: " if found[1] else ""
    return None


def with_dashes(message: str, names: Iterable[str]) -> str:
    """Puts dashes in front of the fields in a library's message.

    Errors of the library name fields. A word is the name of a field if it has
    an underscore, as no other word has, or begins the message.

    Args:
        message: The error's message.
        names: The names of the command's flags.
    """
    known = sorted(names, key=len, reverse=True)
    compound = "|".join(re.escape(name) for name in known if "_" in name)
    if compound:
        message = re.sub(
            rf"(?<![\w/.'\"-])({compound})(?![\w/'\"(]|\.\w)", r"--\1", message
        )
    first = "|".join(re.escape(name) for name in known)
    joined = rf"(?:--)?(?:{first})\b"
    match = re.match(rf"{joined}(?:(?:, | and | or | \* ){joined})*", message)
    if not match:
        return message
    begins = re.sub(rf"(?<!-)\b({first})\b", r"--\1", match.group())
    return begins + message[match.end() :]


def flagfile() -> str:
    """Returns the text of a flagfile that repeats a training's command."""
    module = flags.FLAGS.find_module_defining_flag("run_dir")
    return "".join(
        f"{flag.serialize()}\n"
        for flag in flags.FLAGS.get_key_flags_for_module(module)
        if flag.value is not None
    )


def _help(groups: Sequence[FlagGroup], full: bool) -> str:
    """Returns the text of ``--help`` or ``--helpfull``."""
    named = {name for group in groups for name in group.names}
    # absl files the flags of a module that is run under its script's name.
    own = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    rest = [flag.name for flag in own if flag.name not in named]
    if rest:
        groups = [FlagGroup("Flags", rest), *groups]
    lines = [(sys.modules["__main__"].__doc__ or "").strip(), ""]
    lines.append("Flags are shown with their defaults.")
    for group in groups:
        if group.names and (full or not group.research):
            lines += ["", f"{group.title}:"]
            lines += [_flag_help(flags.FLAGS[name]) for name in group.names]
    hidden = sum(len(group.names) for group in groups if group.research)
    lines.append("")
    if hidden and not full:
        lines.append(f"--helpfull lists {hidden} more flags, for experiments.")
    lines.append("--flagfile=FILE reads flags from a file, one a line.")
    return "\n".join(lines)


def _flag_help(flag: flags.Flag) -> str:
    default = flag.default_as_str
    label = f"  --{flag.name}"
    if default is not None:
        label += "=" + default.strip("'")
    # absl adds that a flag may be repeated; texts say what that means.
    text = flag.help.partition(";\n")[0]
    if isinstance(flag.parser, flags.EnumParser):
        # absl puts the values in front, which most texts explain anyway.
        text = text.partition(">: ")[2]
        values = flag.parser.enum_values
        if any(value not in text for value in values):
            text += f" One of {', '.join(values)}."
    body = textwrap.wrap(text, _WIDTH - _INDENT, break_on_hyphens=False)
    if len(label) < _INDENT - 1:
        body[0] = label.ljust(_INDENT) + body[0]
        rest = body[1:]
        first = body[:1]
    else:
        first, rest = [label], body
    return "\n".join(first + [" " * _INDENT + line for line in rest])


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    out: Any = file or sys.stderr
    if issubclass(category, DataWarning):
        print(console.printable(f"note: {message}"), file=out)
    else:
        out.write(
            warnings.formatwarning(message, category, filename, lineno, line)
        )
