"""What the commands share: how they start and how they fail."""

import errno
import sys
import warnings
from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from absl import app
from absl import flags
from absl import logging

from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError


def run(main: Callable[[], None]) -> None:
    """Runs a command: parses flags, prints a user's error as one line.

    Args:
        main: takes no arguments; raises what went wrong.
    """

    def guarded(arguments):
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
        except (UserError, ValueError) as error:
            sys.exit(f"error: {error}")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                sys.exit(
                    "error: no space left on the disk. What was complete is "
                    "kept: make room and run the same command again."
                )
            sys.exit(f"error: {error}")
        except KeyboardInterrupt:
            sys.exit("stopped: the same command goes on from here")

    app.run(guarded)


def flag_values(without: Collection[str]) -> dict[str, Any]:
    """What a training depends on: its command's flags by name.

    Args:
        without: flags that change where or how fast it goes, not what comes
            out of it.
    """
    return {
        flag.name: flag.value
        for flag in _own_flags()
        if flag.name not in without
    }


def flagfile() -> str:
    """The text of a flagfile that repeats a training's command."""
    return "".join(
        f"{flag.serialize()}\n"
        for flag in _own_flags()
        if flag.value is not None
    )


def _own_flags() -> list[flags.Flag]:
    # absl files the flags of a module that is run under its script's name.
    module = flags.FLAGS.find_module_defining_flag("run_dir")
    assert module is not None
    return flags.FLAGS.flags_by_module_dict()[module]


def _show_warning(message, category, filename, lineno, file=None, line=None):
    if issubclass(category, DataWarning):
        print(f"note: {message}", file=file or sys.stderr)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)
