"""What every custom op has: a name, attributes, shapes, a reference."""

import abc
import dataclasses
import struct
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

import numpy as np
import numpy.typing as npt

CONTRACT_VERSION = 3
"""First word of every op's attributes."""

MAX_BINARY_TERMS = 16382
"""Most +-1 products in one sum: twice its threshold and a flip fit 16 bits."""

_REPEATED = "int32+"
_OPTIONAL = "int32?"

Shape = tuple[int, ...]


class TensorSpec(NamedTuple):
    """Shape and element type of a tensor."""

    shape: Shape
    dtype: np.dtype


class HasSpec(Protocol):
    """An array, a :class:`TensorSpec`, or a tensor of a model in the making."""

    @property
    def shape(self) -> Shape:
        """The sizes of the tensor."""

    @property
    def dtype(self) -> np.dtype:
        """The type of its elements."""


_Tensor = TypeVar("_Tensor", bound=HasSpec)


class Op(abc.ABC):
    """A custom op: a frozen dataclass of its attributes, in file order."""

    NAME: ClassVar[str]
    """Custom code in the model file."""

    VERSION: ClassVar[int] = 1
    """Version of the op in the model file's table of operator codes."""

    INPUTS: ClassVar[tuple[str, ...]]
    """What each input is; a name with a question mark may be absent, a last one
    with a plus sign is of one tensor or more."""

    OUTPUTS: ClassVar[tuple[str, ...]]
    """What each output is; a name with a question mark may be left out."""

    @classmethod
    def attributes(cls) -> list[tuple[str, str]]:
        """Returns names and types, in file order.

        A type is ``int32`` or ``float32``; that of the last attribute may be
        ``int32+``, one word or more, or ``int32?``, which is left out where it
        is 1.
        """
        kinds: dict[object, str] = {
            int: "int32",
            float: "float32",
            tuple[int, ...]: _REPEATED,
        }
        return [
            ("version", "int32"),
            *(
                (
                    field.name,
                    _OPTIONAL if field.metadata else kinds[field.type],
                )
                for field in _fields(cls)
            ),
        ]

    @classmethod
    def _repeats_last_attribute(cls) -> bool:
        return cls.attributes()[-1][1] == _REPEATED

    @classmethod
    def _may_lack_last_attribute(cls) -> bool:
        return cls.attributes()[-1][1] == _OPTIONAL

    @classmethod
    def _layout(cls, words: int) -> struct.Struct:
        codes = {"float32": "f"}
        kinds = "".join(codes.get(kind, "i") for _, kind in cls.attributes())
        return struct.Struct("<" + kinds[:words].ljust(words, kinds[-1]))

    def custom_options(self) -> bytes:
        """Returns the attributes as little-endian 32-bit words."""
        values = [getattr(self, field.name) for field in _fields(type(self))]
        if self._repeats_last_attribute():
            values.extend(values.pop())
        elif self._may_lack_last_attribute() and values[-1] == 1:
            values.pop()
        return self._layout(1 + len(values)).pack(CONTRACT_VERSION, *values)

    @classmethod
    def from_custom_options(cls, options: bytes) -> "Op":
        """Reads the attributes back from the bytes of a model file.

        Raises:
            ValueError: They have another length or contract version, or a
                value that the op does not allow.
        """
        count = len(cls.attributes())
        words, rest = divmod(len(options), 4)
        is_repeated = cls._repeats_last_attribute()
        may_lack = cls._may_lack_last_attribute()
        least = count - may_lack
        if rest or words < least or (words > count and not is_repeated):
            more = " or more, in words of four" if is_repeated else ""
            more = f" or {4 * count}" if may_lack else more
            raise ValueError(
                f"{cls.NAME}: attributes are {4 * least} bytes{more}, got "
                f"{len(options)}"
            )
        version, *values = cls._layout(words).unpack(options)
        if version != CONTRACT_VERSION:
            raise ValueError(
                f"{cls.NAME}: contract version {version} is not "
                f"{CONTRACT_VERSION}"
            )
        if is_repeated:
            values[count - 2 :] = [tuple(values[count - 2 :])]
        return cls(*values)

    @abc.abstractmethod
    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns shape and type of every output, for such inputs.

        Raises:
            ValueError: The inputs do not fit each other or the attributes.
        """

    @abc.abstractmethod
    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes every output with NumPy, bit for bit as the kernels do.

        Outputs that a model may leave out are always computed.

        Raises:
            ValueError: The inputs do not fit each other or the attributes.
        """

    def check_activation_bits(self, bits: int) -> None:
        """Raises a ``ValueError`` unless activations of so many are given."""
        self.check(bits in (1, 2), f"activation_bits is {bits}, not 1 or 2")

    def check(self, condition: bool, message: str) -> None:
        """Raises a ``ValueError`` that names the op, unless ``condition``."""
        if not condition:
            raise ValueError(f"{self.NAME}: {message}")

    def required(
        self, inputs: Sequence[_Tensor | None], count: int
    ) -> list[_Tensor]:
        """Returns the first ``count`` inputs.

        Raises:
            ValueError: One of them is absent; the message names it.
        """
        present = [x for x in inputs[:count] if x is not None]
        missing = [
            name
            for i, name in enumerate(self.INPUTS[:count])
            if i >= len(inputs) or inputs[i] is None
        ]
        self.check(not missing, f"input {', '.join(missing)} is missing")
        return present


def activation_bits() -> Any:
    """Returns the field of the bits of the activations that an op gives."""
    return dataclasses.field(default=1, metadata={"optional": True})


def _fields(cls: type[Op]) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(cls)  # type: ignore[arg-type]
