"""The part of TensorFlow Lite's schema that a runtime follows.

The tables are those of ``tensorflow/compiler/mlir/lite/schema/schema.fbs`` that
a runtime reads when it loads a model; a test holds them against the generated
module. The options of a runtime's own ops and sparsity are opaque: they are
checked to lie inside the file, but not what they refer to.
"""

import dataclasses
from collections.abc import Mapping

FILE_IDENTIFIER = b"TFL3"

CUSTOM_BUILTIN_CODE = 32
"""The operator code of every custom op."""

VARIABLE_BUILTIN_CODE = 142
"""The operator code of a variable's handle, which whoever reads one needs."""

FLOAT32 = 0
"""The type of a tensor of floats."""

SHORT = 7
"""The type of a tensor of 16-bit integers."""

SIGNED_BYTE = 9
"""The type of a tensor of bytes."""

NO_NUMBERS = (5, 13, 14)
"""The types STRING, RESOURCE and VARIANT. Python's interpreters crash when they
are asked for the values of such a tensor that has none."""


@dataclasses.dataclass(frozen=True)
class Scalar:
    """A number; ``code`` is its format in ``struct``."""

    code: str


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A vector of numbers, read as a tuple; ``code`` is as in ``Scalar``."""

    code: str


@dataclasses.dataclass(frozen=True)
class Bytes:
    """A vector of bytes, read as a view of the file."""


@dataclasses.dataclass(frozen=True)
class String:
    """Text; the runtimes rely on the zero byte after it."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: names and kinds of its fields, by their number."""

    fields: Mapping[int, tuple[str, "Kind"]]


@dataclasses.dataclass(frozen=True)
class Tables:
    """A vector of tables, read as a list of dicts."""

    table: Table


Kind = Scalar | Numbers | Bytes | String | Table | Tables
"""What a field of a table can be."""

INT32 = Scalar("i")
UINT32 = Scalar("I")
INT8 = Scalar("b")
INT32S = Numbers("i")
OPAQUE = Table({})

TENSOR_MAP = Table({0: ("name", String()), 1: ("tensor_index", UINT32)})
SIGNATURE = Table(
    {
        0: ("inputs", Tables(TENSOR_MAP)),
        1: ("outputs", Tables(TENSOR_MAP)),
        2: ("signature_key", String()),
        4: ("subgraph_index", UINT32),
    }
)
METADATA = Table({0: ("name", String()), 1: ("buffer", UINT32)})
BUFFER = Table({0: ("data", Bytes())})
QUANTIZATION = Table(
    {
        0: ("min", Numbers("f")),
        1: ("max", Numbers("f")),
        2: ("scale", Numbers("f")),
        3: ("zero_point", Numbers("q")),
        5: ("details", OPAQUE),
    }
)
TENSOR = Table(
    {
        0: ("shape", INT32S),
        1: ("type", INT8),
        2: ("buffer", UINT32),
        3: ("name", String()),
        4: ("quantization", QUANTIZATION),
        6: ("sparsity", OPAQUE),
        7: ("shape_signature", INT32S),
    }
)
OPERATOR = Table(
    {
        0: ("opcode_index", UINT32),
        1: ("inputs", INT32S),
        2: ("outputs", INT32S),
        4: ("builtin_options", OPAQUE),
        5: ("custom_options", Bytes()),
        7: ("mutating_variable_inputs", Bytes()),
        8: ("intermediates", INT32S),
        12: ("builtin_options_2", OPAQUE),
    }
)
SUBGRAPH = Table(
    {
        0: ("tensors", Tables(TENSOR)),
        1: ("inputs", INT32S),
        2: ("outputs", INT32S),
        3: ("operators", Tables(OPERATOR)),
        4: ("name", String()),
    }
)
OPERATOR_CODE = Table(
    {
        0: ("deprecated_builtin_code", INT8),
        1: ("custom_code", String()),
        2: ("version", INT32),
        3: ("builtin_code", INT32),
    }
)
MODEL = Table(
    {
        0: ("version", UINT32),
        1: ("operator_codes", Tables(OPERATOR_CODE)),
        2: ("subgraphs", Tables(SUBGRAPH)),
        3: ("description", String()),
        4: ("buffers", Tables(BUFFER)),
        5: ("metadata_buffer", INT32S),
        6: ("metadata", Tables(METADATA)),
        7: ("signature_defs", Tables(SIGNATURE)),
    }
)
