"""Reads a TensorFlow Lite model file with every offset checked.

Runtimes take a model file on trust: a truncated or damaged one can crash the
process. So a file is verified here before a runtime sees it, and its metadata
is read here, with the standard library alone (the generated schema module
takes longer to import on a small board than the network to run).

The tables below are the part of TensorFlow Lite's public schema
(``tensorflow/compiler/mlir/lite/schema/schema.fbs``) that a runtime follows
when it loads a model; a test holds them against the generated module. The
options of a runtime's own ops and sparsity are checked to lie inside the file,
but not what they refer to.
"""

import dataclasses
import struct
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

FILE_IDENTIFIER = b"TFL3"

CUSTOM_BUILTIN_CODE = 32

# Parts of a file may be shared, but a small file in which every part is all the
# others would take forever to follow.
_MOST_READS = 20

# STRING, RESOURCE and VARIANT. Python's interpreters crash when they are asked
# for the values of such a tensor that has none.
_NO_NUMBERS = (5, 13, 14)


@dataclasses.dataclass(frozen=True)
class _Scalar:
    code: str


@dataclasses.dataclass(frozen=True)
class _Numbers:
    """A vector of numbers, read as a tuple."""

    code: str


@dataclasses.dataclass(frozen=True)
class _Bytes:
    """A vector of bytes, read as a view of the file."""


@dataclasses.dataclass(frozen=True)
class _String:
    """Text; the runtimes rely on the zero byte after it."""


@dataclasses.dataclass(frozen=True)
class _Table:
    """Fields by their number in the schema."""

    fields: Mapping[int, tuple[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Tables:
    """A vector of tables."""

    table: _Table


_INT32 = _Scalar("i")
_UINT32 = _Scalar("I")
_INT8 = _Scalar("b")
_INT32S = _Numbers("i")
_OPAQUE = _Table({})

_TENSOR_MAP = _Table({0: ("name", _String()), 1: ("tensor_index", _UINT32)})
_SIGNATURE = _Table(
    {
        0: ("inputs", _Tables(_TENSOR_MAP)),
        1: ("outputs", _Tables(_TENSOR_MAP)),
        2: ("signature_key", _String()),
        4: ("subgraph_index", _UINT32),
    }
)
_METADATA = _Table({0: ("name", _String()), 1: ("buffer", _UINT32)})
_BUFFER = _Table({0: ("data", _Bytes())})
_QUANTIZATION = _Table(
    {
        0: ("min", _Numbers("f")),
        1: ("max", _Numbers("f")),
        2: ("scale", _Numbers("f")),
        3: ("zero_point", _Numbers("q")),
        5: ("details", _OPAQUE),
    }
)
_TENSOR = _Table(
    {
        0: ("shape", _INT32S),
        1: ("type", _INT8),
        2: ("buffer", _UINT32),
        3: ("name", _String()),
        4: ("quantization", _QUANTIZATION),
        6: ("sparsity", _OPAQUE),
        7: ("shape_signature", _INT32S),
    }
)
_OPERATOR = _Table(
    {
        0: ("opcode_index", _UINT32),
        1: ("inputs", _INT32S),
        2: ("outputs", _INT32S),
        4: ("builtin_options", _OPAQUE),
        5: ("custom_options", _Bytes()),
        7: ("mutating_variable_inputs", _Bytes()),
        8: ("intermediates", _INT32S),
        12: ("builtin_options_2", _OPAQUE),
    }
)
_SUBGRAPH = _Table(
    {
        0: ("tensors", _Tables(_TENSOR)),
        1: ("inputs", _INT32S),
        2: ("outputs", _INT32S),
        3: ("operators", _Tables(_OPERATOR)),
        4: ("name", _String()),
    }
)
_OPERATOR_CODE = _Table(
    {
        0: ("deprecated_builtin_code", _INT8),
        1: ("custom_code", _String()),
        2: ("version", _INT32),
        3: ("builtin_code", _INT32),
    }
)
_MODEL = _Table(
    {
        0: ("version", _UINT32),
        1: ("operator_codes", _Tables(_OPERATOR_CODE)),
        2: ("subgraphs", _Tables(_SUBGRAPH)),
        3: ("description", _String()),
        4: ("buffers", _Tables(_BUFFER)),
        5: ("metadata_buffer", _INT32S),
        6: ("metadata", _Tables(_METADATA)),
        7: ("signature_defs", _Tables(_SIGNATURE)),
    }
)


def verify_model(content: bytes) -> None:
    """Checks that ``content`` is a whole model file a runtime can follow.

    Raises:
      ValueError: if it is not, saying what is wrong.
    """
    _parse(content)


def custom_op_names(content: bytes) -> list[str]:
    """Returns the names of the custom ops that the model uses, sorted.

    Raises:
      ValueError: if ``content`` is not a whole model file.
    """
    codes = _parse(content).get("operator_codes", ())
    return sorted({c["custom_code"] for c in codes if "custom_code" in c})


def metadata_names(content: bytes) -> list[str]:
    """Returns the names of the model's metadata, in the order of the file.

    Raises:
      ValueError: if ``content`` is not a whole model file.
    """
    return [m.get("name", "") for m in _parse(content).get("metadata", ())]


def read_metadata(content: bytes, name: str) -> bytes:
    """Returns the metadata stored in a model file under ``name``.

    Args:
      content: the content of the file.
      name: which metadata.

    Raises:
      ValueError: if ``content`` is not a whole model file, or has no metadata
        of that name.
    """
    model = _parse(content)
    entries = model.get("metadata", ())
    for entry in entries:
        if entry.get("name") == name:
            buffer = model["buffers"][entry.get("buffer", 0)]
            return bytes(buffer.get("data", b""))
    names = ", ".join(entry.get("name", "") for entry in entries) or "none"
    raise ValueError(f"the model has no metadata {name!r}; it has: {names}")


class _Reader:
    """Follows offsets in a file, each of them checked."""

    def __init__(self, content: bytes):
        self._content = memoryview(content)
        self._most = _MOST_READS * len(content)
        self._read = 0

    def root(self) -> dict[str, Any]:
        return self.table(self._unpack("I", 0, "its root"), _MODEL, "model")

    def table(self, start: int, table: _Table, path: str) -> dict[str, Any]:
        vtable = start - self._unpack("i", start, path)
        vtable_size = self._unpack("H", vtable, path)
        table_size = self._unpack("H", vtable + 2, path)
        self._inside(vtable, vtable_size, path)
        self._inside(start, table_size, path)
        # A runtime would read one more field, half of it outside.
        if vtable_size % 2:
            raise ValueError(f"not a valid model: {path} has half a field")
        values = {}
        for number in range((vtable_size - 4) // 2):
            offset = self._unpack("H", vtable + 4 + 2 * number, path)
            if offset >= max(table_size, 4) or 0 < offset < 4:
                raise ValueError(f"not a valid model: {path} has a bad field")
            if offset and number in table.fields:
                name, kind = table.fields[number]
                field = f"{path}.{name}"
                values[name] = self._field(start + offset, kind, field)
        return values

    def _field(self, start: int, kind: Any, path: str) -> Any:
        if isinstance(kind, _Scalar):
            return self._unpack(kind.code, start, path)
        start += self._unpack("I", start, path)
        if isinstance(kind, _Table):
            return self.table(start, kind, path)
        count = self._unpack("I", start, path)
        start += 4
        if isinstance(kind, _Numbers):
            size = struct.calcsize(f"<{kind.code}") * count
            octets = self._slice(start, size, path)
            return struct.unpack(f"<{count}{kind.code}", octets)
        if isinstance(kind, _Tables):
            self._inside(start, 4 * count, path)
            return [
                self.table(
                    at + self._unpack("I", at, path), kind.table, f"{path}[{i}]"
                )
                for i, at in enumerate(range(start, start + 4 * count, 4))
            ]
        if isinstance(kind, _String):
            text = bytes(self._slice(start, count + 1, path))
            if text[-1]:
                raise ValueError(f"not a valid model: {path} does not end")
            return text[:-1].decode(errors="replace")
        return self._slice(start, count, path)

    def _inside(self, start: int, size: int, path: str) -> None:
        if start < 0 or start + size > len(self._content):
            raise ValueError(
                f"not a whole model: {path} lies outside the file's "
                f"{len(self._content)} bytes; is the file truncated?"
            )
        self._read += size
        if self._read > self._most:
            raise ValueError(
                "not a valid model: its parts lie in one another, again and "
                "again"
            )

    def _slice(self, start: int, size: int, path: str) -> memoryview:
        self._inside(start, size, path)
        return self._content[start : start + size]

    def _unpack(self, code: str, start: int, path: str) -> int:
        octets = self._slice(start, struct.calcsize(f"<{code}"), path)
        return struct.unpack(f"<{code}", octets)[0]


def _parse(content: bytes) -> dict[str, Any]:
    if len(content) < 8 or content[4:8] != FILE_IDENTIFIER:
        raise ValueError(
            "not a TensorFlow Lite model: the file has "
            f"{len(content)} bytes and no identifier {FILE_IDENTIFIER.decode()}"
        )
    model = _Reader(content).root()
    buffers = model.get("buffers", ())
    subgraphs = model.get("subgraphs", ())
    codes = model.get("operator_codes", ())
    if not subgraphs or not buffers:
        raise ValueError("not a valid model: it has no subgraph or no buffer")
    for code in codes:
        builtin = max(
            code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0)
        )
        if builtin == CUSTOM_BUILTIN_CODE and not code.get("custom_code"):
            raise ValueError("not a valid model: a custom op has no name")
        # A runtime would run it without a look at its name, and its own ops
        # crash on tensors that are not theirs.
        if builtin != CUSTOM_BUILTIN_CODE and code.get("custom_code"):
            raise ValueError(
                f"not a valid model: {code['custom_code']} is not a custom op "
                f"but the runtime's number {builtin}"
            )
    for graph in subgraphs:
        _check_subgraph(graph, len(buffers), len(codes))
    for entry in model.get("metadata", ()):
        _check_indices("metadata", [entry.get("buffer", 0)], len(buffers))
    for signature in model.get("signature_defs", ()):
        name = f"signature {signature.get('signature_key', '')!r}"
        subgraph = signature.get("subgraph_index", 0)
        _check_indices(name, [subgraph], len(subgraphs))
        tensors = len(subgraphs[subgraph].get("tensors", ()))
        for kind in ("inputs", "outputs"):
            entries = signature.get(kind, ())
            if any("name" not in entry for entry in entries):
                raise ValueError(f"not a valid model: {name} lacks a name")
            indices = [entry.get("tensor_index", 0) for entry in entries]
            _check_indices(name, indices, tensors)
    return model


def _check_subgraph(graph: dict[str, Any], buffers: int, codes: int) -> None:
    name = f"subgraph {graph.get('name', '')!r}"
    tensors = graph.get("tensors", ())
    for tensor in tensors:
        _check_indices(
            f"a tensor of {name}", [tensor.get("buffer", 0)], buffers
        )
        if any(size < 0 for size in tensor.get("shape", ())):
            raise ValueError(f"not a valid model: {name} has a negative size")
    for kind in ("inputs", "outputs"):
        indices = graph.get(kind, ())
        _check_indices(f"{kind} of {name}", indices, len(tensors))
        if any(tensors[i].get("type", 0) in _NO_NUMBERS for i in indices):
            raise ValueError(
                f"not a valid model: {kind} of {name} have a tensor that "
                "holds no numbers"
            )
    for operator in graph.get("operators", ()):
        what = f"an operator of {name}"
        _check_indices(what, [operator.get("opcode_index", 0)], codes)
        for kind in ("inputs", "outputs", "intermediates"):
            # -1 stands for a tensor that is absent.
            present = (i for i in operator.get(kind, ()) if i != -1)
            _check_indices(what, present, len(tensors))


def _check_indices(what: str, indices: Iterable[int], count: int) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise ValueError(
                f"not a valid model: {what} refers to number {index} of {count}"
            )
