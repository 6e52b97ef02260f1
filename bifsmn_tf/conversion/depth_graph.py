"""The ops of one depth of a binary network, in the order of the file."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion import thresholds
from bifsmn_tf.conversion.past import Past
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file import graph as graphs
from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_integers
from bifsmn_tf.network.export import ExportedNetwork
from bifsmn_tf.network.export import ExportedStage
from bifsmn_tf.network.layers import FEATURE_SCALE
from bifsmn_tf.network.quantizers.int8 import LARGEST_PRODUCT
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node
from bifsmn_tf.network.topology import Operation
from bifsmn_tf.network.topology import operations

Constants = Sequence[tuple[str, npt.NDArray]]


class DepthGraph:
    """The subgraph of one depth.

    Args:
        network: What the network has learned.
        delta: The depth.
        graph: The subgraph to fill.
        precision: The precision of what is not one bit.
        step: The step of the integer residual; None for one of floats.
        past: What gives the layers of a streaming network their history.
    """

    def __init__(
        self,
        network: ExportedNetwork,
        delta: int,
        graph: graphs.Subgraph,
        precision: Precision,
        step: float | None,
        past: Past | None = None,
    ):
        self._network = network
        self._delta = delta
        self._graph = graph
        self._precision = precision
        self._step = step
        self._past = past
        self._inputs: dict[str, graphs.Tensor] = {}
        self._residuals: dict[str, graphs.Tensor] = {}
        self._windows: dict[str, graphs.Tensor] = {}

    def build(self, features: graphs.Tensor) -> None:
        """Adds the ops from normalised features to the output ``logits``."""
        for operation in operations(self._network.config, self._delta):
            node = operation.node
            if node.kind is Kind.CLASSIFIER:
                values = self._window(node, self._residuals[node.reads])
                self._graph.output(signatures.LOGITS, self._classifier(values))
            elif node.writes_residual:
                values, quantized = self._to_residual(operation)
                self._residuals[node.name] = values
                if quantized:
                    self._give(operation, quantized)
            else:
                read = self._window(node, self._inputs.get(node.name, features))
                self._give(operation, self._to_follower(operation, read))

    def _give(self, operation: Operation, quantized: graphs.Tensor) -> None:
        for reader in operation.readers:
            self._inputs[reader.name] = quantized

    def _window(self, node: Node, new: graphs.Tensor) -> graphs.Tensor:
        """Returns what a layer reads: new frames behind its history."""
        if not node.history:
            return new
        # A layer may be two ops, which read the same.
        if node.name not in self._windows:
            assert self._past is not None
            self._windows[node.name] = self._past.window(
                node.name, new, node.history
            )
        return self._windows[node.name]

    def _stage(self, node: Node) -> ExportedStage:
        return self._network.stage(node, self._delta)

    def _to_follower(
        self, operation: Operation, read: graphs.Tensor
    ) -> graphs.Tensor:
        """Adds an op whose result is only looked at by the next layer."""
        stage = self._stage(operation.node)
        assert operation.follower is not None
        follower = self._stage(operation.follower)
        first = operation.node.kind is Kind.FIRST_CONVOLUTION
        in_8_bits = not first and stage.input_step is not None
        if in_8_bits or first and follower.input_step is not None:
            return self._int8_to_follower(operation, stage, follower, read)
        if first:
            return self._first_convolution(operation, stage, follower, read)
        if follower.input_step is not None:
            return self._to_floats(operation, stage, read)
        weights, rows = self._folded(
            stage, follower, operation.node.largest_dot
        )
        op = ops.Conv2D(
            in_channels=operation.node.input_shape[-1],
            activation_bits=operation.follower.bits,
            **same_padding(operation.node),
        )
        constants: Constants = [
            ("weights", pack_bits(weights)),
            ("thresholds", pack_integers(op.encode_thresholds(*rows))),
        ]
        (bits,) = _emit(
            self._graph, operation.name, op, [read], constants, ["bits"]
        )
        return bits

    def _first_convolution(
        self,
        operation: Operation,
        stage: ExportedStage,
        follower: ExportedStage,
        features: graphs.Tensor,
    ) -> graphs.Tensor:
        """Adds the first convolution, in 8 bits or floats, to bits."""
        padding = same_padding(operation.node)
        op: ops.Op
        weights: npt.NDArray
        if self._precision.first_convolution == "float32":
            weights, limits = _float_fold(stage, follower)
            op = ops.FloatConv2D(**padding)
        else:
            largest = operation.node.terms * LARGEST_PRODUCT
            weights, (limits, flips) = self._folded(stage, follower, largest)
            # -1 where dot >= limit, that is where -dot < 1 - limit.
            falling = np.atleast_2d(flips)[0][:, None, None, None]
            weights = np.where(falling, -weights, weights)
            limits = np.where(flips, 1 - limits, limits).astype(np.int32)
            op = ops.FeatureConv2D(
                inverse_scale=FEATURE_SCALE,
                activation_bits=follower.node.bits,
                **padding,
            )
        constants: Constants = [("weights", weights), ("thresholds", limits)]
        (bits,) = _emit(
            self._graph, operation.name, op, [features], constants, ["bits"]
        )
        return bits

    def _folded(
        self, stage: ExportedStage, follower: ExportedStage, largest: int
    ) -> tuple[npt.NDArray, tuple[npt.NDArray, npt.NDArray]]:
        """Returns integer weights, and thresholds and flips of their sums."""
        assert follower.threshold is not None
        folded = thresholds.fold(stage.epilogue, follower.threshold, largest)
        return stage.image(), folded

    def _to_floats(
        self, operation: Operation, stage: ExportedStage, read: graphs.Tensor
    ) -> graphs.Tensor:
        """Adds a binary convolution whose values the next one rounds."""
        op = ops.Conv2DAdd(
            in_channels=operation.node.input_shape[-1],
            **same_padding(operation.node),
        )
        limits = np.zeros(operation.node.outputs, np.float32)
        constants: Constants = [
            ("weights", pack_bits(stage.image())),
            ("parameters", _rows(stage, limits)),
        ]
        (values,) = _emit(
            self._graph, operation.name, op, [read], constants, ["values"]
        )
        return values

    def _int8_to_follower(
        self,
        operation: Operation,
        stage: ExportedStage,
        follower: ExportedStage,
        read: graphs.Tensor,
    ) -> graphs.Tensor:
        """Adds a convolution in 8 bits, to bits or integers of 8 bits."""
        attributes: dict[str, Any] = dict(same_padding(operation.node))
        if operation.node.kind is Kind.FIRST_CONVOLUTION:
            attributes["inverse_scale"] = FEATURE_SCALE
        if follower.input_inverse_step is not None:
            attributes["output_inverse_scale"] = follower.input_inverse_step
        else:
            attributes["activation_bits"] = follower.node.bits
        op = ops.Int8Conv2D(output_bits=8, **attributes)
        *_, result = self._int8(operation, op, stage, read, follower.threshold)
        return result

    def _to_residual(
        self, operation: Operation
    ) -> tuple[graphs.Tensor, graphs.Tensor | None]:
        """Adds an op that adds to the residual, and gives the next bits."""
        node, stage = operation.node, self._stage(operation.node)
        threshold = (
            self._stage(operation.follower).threshold
            if operation.follower
            else None
        )
        read = self._window(node, self._inputs[node.name])
        before = self._residuals[node.adds_to] if node.adds_to else None
        if before is not None and self._past is not None:
            read, before = self._aligned(node, read, before)
        if stage.input_step is not None:
            return self._int8_to_residual(
                operation, stage, read, threshold, before
            )
        op: ops.Memory | ops.Conv2DAdd
        inputs = [read]
        if node.kind is Kind.MEMORY:
            config = self._network.config
            op = ops.Memory(
                channels=node.outputs,
                look_back=config.look_back,
                look_ahead=config.look_ahead,
                stride_back=config.stride_back,
                stride_ahead=config.stride_ahead,
            )
            assert before is not None and stage.integers is not None
            inputs.append(before)
            weights, before = pack_bits(stage.integers), None
        else:
            op = ops.Conv2DAdd(
                in_channels=node.input_shape[-1], stride_h=node.strides[0]
            )
            weights = pack_bits(stage.image())
        limits = (
            np.zeros(node.outputs, np.float32)
            if threshold is None
            else threshold
        )
        parameters: npt.NDArray
        if self._step is None:
            parameters = _rows(stage, limits)
        else:
            adding = residual.ResidualStage.of(stage)
            parameters = pack_integers(
                residual.parameters(adding, limits, self._step)
            )
            op = dataclasses.replace(op, shift=adding.shift)
        if operation.follower and operation.follower.bits == 2:
            op = dataclasses.replace(op, activation_bits=2)
        outputs = _emit(
            self._graph,
            operation.name,
            op,
            inputs,
            [("weights", weights), ("parameters", parameters)],
            ["stream"] if threshold is None else ["stream", "bits"],
            before,
        )
        return outputs[0], outputs[1] if len(outputs) > 1 else None

    def _aligned(
        self, node: Node, read: graphs.Tensor, before: graphs.Tensor
    ) -> tuple[graphs.Tensor, graphs.Tensor]:
        """Crops what is added to each other to the newest frames."""
        assert self._past is not None
        stride = node.strides[0]
        available = (read.shape[1] - (node.history or 0)) // stride
        frames = min(available, before.shape[1])
        before = self._past.newest(before, frames)
        wanted = frames * stride + (node.history or 0)
        return self._past.newest(read, wanted), before

    def _int8_to_residual(
        self,
        operation: Operation,
        stage: ExportedStage,
        read: graphs.Tensor,
        threshold: npt.NDArray | None,
        before: graphs.Tensor | None,
    ) -> tuple[graphs.Tensor, graphs.Tensor | None]:
        """Adds a projection in 8 bits, and the first block's bits if wanted."""
        op = ops.Int8Conv2D(stride_h=operation.node.strides[0], output_bits=32)
        if read.dtype == np.float32:
            # Of a binary convolution, which this one rounds.
            assert stage.input_inverse_step is not None
            op = dataclasses.replace(op, inverse_scale=stage.input_inverse_step)
        if operation.follower is not None and operation.follower.bits == 2:
            op = dataclasses.replace(op, activation_bits=2)
        if self._step is not None:
            op = dataclasses.replace(
                op, output_bits=16, output_inverse_scale=1 / self._step
            )
            if threshold is not None:
                threshold = residual.limit(threshold, self._step)
        values, *bits = self._int8(
            operation, op, stage, read, threshold, before
        )
        return values, bits[0] if bits else None

    def _int8(
        self,
        operation: Operation,
        op: ops.Int8Conv2D,
        stage: ExportedStage,
        read: graphs.Tensor,
        threshold: npt.NDArray | None,
        before: graphs.Tensor | None = None,
    ) -> list[graphs.Tensor]:
        """Adds an op; gives its result, and bits if there is a threshold."""
        outputs = ["result"]
        if threshold is None:
            threshold = np.zeros(operation.node.outputs, np.float32)
        else:
            outputs.append("bits")
        constants: Constants = [
            ("weights", stage.image()),
            ("parameters", _rows(stage, threshold)),
        ]
        return _emit(
            self._graph, operation.name, op, [read], constants, outputs, before
        )

    def _classifier(self, values: graphs.Tensor) -> graphs.Tensor:
        constants = _classifier_constants(
            self._network, self._precision.classifier, self._step or 1.0
        )
        (logits,) = _emit(
            self._graph,
            "classifier",
            ops.Dense(),
            [values],
            constants,
            ["logits"],
        )
        return logits


def _emit(
    graph: graphs.Subgraph,
    name: str,
    op: ops.Op,
    inputs: Sequence[graphs.Tensor],
    constants: Constants,
    outputs: Sequence[str],
    before: graphs.Tensor | None = None,
) -> list[graphs.Tensor]:
    """Adds an op with its constants, and returns its outputs."""
    tensors = list(inputs)
    tensors += [
        graph.constant(f"{name}/{part}", value) for part, value in constants
    ]
    if before is not None:
        tensors.append(before)
    specs = op.output_specs(*tensors)
    return list(
        graph.custom_op(
            op,
            tensors,
            [
                (f"{name}/{output}", *spec)
                for output, spec in zip(outputs, specs, strict=False)
            ],
        )
    )


def _rows(
    stage: ExportedStage, threshold: npt.NDArray
) -> npt.NDArray[np.float32]:
    """Returns scale, offset, slope and threshold or thresholds, row by row."""
    epilogue = stage.epilogue
    rows = [epilogue.scale, epilogue.offset, epilogue.slope, threshold]
    return np.vstack(rows).astype(np.float32)


def _classifier_constants(
    network: ExportedNetwork, kind: str, step: float
) -> Constants:
    """Returns the classifier's weights, and scale and bias of its sums."""
    weights = np.ascontiguousarray(network.classifier_weights.T)
    bias = network.classifier_bias
    if kind == "int8":
        integers, scale_bias = residual.dense(weights, bias, step)
        packed = pack_integers(integers.astype(np.int16))
        return [("weights", packed), ("scale_bias", scale_bias)]
    scale_bias = np.stack([np.full_like(bias, step), bias])
    return [("weights", weights.astype(kind)), ("scale_bias", scale_bias)]


def _float_fold(
    stage: ExportedStage, follower: ExportedStage
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Folds the first convolution on floats with the sign behind it.

    Returns:
        Weights (outputs, rows, columns, channels), negated where BatchNorm has
        a negative scale, and thresholds of their sums (outputs,).
    """
    epilogue, threshold = stage.epilogue, follower.threshold
    assert threshold is not None
    # The stage's scale is that of sums of integers.
    scale = epilogue.scale / stage.weight_scale
    falling = scale < 0
    # PReLU is monotone: where it reaches the threshold.
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(
            epilogue.slope > 0, threshold / epilogue.slope, -np.inf
        )
        reached = np.where(threshold > 0, threshold, below)
        sums = (reached - epilogue.offset) / np.abs(scale)
    weights = stage.kernel.transpose(3, 0, 1, 2)
    weights = np.where(falling[:, None, None, None], -weights, weights)
    # (s * x + o >= t) is (-x * |s| >= t - o) for a negative s.
    return weights.astype(np.float32), sums.astype(np.float32)


def same_padding(node: Node) -> dict[str, int]:
    """Returns TensorFlow's "same" padding of a layer as an op's attributes.

    A dense layer is a convolution without padding or strides. A layer of a
    streaming network has no padding in time.
    """
    if node.kind not in (Kind.FIRST_CONVOLUTION, Kind.CONVOLUTION):
        return {}
    values = {}
    names = (("pad_top", "pad_bottom"), ("pad_left", "pad_right"))
    for axis, (before, after) in enumerate(names):
        n, k = node.input_shape[axis], node.kernel_size[axis]
        s = node.strides[axis]
        total = max((math.ceil(n / s) - 1) * s + k - n, 0)
        if axis == 0 and node.streaming:
            # The past stands there.
            total = 0
        values[before] = total // 2
        values[after] = total - total // 2
        values[f"stride_{'hw'[axis]}"] = s
    return values
