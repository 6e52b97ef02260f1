"""One graph of a model file: its tensors and operators."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.shared import Buffers
from bifsmn_tf.model_file.shared import OperatorCodes
from bifsmn_tf.model_file.tables import CONSTANT_ALIGNMENT
from bifsmn_tf.model_file.tables import SharedOperator
from bifsmn_tf.model_file.tables import SharedTensor
from bifsmn_tf.model_file.tables import indices
from bifsmn_tf.model_file.tables import make

_TENSOR_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
}

Outputs = Sequence[tuple[str, Sequence[int], npt.DTypeLike]]
"""Name, shape and type of each output of an operator."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor of a subgraph, which the methods of ``Subgraph`` take.

    Attributes:
        index: of the tensor in its subgraph.
        name: under which its bytes count, and which the file has if the tensor
            is an input or output.
        shape: of the tensor.
        dtype: of its elements.
        buffer: index of the buffer that has its values; 0 if it is no constant.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    buffer: int = 0


class Subgraph:
    """One graph of the model; made by ``ModelWriter.subgraph``.

    Args:
        index: of the graph in the file.
        name: of the graph.
        buffers: where constants are stored.
        codes: where operations are listed.
    """

    def __init__(
        self, index: int, name: str, buffers: Buffers, codes: OperatorCodes
    ) -> None:
        self.index = index
        self.name = name
        self.inputs: list[tuple[str, Tensor]] = []
        self.outputs: list[tuple[str, Tensor]] = []
        self._buffers = buffers
        self._codes = codes
        self._tensors: list[Tensor] = []
        self._operators: list[schema.OperatorT] = []

    def input(
        self, name: str, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> Tensor:
        """Adds an input; ``name`` is its name in the signature too.

        Raises:
            ValueError: There are no tensors of this type here.
        """
        tensor = self._tensor(name, shape, dtype)
        self.inputs.append((name, tensor))
        return tensor

    def output(self, name: str, tensor: Tensor) -> None:
        """Makes ``tensor`` an output, called ``name`` in the signature.

        Raises:
            ValueError: The tensor is another subgraph's.
        """
        self._check_own(tensor)
        self.outputs.append((name, tensor))

    def constant(self, name: str, value: npt.ArrayLike) -> Tensor:
        """Adds a constant; its bytes are stored once a file.

        Args:
            name: name of the tensor.
            value: float32, float16, int8, int16 or int32 values, at least one.

        Raises:
            ValueError: There is no value, or it has another type.
        """
        value = np.asarray(value)
        if not value.size:
            raise ValueError(f"constant {name} is empty")
        _check_type(name, value.dtype)
        content = value.astype(value.dtype.newbyteorder("<")).tobytes()
        is_packed = value.dtype == np.int8 and value.ndim == 1
        buffer = self._buffers.add(
            name, content, 1 if is_packed else CONSTANT_ALIGNMENT
        )
        return self._tensor(name, value.shape, value.dtype, buffer)

    def custom_op(
        self, op: Op, inputs: Sequence[Tensor | None], outputs: Outputs
    ) -> list[Tensor]:
        """Adds one of the project's ops.

        Args:
            op: the op with its attributes.
            inputs: its inputs in order; None where one is absent.
            outputs: name, shape and type of each output.

        Returns:
            The outputs.

        Raises:
            ValueError: The shapes or types are not what the op computes from
                these inputs.
        """
        specs = op.output_specs(*inputs)
        given = [(tuple(shape), np.dtype(dtype)) for _, shape, dtype in outputs]
        if not given or given != specs[: len(given)]:
            raise ValueError(f"{op.NAME} computes {specs}, not {given}")
        code = self._codes.add(
            schema.BuiltinOperator.CUSTOM, op.VERSION, op.NAME
        )
        options = np.frombuffer(op.custom_options(), np.uint8)
        return self._operator(
            SharedOperator, code, inputs, outputs, customOptions=options
        )

    def builtin_op(
        self,
        builtin: int,
        inputs: Sequence[Tensor | None],
        outputs: Outputs,
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
        code = self._codes.add(builtin, version)
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

        Raises:
            ValueError: The input does not divide into rows of ``units``.
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

    def reshape(self, x: Tensor, shape: Sequence[int], name: str) -> Tensor:
        """Adds a reshape to a shape without unknown sizes.

        Raises:
            ValueError: The shape has another number of elements.
        """
        if math.prod(shape) != math.prod(x.shape):
            raise ValueError(f"{name}: {x.shape} is not {tuple(shape)}")
        target = self.constant(f"{name}/shape", np.array(shape, np.int32))
        (result,) = self.builtin_op(
            schema.BuiltinOperator.RESHAPE,
            [x, target],
            [(name, shape, x.dtype)],
            options=make(schema.ReshapeOptionsT, newShape=list(shape)),
        )
        return result

    def table(self) -> schema.SubGraphT:
        """Returns the graph for a file; only inputs and outputs keep names."""
        named = {tensor.index for _, tensor in self.inputs + self.outputs}
        return make(
            schema.SubGraphT,
            tensors=[
                make(
                    SharedTensor,
                    shape=np.array(tensor.shape, np.int32),
                    type=_TENSOR_TYPES[tensor.dtype],
                    buffer=tensor.buffer,
                    name=tensor.name if tensor.index in named else "",
                )
                for tensor in self._tensors
            ],
            inputs=indices([x.index for _, x in self.inputs]),
            outputs=indices([x.index for _, x in self.outputs]),
            operators=self._operators,
            name=self.name,
        )

    def _tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        buffer: int = 0,
    ) -> Tensor:
        dtype = _check_type(name, dtype)
        sizes = tuple(int(n) for n in shape)
        tensor = Tensor(len(self._tensors), name, sizes, dtype, buffer)
        self._tensors.append(tensor)
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
        outputs: Outputs,
        **fields: Any,
    ) -> list[Tensor]:
        for tensor in inputs:
            if tensor is not None:
                self._check_own(tensor)
        results = [
            self._tensor(name, shape, dtype) for name, shape, dtype in outputs
        ]
        self._operators.append(
            make(
                kind,
                opcodeIndex=code,
                inputs=indices([-1 if x is None else x.index for x in inputs]),
                outputs=indices([x.index for x in results]),
                **fields,
            )
        )
        return results


def _check_type(name: str, dtype: npt.DTypeLike) -> np.dtype:
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype not in _TENSOR_TYPES:
        raise ValueError(f"tensor {name}: no {dtype} tensors here")
    return dtype
