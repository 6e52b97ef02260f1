"""Writes a binary network as one .tflite with a signature for each depth.

The network becomes the ops of :mod:`~bifsmn_tf.deployment.ops`; every depth's
subgraph uses the same packed weights, which are stored once.
"""

import dataclasses
import math
import os
from collections.abc import Mapping

import numpy as np

from bifsmn_tf.deployment import metadata as descriptions
from bifsmn_tf.deployment import model_writer
from bifsmn_tf.deployment import ops
from bifsmn_tf.deployment import thresholds
from bifsmn_tf.deployment.packing import pack_bits
from bifsmn_tf.network import layers
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.fsmn import Stage

_LARGEST_INT8_PRODUCT = 128 * 127


@dataclasses.dataclass(frozen=True)
class ConvertedModel:
    """A model file and where its bytes are.

    Attributes:
        content: the file.
        bytes_by_part: bytes of each part, largest first.
    """

    content: bytes
    bytes_by_part: Mapping[str, int]


def convert_binary(
    network: FSMN, description: descriptions.ModelMetadata
) -> ConvertedModel:
    """Converts a BiFSMN or a binary D-FSMN.

    Args:
        network: with trained weights.
        description: what goes into the file beside the network.

    Returns:
        A file with a signature ``delta_1``, ``delta_2``, … for each depth:
        normalised ``features`` (1, frames, mels) to ``logits`` (1, classes).

    Raises:
        ValueError: the network cannot be folded (its training diverged, or a
            PReLU in front of a sign has a negative slope).
    """
    writer = model_writer.ModelWriter(
        description=f"BiFSMN keyword spotter, {network.config.classes} classes"
    )
    for delta in network.config.deltas:
        graph = _DepthGraph(network, delta, writer)
        writer.signature(descriptions.signature_key(delta), graph.build())
    writer.metadata(descriptions.NAME, description.to_bytes())
    return ConvertedModel(writer.build(), writer.bytes_by_part())


class _DepthGraph:
    """The subgraph of one depth."""

    def __init__(self, network, delta, writer):
        self.network = network
        self.config = network.config
        self.delta = delta
        self.variant = self.config.deltas.index(delta)
        self.graph = writer.subgraph(descriptions.signature_key(delta))
        self.blocks = network.running_blocks(delta)

    def build(self) -> model_writer.Subgraph:
        config = self.config
        network = self.network
        x = self.graph.input(
            descriptions.FEATURES, (1, config.frames, config.mels), np.float32
        )
        x = self._first_convolution(x)
        x = self._to_bits(
            "conv2",
            network.conv2,
            network.projection,
            x,
            weights=_packed(network.conv2.linear),
            variant=0,
            **same_padding(network.conv2.linear, x.shape[1:3]),
        )
        bands, channels = config.front_bands, 2 * config.front_channels
        x, bits = self._to_stream(
            "projection",
            network.projection,
            x,
            weights=_packed(network.projection.linear, (1, bands, channels)),
            channels=channels,
            residual=None,
            variant=0,
            successor=self.blocks[0][1].memory,
        )
        for i, (number, block) in enumerate(self.blocks):
            following = self.blocks[i + 1 :]
            x, bits = self._memory(number, block, x, bits)
            hidden = self._to_bits(
                f"block{number}/expand",
                block.expand,
                block.shrink,
                bits,
                weights=_packed(block.expand.linear),
                variant=self.variant,
            )
            x, bits = self._to_stream(
                f"block{number}/shrink",
                block.shrink,
                hidden,
                weights=_packed(block.shrink.linear),
                channels=config.hidden_size,
                residual=x,
                variant=self.variant,
                successor=following[0][1].memory if following else None,
            )
        classifier = network.classifier
        logits = self.graph.fully_connected(
            x,
            np.ascontiguousarray(classifier.kernel.numpy().T),
            classifier.bias.numpy(),
            "classifier",
        )
        self.graph.output(descriptions.LOGITS, logits)
        return self.graph

    def _first_convolution(self, features):
        stage = self.network.conv1
        integers, _ = stage.linear.integer_kernel()
        weights = integers.numpy().astype(np.int8).transpose(3, 0, 1, 2)
        thresholds_, flips = self._fold(
            stage,
            0,
            self.network.conv2,
            math.prod(weights.shape[1:]) * _LARGEST_INT8_PRODUCT,
        )
        op = ops.QuantConv2D(
            inverse_scale=layers.FEATURE_SCALE,
            **same_padding(stage.linear, features.shape[1:3]),
        )
        constants = [
            ("weights", weights),
            ("thresholds", thresholds_.astype(np.int32)),
            ("flips", pack_bits(np.where(flips, -1, 1))),
        ]
        (bits,) = self._op("conv1", op, [features], constants, ["bits"])
        return bits

    def _to_bits(
        self, name, stage, successor, bits, weights, variant, **attributes
    ):
        """A stage whose output is only looked at by the next one's sign."""
        in_channels = stage.linear.kernel.shape[-2]
        terms = math.prod(weights.shape[1:3]) * in_channels
        thresholds_, flips = self._fold(stage, variant, successor, terms)
        op = ops.Conv2D(in_channels=in_channels, **attributes)
        constants = [
            ("weights", weights),
            ("thresholds", thresholds_.astype(np.int16)),
            ("flips", pack_bits(np.where(flips, -1, 1))),
        ]
        (result,) = self._op(name, op, [bits], constants, ["bits"])
        return result

    def _to_stream(
        self,
        name,
        stage,
        bits,
        weights,
        channels,
        residual,
        variant,
        successor,
    ):
        """A stage that adds to the float stream, and the next one's bits."""
        op = ops.Conv2DAdd(in_channels=channels)
        return self._stream_op(
            name, op, stage, [bits], weights, variant, successor, residual
        )

    def _memory(self, number, block, stream, bits):
        linear = block.memory.linear
        op = ops.Memory(
            channels=self.config.memory_size,
            look_back=linear.look_back,
            look_ahead=linear.look_ahead,
            stride_back=linear.stride_back,
            stride_ahead=linear.stride_ahead,
        )
        return self._stream_op(
            f"block{number}/memory",
            op,
            block.memory,
            [bits, stream],
            pack_bits(layers.binary_weights(linear)),
            self.variant,
            block.expand,
        )

    def _stream_op(
        self,
        name,
        op,
        stage,
        inputs,
        weights,
        variant,
        successor,
        residual=None,
    ):
        epilogue = epilogue_of(stage, variant)
        channels = len(epilogue.scale)
        threshold = (
            _sign_threshold(successor, self.variant)
            if successor
            else np.zeros(channels, np.float32)
        )
        constants = [
            ("weights", weights),
            ("scale", epilogue.scale),
            ("offset", epilogue.offset),
            ("slope", epilogue.slope),
            ("threshold", threshold),
        ]
        names = ["stream", "bits"] if successor else ["stream"]
        outputs = self._op(name, op, inputs, constants, names, residual)
        return outputs if successor else (*outputs, None)

    def _fold(self, stage, variant, successor, largest):
        successor_variant = min(variant, successor.sign.variants - 1)
        return thresholds.fold(
            epilogue_of(stage, variant),
            _sign_threshold(successor, successor_variant),
            largest,
        )

    def _op(self, name, op, inputs, constants, outputs, residual=None):
        tensors = list(inputs)
        tensors += [
            self.graph.constant(f"{name}/{part}", value)
            for part, value in constants
        ]
        if residual is not None:
            tensors.append(residual)
        specs = op.output_specs(*(x.shape for x in tensors))
        return self.graph.custom_op(
            op,
            tensors,
            [
                (f"{name}/{output}", *spec)
                for output, spec in zip(outputs, specs, strict=False)
            ],
        )


def epilogue_of(stage: Stage, variant: int) -> thresholds.Epilogue:
    """BatchNorm and PReLU of a trained stage, per output channel."""
    scale, offset = (x.numpy() for x in stage.affine(variant))
    slope = np.broadcast_to(stage.prelu.slope[variant].numpy(), scale.shape)
    return thresholds.Epilogue(scale, offset, np.ascontiguousarray(slope))


def _sign_threshold(stage: Stage, variant: int) -> np.ndarray:
    assert stage.sign is not None
    values = np.asarray(stage.sign.thresholds[variant])
    if not np.all(np.isfinite(values)):
        raise ValueError(
            "the network's thresholds are not finite: its training diverged"
        )
    return values


def _packed(layer, input_shape=None) -> np.ndarray:
    """A layer's signs as (outputs, rows, columns, words).

    A dense layer's inputs are taken as an image of ``input_shape``, 1x1 if
    that is ``None``.
    """
    signs = layers.binary_weights(layer)
    if signs.ndim == 2:
        signs = signs.reshape(
            *(input_shape or (1, 1, signs.shape[0])), signs.shape[1]
        )
    return pack_bits(signs.transpose(3, 0, 1, 2))


def same_padding(layer, size) -> dict[str, int]:
    """TensorFlow's "same" padding of a convolution, in numbers."""
    values = {}
    for axis, (n, k, s, before, after) in {
        "h": (*_axis(layer, size, 0), "pad_top", "pad_bottom"),
        "w": (*_axis(layer, size, 1), "pad_left", "pad_right"),
    }.items():
        total = max((math.ceil(n / s) - 1) * s + k - n, 0)
        values[before] = total // 2
        values[after] = total - total // 2
        values[f"stride_{axis}"] = s
    return values


def _axis(layer, size, axis):
    return size[axis], layer.kernel_size[axis], layer.strides[axis]


def write_file(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file as a whole or not at all."""
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
