"""Writes a TensorFlow Lite model file, without TensorFlow.

A converted network is a handful of custom ops and a classifier, so its file is
written directly: every byte in it is one that was asked for, the same input
gives the same bytes, and equal constants are stored once, however many
subgraphs (one for each depth) use them.

    writer = ModelWriter(description="BiFSMN")
    graph = writer.subgraph("delta_1")
    x = graph.input("features", (1, 32, 32), np.float32)
    w = graph.constant("conv1/weights", weights)
    ...
    h, = graph.custom_op(
        op, [x, w, thresholds],
        outputs=[("conv1", (1, 16, 16, 1), np.int16)],
    )
    graph.output("logits", graph.fully_connected(h, kernel, bias, "logits"))
    writer.signature("delta_1", graph)
    writer.metadata("labels", b"...")
    content = writer.build()

Constants are aligned to 16 bytes, as kernels that read them in place expect;
rows of bytes, which are packed and metadata, are not. Tensors have no names in
the file, but for inputs and outputs, and what is alike is stored once: shapes,
attributes, tensors, operators. Those of a network's many small tensors would
take a tenth of the file.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.model_file.ops import Op
from bifsmn_tf.model_file.reader import read_metadata

__all__ = ["ModelWriter", "Subgraph", "Tensor", "read_metadata"]

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
CONSTANT_ALIGNMENT = 16

_TENSOR_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
}

# Codes above 127 do not fit the field that runtimes before 2.4 read; it then
# holds this placeholder.
_PLACEHOLDER_BUILTIN_CODE = 127


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor of a subgraph, which the methods of ``Subgraph`` take."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


class _Builder(flatbuffers.Builder):
    """A builder that knows what it has written."""

    def __init__(self, size: int):
        super().__init__(size)
        self._written: dict[tuple, int] = {}

    def once(self, key: tuple, write: Callable[[], int]) -> int:
        """Where ``key`` is in the file; what writes it is called at first."""
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def shared_vector(self, values: npt.NDArray) -> int:
        """The vector of these values, written once."""
        key = (values.dtype.str, values.tobytes())
        return self.once(key, lambda: self.CreateNumpyVector(values))

    def CreateString(  # noqa: N802
        self, s: str, encoding: str = "utf-8", errors: str = "strict"
    ) -> int:
        """The text, written once: names of signatures are those of tensors."""
        write = super().CreateString
        return self.once((s, encoding), lambda: write(s, encoding, errors))


class _Tensor(schema.TensorT):
    """A tensor; those that are alike, in any subgraph, are one in the file."""

    def Pack(self, builder: _Builder) -> int:  # noqa: N802
        """Writes what a tensor here can have."""
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


class _CustomOperator(schema.OperatorT):
    """An operator; those that are alike are one in the file.

    Depths number their tensors alike, so that an operator is often another
    depth's, too: which weights it takes is a matter of their tensors.
    """

    def Pack(self, builder: _Builder) -> int:  # noqa: N802
        """Writes what a custom op here can have."""
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


class _AlignedBuffer(schema.BufferT):
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


class Subgraph:
    """One graph of the model; made by ``ModelWriter.subgraph``."""

    def __init__(self, writer: "ModelWriter", index: int, name: str):
        self.index = index
        self.name = name
        self._writer = writer
        self._tensors: list[Tensor] = []
        self._buffers: list[int] = []
        self._operators: list[schema.OperatorT] = []
        self._inputs: list[tuple[str, Tensor]] = []
        self._outputs: list[tuple[str, Tensor]] = []

    def input(
        self, name: str, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> Tensor:
        """Adds an input; ``name`` is its name in the signature too."""
        tensor = self._tensor(name, shape, dtype, buffer=0)
        self._inputs.append((name, tensor))
        return tensor

    def output(self, name: str, tensor: Tensor) -> None:
        """Makes ``tensor`` an output, called ``name`` in the signature."""
        self._check_own(tensor)
        self._outputs.append((name, tensor))

    def constant(self, name: str, value: npt.ArrayLike) -> Tensor:
        """Adds a constant; its bytes are stored once a file.

        Args:
          name: name of the tensor.
          value: float32, float16, int8, int16 or int32 values, at least one.
        """
        value = np.asarray(value)
        if not value.size:
            raise ValueError(f"constant {name} is empty")
        _check_type(name, value.dtype)
        content = value.astype(value.dtype.newbyteorder("<")).tobytes()
        is_packed = value.dtype == np.int8 and value.ndim == 1
        buffer = self._writer._buffer(
            name, content, 1 if is_packed else CONSTANT_ALIGNMENT
        )
        return self._tensor(name, value.shape, value.dtype, buffer)

    def custom_op(
        self,
        op: Op,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[tuple[str, Sequence[int], npt.DTypeLike]],
    ) -> list[Tensor]:
        """Adds one of the project's ops.

        Args:
          op: the op with its attributes.
          inputs: its inputs in order; None where one is absent.
          outputs: name, shape and type of each output.

        Returns:
          The outputs.

        Raises:
          ValueError: if the shapes or types are not what the op computes from
            these inputs.
        """
        specs = op.output_specs(*inputs)
        given = [(tuple(shape), np.dtype(dtype)) for _, shape, dtype in outputs]
        if not given or given != specs[: len(given)]:
            raise ValueError(f"{op.NAME} computes {specs}, not {given}")
        code = self._writer._operator_code(
            schema.BuiltinOperator.CUSTOM, op.VERSION, op.NAME
        )
        options = np.frombuffer(op.custom_options(), np.uint8)
        return self._operator(
            _CustomOperator, code, inputs, outputs, customOptions=options
        )

    def builtin_op(
        self,
        builtin: int,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[tuple[str, Sequence[int], npt.DTypeLike]],
        version: int = 1,
        options: Any = None,
    ) -> list[Tensor]:
        """Adds an op that the runtime brings.

        Args:
          builtin: its code, one of ``schema.BuiltinOperator``.
          inputs: its inputs in order; None where one is absent.
          outputs: name, shape and type of each output.
          version: version of the op.
          options: its options, an object of the schema such as
            ``schema.SoftmaxOptionsT``, or None.

        Returns:
          The outputs.
        """
        fields: dict[str, Any] = {}
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            fields["builtinOptionsType"] = getattr(schema.BuiltinOptions, kind)
            fields["builtinOptions"] = options
        code = self._writer._operator_code(builtin, version)
        return self._operator(schema.OperatorT, code, inputs, outputs, **fields)

    def fully_connected(
        self,
        x: Tensor,
        weights: npt.ArrayLike,
        bias: npt.ArrayLike,
        name: str,
    ) -> Tensor:
        """Adds a float32 fully connected layer over the flattened input.

        Args:
          x: input of ``batch * units`` elements, whatever its rank.
          weights: float32 ``[outputs, units]``.
          bias: float32 ``[outputs]``.
          name: name of the result and prefix of its constants.

        Returns:
          float32 ``[batch, outputs]``.
        """
        kernel = self.constant(f"{name}/weights", weights)
        offset = self.constant(f"{name}/bias", bias)
        units = kernel.shape[1]
        elements = math.prod(x.shape)
        if elements % units:
            raise ValueError(
                f"{name}: an input of shape {x.shape} does not divide into "
                f"rows of {units}"
            )
        (result,) = self.builtin_op(
            schema.BuiltinOperator.FULLY_CONNECTED,
            [x, kernel, offset],
            [(name, (elements // units, kernel.shape[0]), np.float32)],
            options=schema.FullyConnectedOptionsT(),
        )
        return result

    def softmax(self, x: Tensor, name: str, beta: float = 1.0) -> Tensor:
        """Adds a softmax over the last axis."""
        (result,) = self.builtin_op(
            schema.BuiltinOperator.SOFTMAX,
            [x],
            [(name, x.shape, x.dtype)],
            options=_make(schema.SoftmaxOptionsT, beta=beta),
        )
        return result

    def reshape(self, x: Tensor, shape: Sequence[int], name: str) -> Tensor:
        """Adds a reshape to a shape without unknown sizes."""
        if math.prod(shape) != math.prod(x.shape):
            raise ValueError(f"{name}: {x.shape} is not {tuple(shape)}")
        target = self.constant(f"{name}/shape", np.array(shape, np.int32))
        (result,) = self.builtin_op(
            schema.BuiltinOperator.RESHAPE,
            [x, target],
            [(name, shape, x.dtype)],
            options=_make(schema.ReshapeOptionsT, newShape=list(shape)),
        )
        return result

    def _tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        buffer: int,
    ) -> Tensor:
        dtype = _check_type(name, dtype)
        tensor = Tensor(
            len(self._tensors), name, tuple(int(n) for n in shape), dtype
        )
        self._tensors.append(tensor)
        self._buffers.append(buffer)
        return tensor

    def _check_own(self, tensor: Tensor) -> None:
        if (
            tensor.index >= len(self._tensors)
            or self._tensors[tensor.index] is not tensor
        ):
            raise ValueError(
                f"tensor {tensor.name} is of another subgraph than {self.name}"
            )

    def _operator(
        self,
        kind: type[schema.OperatorT],
        code: int,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[tuple[str, Sequence[int], npt.DTypeLike]],
        **fields: Any,
    ) -> list[Tensor]:
        for tensor in inputs:
            if tensor is not None:
                self._check_own(tensor)
        results = [
            self._tensor(name, shape, dtype, buffer=0)
            for name, shape, dtype in outputs
        ]
        self._operators.append(
            _make(
                kind,
                opcodeIndex=code,
                inputs=_indices([-1 if x is None else x.index for x in inputs]),
                outputs=_indices([x.index for x in results]),
                **fields,
            )
        )
        return results

    def _object(self) -> schema.SubGraphT:
        named = {tensor.index for _, tensor in self._inputs + self._outputs}
        return _make(
            schema.SubGraphT,
            tensors=[
                _make(
                    _Tensor,
                    shape=np.array(tensor.shape, np.int32),
                    type=_TENSOR_TYPES[tensor.dtype],
                    buffer=buffer,
                    name=tensor.name if tensor.index in named else "",
                )
                for tensor, buffer in zip(
                    self._tensors, self._buffers, strict=True
                )
            ],
            inputs=_indices([x.index for _, x in self._inputs]),
            outputs=_indices([x.index for _, x in self._outputs]),
            operators=self._operators,
            name=self.name,
        )


class ModelWriter:
    """Collects the parts of a model file and writes it.

    Args:
      description: a line about the model, stored in the file.
    """

    def __init__(self, description: str = ""):
        self._description = description
        self._subgraphs: list[Subgraph] = []
        self._signatures: list[tuple[str, Subgraph]] = []
        self._metadata: dict[str, int] = {}
        self._codes: dict[tuple[int, int, str | None], int] = {}
        # By convention buffer 0 is empty: tensors without data name it.
        self._buffers: list[tuple[str, bytes]] = [("", b"")]
        self._alignments = [1]
        self._buffer_of: dict[bytes, int] = {b"": 0}

    def subgraph(self, name: str) -> Subgraph:
        """Adds a subgraph; the first one is the one that runs by default."""
        graph = Subgraph(self, len(self._subgraphs), name)
        self._subgraphs.append(graph)
        return graph

    def signature(self, key: str, graph: Subgraph) -> None:
        """Lets ``graph`` be called by ``key``, by its tensors' names.

        Raises:
          ValueError: if the key or a name in it is taken.
        """
        if key in (taken for taken, _ in self._signatures):
            raise ValueError(f"signature {key} is there already")
        for pairs in (graph._inputs, graph._outputs):
            names = [name for name, _ in pairs]
            if len(set(names)) != len(names):
                raise ValueError(f"signature {key}: names repeat in {names}")
        self._signatures.append((key, graph))

    @property
    def signatures(self) -> tuple[str, ...]:
        """Keys of the signatures, in order."""
        return tuple(key for key, _ in self._signatures)

    def metadata(self, name: str, content: bytes) -> None:
        """Stores ``content`` in the file under a name.

        Raises:
          ValueError: if the name is taken or there is no content.
        """
        if name in self._metadata:
            raise ValueError(f"metadata {name} is there already")
        if not content:
            raise ValueError(f"metadata {name} is empty")
        self._metadata[name] = self._buffer(f"metadata {name}", content, 1)

    def build(self) -> bytes:
        """Returns the file's content; the same parts give the same bytes."""
        builder = _Builder(1 << 16)
        builder.Finish(self._object().Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def bytes_by_part(self) -> dict[str, int]:
        """Returns how the file's bytes divide, largest part first.

        A constant counts under the name under which it was first added;
        ``structure`` is all that is neither constant nor metadata: tensors,
        operators, names, alignment.
        """
        parts = {name: len(content) for name, content in self._buffers[1:]}
        parts["structure"] = len(self.build()) - sum(parts.values())
        return dict(sorted(parts.items(), key=lambda part: -part[1]))

    def _buffer(self, name: str, content: bytes, alignment: int) -> int:
        digest = hashlib.sha256(content).digest() if content else b""
        index = self._buffer_of.setdefault(digest, len(self._buffers))
        if index == len(self._buffers):
            taken = {known for known, _ in self._buffers}
            if name in taken:
                name = f"{name} ({index})"
            self._buffers.append((name, content))
            self._alignments.append(alignment)
        self._alignments[index] = max(self._alignments[index], alignment)
        return index

    def _operator_code(
        self, builtin: int, version: int, custom: str | None = None
    ) -> int:
        return self._codes.setdefault(
            (builtin, version, custom), len(self._codes)
        )

    def _object(self) -> schema.ModelT:
        codes = [
            _make(
                schema.OperatorCodeT,
                deprecatedBuiltinCode=min(builtin, _PLACEHOLDER_BUILTIN_CODE),
                builtinCode=builtin,
                customCode=custom,
                version=version,
            )
            for builtin, version, custom in self._codes
        ]
        signatures = [
            _make(
                schema.SignatureDefT,
                inputs=_tensor_map(graph._inputs),
                outputs=_tensor_map(graph._outputs),
                signatureKey=key,
                subgraphIndex=graph.index,
            )
            for key, graph in self._signatures
        ]
        metadata = [
            _make(schema.MetadataT, name=name, buffer=buffer)
            for name, buffer in self._metadata.items()
        ]
        return _make(
            schema.ModelT,
            version=SCHEMA_VERSION,
            operatorCodes=codes,
            subgraphs=[graph._object() for graph in self._subgraphs],
            description=self._description,
            buffers=[
                _make(_AlignedBuffer, data=data, alignment=alignment)
                for (_, data), alignment in zip(
                    self._buffers, self._alignments, strict=True
                )
            ],
            metadata=metadata,
            signatureDefs=signatures,
        )


def _make(kind: type, **fields: Any) -> Any:
    """An object of the schema; not every version's takes arguments."""
    made = kind()
    for name, value in fields.items():
        if not hasattr(made, name):
            raise AttributeError(f"{kind.__name__} has no field {name}")
        setattr(made, name, value)
    return made


def _check_type(name: str, dtype: npt.DTypeLike) -> np.dtype:
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype not in _TENSOR_TYPES:
        raise ValueError(f"tensor {name}: no {dtype} tensors here")
    return dtype


def _indices(values: list[int]) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)


def _tensor_map(pairs: list[tuple[str, Tensor]]) -> list[schema.TensorMapT]:
    return [
        _make(schema.TensorMapT, name=name, tensorIndex=tensor.index)
        for name, tensor in pairs
    ]
