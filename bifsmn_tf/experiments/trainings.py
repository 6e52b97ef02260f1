"""What a run is trained with, whichever rows it is for.

The folder of a run bears the name of what is trained, with a hash of flags,
seed, teacher and recordings, and not the name of a row: rows of several
experiments that need the same training share it.
"""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from bifsmn_tf.errors import UserError

_LONGEST_LABEL = 80


def settings(flags: Iterable[str]) -> dict[str, str]:
    """Returns what flags say, by name; of several values the last one counts.

    Args:
        flags: ``--name=value``, ``--name`` for true, or ``--flagfile=path``
            with a path below the repository, in which one stands.

    Raises:
        UserError: A flag is in none of these forms, or there is no such file.
    """
    try:
        flat = absl_flags.FlagValues().read_flags_from_files(list(flags))
    except absl_flags.CantOpenFlagFileError as error:
        raise UserError(str(error)) from error
    found: dict[str, str] = {}
    for flag in flat:
        name, equals, value = flag.removeprefix("--").partition("=")
        if not flag.startswith("--") or (name.startswith("no") and not equals):
            raise UserError(f"{flag}: write it as --name=value")
        found[name] = value if equals else "true"
    return found


@dataclasses.dataclass(frozen=True)
class Training:
    """One training, which rows of several experiments may share.

    Attributes:
        command: the module that trains.
        flags: all that the outcome depends on but seed and teacher, in the
            order of the command line, the flagfile first.
        seed: the seed of the run.
        teacher: the training that is complete before this one starts.
        more_teachers: others that are, whose logits are distilled as well.
    """

    command: str
    flags: tuple[str, ...]
    seed: int
    teacher: "Training | None" = None
    more_teachers: "tuple[Training, ...]" = ()

    @property
    def teachers(self) -> "tuple[Training, ...]":
        """All trainings that this one builds on."""
        first = (self.teacher,) if self.teacher else ()
        return (*first, *self.more_teachers)

    @property
    def label(self) -> str:
        """The flagfile's name and what differs from it, for a folder."""
        base = settings(self.flags[:1])
        changed = [
            f"{name}-{value}"
            for name, value in sorted(settings(self.flags).items())
            if base.get(name) != value
        ]
        stem = Path(self.flags[0].partition("=")[2]).stem
        label = re.sub(r"[^\w.,-]", "-", "_".join([stem, *changed]))
        return label[:_LONGEST_LABEL]

    def identity(self) -> list[Any]:
        """Returns all that the outcome depends on, but the recordings."""
        return [
            self.command,
            sorted(settings(self.flags).items()),
            self.seed,
            self.teacher and self.teacher.identity(),
            *(another.identity() for another in self.more_teachers),
        ]
