"""Settings that say what they are: one text for readers and for flags.

A dataclass of settings describes each of its fields in the field's metadata.
Readers find the text beside the field, and the training commands show the same
text as the help of the flag that bears the field's name.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any


def setting(
    default: Any,
    meaning: str,
    *,
    research: bool = False,
    choices: Sequence[str] = (),
) -> Any:
    """Returns a dataclass field that says what it is.

    Args:
        default: The field's default.
        meaning: What the field is, in sentences that stand alone.
        research: Whether experiments alone set it; ``--help`` leaves its flag
            out, ``--helpfull`` lists it.
        choices: All values that a text may have; empty if any will do.
    """
    metadata = {"help": meaning, "research": research, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)
