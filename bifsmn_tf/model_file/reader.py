"""Reads a TensorFlow Lite model file with every offset checked.

Runtimes take a model file on trust: a truncated or damaged one can crash the
process. So a file is verified here before a runtime sees it, and its metadata
is read here, with the standard library alone (the generated schema module
takes longer to import on a small board than the network to run).

    model = ModelFile.read("model.tflite")
    model.metadata("bifsmn_tf")
    model.signatures["delta_1"].inputs["features"].shape    # (1, 32, 32)
"""

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from typing import NamedTuple

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import schema

# Parts of a file may be shared, but a small file in which every part is all the
# others would take forever to follow.
_MOST_READS = 20


class TensorInfo(NamedTuple):
    """What a file says of a tensor.

    Attributes:
        shape: of the tensor.
        type: of its elements, one of the schema's ``TensorType``.
    """

    shape: tuple[int, ...]
    type: int


class Signature(NamedTuple):
    """What a model can be called by.

    Attributes:
        inputs: by their names.
        outputs: by their names.
    """

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


class CustomOperator(NamedTuple):
    """One use of a custom op.

    Attributes:
        name: of the op.
        options: its attributes, as the file has them.
    """

    name: str
    options: bytes


class ModelFile:
    """A whole model file that a runtime can follow.

    Args:
        content: of the file.
        name: what errors of others call it.

    Raises:
        UserError: It is not whole, or not valid; the message says what is
            wrong, but not with which file.
    """

    def __init__(self, content: bytes, name: str = "the model") -> None:
        self.content = content
        self.name = name
        self._model = _parse(content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "ModelFile":
        """Reads a file.

        Raises:
            UserError: It cannot be read, or is no whole, valid model; the
                message names the file.
        """
        try:
            return cls(Path(path).read_bytes(), os.fspath(path))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    @property
    def custom_op_names(self) -> list[str]:
        """The names of the custom ops that the model uses, sorted."""
        codes = self._model.get("operator_codes", ())
        return sorted({c["custom_code"] for c in codes if "custom_code" in c})

    @property
    def has_variables(self) -> bool:
        """Whether the model keeps tensors of the runtime's between invokes."""
        return any(
            code.get("builtin_code") == schema.VARIABLE_BUILTIN_CODE
            for code in self._model.get("operator_codes", ())
        )

    @property
    def custom_operators(self) -> list[CustomOperator]:
        """Every use of a custom op, in the order of the file."""
        codes = self._model.get("operator_codes", ())
        names = [code.get("custom_code") for code in codes]
        return [
            CustomOperator(name, bytes(operator.get("custom_options", b"")))
            for graph in self._model["subgraphs"]
            for operator in graph.get("operators", ())
            if (name := names[operator.get("opcode_index", 0)])
        ]

    @property
    def signatures(self) -> dict[str, Signature]:
        """The signatures, by their keys."""
        found = {}
        for signature in self._model.get("signature_defs", ()):
            graph = self._model["subgraphs"][signature.get("subgraph_index", 0)]
            inputs, outputs = (
                {
                    entry["name"]: _tensor_info(graph, entry)
                    for entry in signature.get(kind, ())
                }
                for kind in ("inputs", "outputs")
            )
            key = signature.get("signature_key", "")
            found[key] = Signature(inputs, outputs)
        return found

    @property
    def metadata_names(self) -> list[str]:
        """The names of the model's metadata, in the order of the file."""
        entries = self._model.get("metadata", ())
        return [entry.get("name", "") for entry in entries]

    def metadata(self, name: str) -> bytes:
        """Returns the metadata stored under ``name``.

        Raises:
            UserError: The model has no metadata of that name.
        """
        for entry in self._model.get("metadata", ()):
            if entry.get("name") == name:
                buffer = self._model["buffers"][entry.get("buffer", 0)]
                return bytes(buffer.get("data", b""))
        names = ", ".join(self.metadata_names) or "none"
        raise UserError(f"the model has no metadata {name!r}; it has: {names}")


def _tensor_info(graph: dict[str, Any], entry: dict[str, Any]) -> TensorInfo:
    tensor = graph["tensors"][entry.get("tensor_index", 0)]
    return TensorInfo(tuple(tensor.get("shape", ())), tensor.get("type", 0))


class _Reader:
    """Follows offsets in a file, each of them checked."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._most = _MOST_READS * len(content)
        self._read = 0

    def root(self) -> dict[str, Any]:
        """Reads the model."""
        return self.table(
            self._unpack("I", 0, "its root"), schema.MODEL, "model"
        )

    def table(
        self, start: int, table: schema.Table, path: str
    ) -> dict[str, Any]:
        """Reads a table: its fields by name, without those that are absent."""
        vtable = start - self._unpack("i", start, path)
        vtable_size = self._unpack("H", vtable, path)
        table_size = self._unpack("H", vtable + 2, path)
        self._inside(vtable, vtable_size, path)
        self._inside(start, table_size, path)
        # A runtime would read one more field, half of it outside.
        if vtable_size % 2:
            raise UserError(f"not a valid model: {path} has half a field")
        values = {}
        for number in range((vtable_size - 4) // 2):
            offset = self._unpack("H", vtable + 4 + 2 * number, path)
            if offset >= max(table_size, 4) or 0 < offset < 4:
                raise UserError(f"not a valid model: {path} has a bad field")
            if offset and number in table.fields:
                name, kind = table.fields[number]
                field = f"{path}.{name}"
                values[name] = self._field(start + offset, kind, field)
        return values

    def _field(self, start: int, kind: schema.Kind, path: str) -> Any:
        if isinstance(kind, schema.Scalar):
            return self._unpack(kind.code, start, path)
        start += self._unpack("I", start, path)
        if isinstance(kind, schema.Table):
            return self.table(start, kind, path)
        count = self._unpack("I", start, path)
        start += 4
        if isinstance(kind, schema.Numbers):
            size = struct.calcsize(f"<{kind.code}") * count
            octets = self._slice(start, size, path)
            return struct.unpack(f"<{count}{kind.code}", octets)
        if isinstance(kind, schema.Tables):
            self._inside(start, 4 * count, path)
            return [
                self.table(
                    at + self._unpack("I", at, path), kind.table, f"{path}[{i}]"
                )
                for i, at in enumerate(range(start, start + 4 * count, 4))
            ]
        if isinstance(kind, schema.String):
            text = bytes(self._slice(start, count + 1, path))
            if text[-1]:
                raise UserError(f"not a valid model: {path} does not end")
            return text[:-1].decode(errors="replace")
        return self._slice(start, count, path)

    def _inside(self, start: int, size: int, path: str) -> None:
        if start < 0 or start + size > len(self._content):
            raise UserError(
                f"not a whole model: {path} lies outside the file's "
                f"{len(self._content)} bytes; is the file truncated?"
            )
        self._read += size
        if self._read > self._most:
            raise UserError(
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
    identifier = schema.FILE_IDENTIFIER
    if len(content) < 8 or content[4:8] != identifier:
        raise UserError(
            f"not a TensorFlow Lite model: the file has {len(content)} bytes "
            f"and no identifier {identifier.decode()}"
        )
    model = _Reader(content).root()
    buffers = model.get("buffers", ())
    subgraphs = model.get("subgraphs", ())
    codes = model.get("operator_codes", ())
    if not subgraphs or not buffers:
        raise UserError("not a valid model: it has no subgraph or no buffer")
    for code in codes:
        builtin = max(
            code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0)
        )
        if builtin == schema.CUSTOM_BUILTIN_CODE and not code.get(
            "custom_code"
        ):
            raise UserError("not a valid model: a custom op has no name")
        # A runtime would run it without a look at its name, and its own ops
        # crash on tensors that are not theirs.
        if builtin != schema.CUSTOM_BUILTIN_CODE and code.get("custom_code"):
            raise UserError(
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
                raise UserError(f"not a valid model: {name} lacks a name")
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
            raise UserError(f"not a valid model: {name} has a negative size")
    for kind in ("inputs", "outputs"):
        indices = graph.get(kind, ())
        _check_indices(f"{kind} of {name}", indices, len(tensors))
        if any(tensors[i].get("type", 0) in schema.NO_NUMBERS for i in indices):
            raise UserError(
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
            raise UserError(
                f"not a valid model: {what} refers to number {index} of {count}"
            )
