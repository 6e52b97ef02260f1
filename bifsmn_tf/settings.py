"""Settings that say what they are: one text for readers and for flags.

A dataclass of settings describes each of its fields in the field's metadata.
Readers find the text beside the field, and the training commands show the same
text as the help of the flag that bears the field's name.
"""

import dataclasses
import typing
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from bifsmn_tf.errors import UserError

_JSON_TYPES: dict[object, tuple[tuple[type, ...], str]] = {
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    str: ((str,), "a text"),
}
"""What JSON has for a field of a type, and what it is called."""


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


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``values`` as a dict if they can be fields of a dataclass.

    Args:
        cls: the dataclass.
        values: by the fields' names, as JSON has them.

    Raises:
        UserError: One is of no field, and the message lists the fields there
            are; or of another type than the field.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UserError(
            f"{cls.__name__} has no {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(fields)}"
        )
    for name, value in values.items():
        kind: Any = fields[name].type
        items = [value]
        if typing.get_origin(kind) is tuple:
            kind = typing.get_args(kind)[0]
            if not isinstance(value, list | tuple):
                raise UserError(f"{name} has to be a list, not {value!a}")
            items = [*value]
        types, what = _JSON_TYPES.get(kind, ((), ""))
        for item in items:
            # No subclass: true is no number.
            if types and type(item) not in types:
                raise UserError(f"{name} has to be {what}, not {item!a}")
    return dict(values)
