"""Flags that are generated from the fields of settings.

A field's name, type, default and what its metadata say of it
(:func:`bifsmn_tf.settings.setting`) make the flag. Where something else says
what a field is by default, such as a recipe, the flag's default is ``None``.
"""

import dataclasses
import types
import typing
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from absl import flags

# absl gives a flag to the nearest module on the call stack that does not say
# this: the command's.
flags.disclaim_key_flags()

Settings = TypeVar("Settings")


class LeftTo(NamedTuple):
    """The default of a flag whose field another flag says something of.

    Attributes:
        flag: The other flag's name.
    """

    flag: str


_defined: dict[type, list[str]] = {}


class _TupleParser(flags.ListParser):
    """Parses values that are separated by commas."""

    def __init__(self, element: Callable[[str], Any], name: str) -> None:
        super().__init__()
        self._element = element
        self._element_name = name

    def parse(self, argument: str | list[Any]) -> list[Any]:
        texts = super().parse(argument)
        try:
            return [self._element(text) for text in texts]
        except ValueError:
            raise ValueError(
                f"not {self._element_name} separated by commas"
            ) from None


_ELEMENTS = {int: "whole numbers", float: "numbers", str: "words"}


def define(
    settings: type,
    *,
    research: bool,
    without: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> list[str]:
    """Defines the flags of a dataclass' fields that have metadata.

    Args:
        settings: The dataclass.
        research: Whether those that only experiments set are defined, or the
            others.
        without: Fields that get no flag.
        defaults: Defaults that are not the field's, by name.

    Returns:
        The names of the flags.
    """
    hints = typing.get_type_hints(settings)
    names = []
    for field in dataclasses.fields(settings):
        if (
            "help" not in field.metadata
            or field.metadata["research"] != research
            or field.name in without
        ):
            continue
        default = {field.name: field.default, **(defaults or {})}[field.name]
        meaning = field.metadata["help"]
        if isinstance(default, LeftTo):
            meaning = f"{meaning} By default --{default.flag} says."
            default = None
        _define(
            field.name,
            hints[field.name],
            default,
            meaning,
            field.metadata.get("choices", ()),
        )
        names.append(field.name)
    _defined.setdefault(settings, []).extend(names)
    return names


def _define(
    name: str, kind: Any, default: Any, meaning: str, choices: Collection[str]
) -> None:
    if isinstance(kind, types.UnionType):
        (kind,) = (k for k in typing.get_args(kind) if k is not type(None))
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        flags.DEFINE(
            _TupleParser(element, _ELEMENTS[element]),
            name,
            list(default) if default else None,
            meaning,
            serializer=flags.CsvListSerializer(","),
        )
    elif choices:
        flags.DEFINE_enum(name, default, list(choices), meaning)
    else:
        definitions: dict[type, Callable[..., Any]] = {
            bool: flags.DEFINE_bool,
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            str: flags.DEFINE_string,
        }
        definitions[kind](name, default, meaning)


def given(settings: type) -> dict[str, Any]:
    """Returns what the flags say of a dataclass' fields.

    A field whose flag says nothing (``None``) is missing.
    """
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name in _defined.get(settings, ())
        if (value := flags.FLAGS[name].value) is not None
    }


def read(settings: type[Settings], **others: Any) -> Settings:
    """Makes settings of what the flags say.

    Args:
        settings: The dataclass.
        **others: Values of fields that no flag speaks of.
    """
    return settings(**{**others, **given(settings)})
