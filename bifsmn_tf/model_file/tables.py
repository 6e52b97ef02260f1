"""Flatbuffer tables that are written once, however many are alike.

The generated schema module writes every table that it is given. A network's
many small tensors would take a tenth of the file so: here shapes, attributes,
tensors and operators that are alike are one in the file.
"""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

CONSTANT_ALIGNMENT = 16

_Table = TypeVar("_Table")


class SharingBuilder(flatbuffers.Builder):
    """A builder that knows what it has written."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple, int] = {}

    def once(self, key: tuple, write: Callable[[], int]) -> int:
        """Returns where ``key`` is in the file; ``write`` writes it at first.

        Args:
            key: which two parts have in common if they are alike.
            write: writes the part and returns where it is.
        """
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def shared_vector(self, values: npt.NDArray) -> int:
        """Returns where the vector of these values is, written once."""
        key = (values.dtype.str, values.tobytes())
        return self.once(key, lambda: self.CreateNumpyVector(values))

    def CreateString(  # noqa: N802
        self, s: str, encoding: str = "utf-8", errors: str = "strict"
    ) -> int:
        """Returns where a text is, written once.

        Names of signatures are those of tensors.
        """
        write = super().CreateString
        return self.once((s, encoding), lambda: write(s, encoding, errors))


class SharedTensor(schema.TensorT):
    """A tensor; those that are alike, in any subgraph, are one in the file."""

    def Pack(self, builder: SharingBuilder) -> int:  # noqa: N802
        """Writes shape, type, buffer and name."""
        shape = builder.shared_vector(self.shape) if len(self.shape) else None
        name = builder.CreateString(self.name) if self.name else None

        def write() -> int:
            schema.TensorStart(builder)
            if shape is not None:
                schema.TensorAddShape(builder, shape)
            schema.TensorAddType(builder, self.type)
            schema.TensorAddBuffer(builder, self.buffer)
            if name is not None:
                schema.TensorAddName(builder, name)
            return schema.TensorEnd(builder)

        key = ("tensor", shape, self.type, self.buffer, name)
        return builder.once(key, write)


class SharedOperator(schema.OperatorT):
    """A custom operator; those that are alike are one in the file.

    Depths number their tensors alike, so that an operator is often another
    depth's, too: which weights it takes is a matter of their tensors.
    """

    def Pack(self, builder: SharingBuilder) -> int:  # noqa: N802
        """Writes operator code, inputs, outputs and attributes."""
        inputs = builder.shared_vector(self.inputs)
        outputs = builder.shared_vector(self.outputs)
        options = builder.shared_vector(self.customOptions)

        def write() -> int:
            schema.OperatorStart(builder)
            schema.OperatorAddOpcodeIndex(builder, self.opcodeIndex)
            schema.OperatorAddInputs(builder, inputs)
            schema.OperatorAddOutputs(builder, outputs)
            schema.OperatorAddCustomOptions(builder, options)
            return schema.OperatorEnd(builder)

        key = ("operator", self.opcodeIndex, inputs, outputs, options)
        return builder.once(key, write)


class AlignedBuffer(schema.BufferT):
    """A buffer that obeys the schema's ``force_align``; Python's does not."""

    alignment: int = CONSTANT_ALIGNMENT

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        """Writes the buffer; an empty one has no data."""
        data = None
        if self.data:
            builder.StartVector(1, len(self.data), self.alignment)
            start = builder.Head() - len(self.data)
            builder.head = start
            builder.Bytes[start : start + len(self.data)] = self.data
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def make(kind: type[_Table], **fields: Any) -> _Table:
    """Makes a table of the schema; not every version's takes arguments.

    Raises:
        AttributeError: The schema has no such field.
    """
    made = kind()
    for name, value in fields.items():
        if not hasattr(made, name):
            raise AttributeError(f"{kind.__name__} has no field {name}")
        setattr(made, name, value)
    return made


def indices(values: list[int]) -> npt.NDArray[np.int32]:
    """Returns a vector of indices as the tables hold them."""
    return np.array(values, np.int32)
