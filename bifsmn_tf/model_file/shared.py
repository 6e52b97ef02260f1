"""What the subgraphs of a file share: constants and operator codes."""

import hashlib

from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.model_file.tables import AlignedBuffer
from bifsmn_tf.model_file.tables import make

# Codes above 127 do not fit the field that runtimes before 2.4 read; it then
# holds this placeholder.
_PLACEHOLDER_BUILTIN_CODE = 127


class Buffers:
    """The bytes of constants and metadata; equal ones are stored once."""

    def __init__(self) -> None:
        # By convention buffer 0 is empty: tensors without data name it.
        self._named: list[tuple[str, bytes]] = [("", b"")]
        self._alignments = [1]
        self._index_of: dict[bytes, int] = {b"": 0}

    def add(self, name: str, content: bytes, alignment: int) -> int:
        """Returns the index of the buffer that holds ``content``.

        Args:
            name: under which the bytes count, see :meth:`sizes`.
            content: the bytes.
            alignment: of their place in the file.
        """
        digest = hashlib.sha256(content).digest() if content else b""
        index = self._index_of.setdefault(digest, len(self._named))
        if index == len(self._named):
            taken = {known for known, _ in self._named}
            if name in taken:
                name = f"{name} ({index})"
            self._named.append((name, content))
            self._alignments.append(alignment)
        self._alignments[index] = max(self._alignments[index], alignment)
        return index

    def sizes(self) -> dict[str, int]:
        """Returns how many bytes each has, by the name that came first."""
        return {name: len(content) for name, content in self._named[1:]}

    def tables(self) -> list[AlignedBuffer]:
        """Returns the buffers for a file, in order."""
        return [
            make(AlignedBuffer, data=content, alignment=alignment)
            for (_, content), alignment in zip(
                self._named, self._alignments, strict=True
            )
        ]


class OperatorCodes:
    """The operations that a file uses, each of them once."""

    def __init__(self) -> None:
        self._index_of: dict[tuple[int, int, str | None], int] = {}

    def add(self, builtin: int, version: int, custom: str | None = None) -> int:
        """Returns the index of an operation.

        Args:
            builtin: its code, one of ``schema.BuiltinOperator``.
            version: of the operation.
            custom: its name, if it is a custom one.
        """
        key = (builtin, version, custom)
        return self._index_of.setdefault(key, len(self._index_of))

    def tables(self) -> list[schema.OperatorCodeT]:
        """Returns the operator codes for a file, in order."""
        return [
            make(
                schema.OperatorCodeT,
                deprecatedBuiltinCode=min(builtin, _PLACEHOLDER_BUILTIN_CODE),
                builtinCode=builtin,
                customCode=custom,
                version=version,
            )
            for builtin, version, custom in self._index_of
        ]
