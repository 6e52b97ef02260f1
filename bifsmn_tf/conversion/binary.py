"""Writes a binary network as one .tflite with a signature for each depth.

The network becomes the ops of :mod:`~bifsmn_tf.model_file.ops`; every depth's
subgraph uses the same packed weights, which are stored once.
"""

import dataclasses
import math
import os
from collections.abc import Mapping

import numpy as np

from bifsmn_tf.conversion import audio_signatures
from bifsmn_tf.conversion import residual as short_stream
from bifsmn_tf.conversion import thresholds
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file import writer as model_writer
from bifsmn_tf.model_file.ops.log_mel import supports
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_integers
from bifsmn_tf.network import layers
from bifsmn_tf.network import mixed
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.fsmn import Stage

_LARGEST_INT8_PRODUCT = mixed.STEPS * mixed.LARGEST_WEIGHT

_MOST_DEVIATIONS = 16
"""Standard deviations of 8-bit products' sums that the stream has room for."""

_INT8_SITES: tuple[set[str], ...] = (
    set(),
    {"conv2"},
    {"conv2", "projection"},
)
"""What may have 8 bits in a file."""


STREAMS = ("int16", "float32")
CLASSIFIERS = ("int8", "float16", "float32")
FIRST_CONVOLUTIONS = ("int8", "float32")
AUDIO_FORMS = ("features", "logits", "none")


@dataclasses.dataclass(frozen=True)
class Precision:
    """How a binary network's few numbers that are no bits are stored.

    Attributes:
        stream: of the residual stream: one of ``STREAMS``. Keras computes in
            float32, and the file then gives the same bits.
        classifier: of its weights: one of ``CLASSIFIERS``.
        first_convolution: one of ``FIRST_CONVOLUTIONS``; it is trained in int8.
    """

    stream: str = "int16"
    classifier: str = "int8"
    first_convolution: str = "int8"

    def __post_init__(self):
        for name, allowed in (
            ("stream", STREAMS),
            ("classifier", CLASSIFIERS),
            ("first_convolution", FIRST_CONVOLUTIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is one of {', '.join(allowed)}, not "
                    f"{getattr(self, name)!r}"
                )


@dataclasses.dataclass(frozen=True)
class ConvertedModel:
    """A model file and where its bytes are.

    Attributes:
        content: the file.
        bytes_by_part: bytes of each part, largest first.
        signatures: what it can be called by.
    """

    content: bytes
    bytes_by_part: Mapping[str, int]
    signatures: tuple[str, ...]

    @classmethod
    def of(cls, writer: model_writer.ModelWriter) -> "ConvertedModel":
        """Returns what a writer has collected."""
        return cls(writer.build(), writer.bytes_by_part(), writer.signatures)


def convert_binary(
    network: FSMN,
    description: descriptions.ModelMetadata,
    precision: Precision | None = None,
    audio: str = "features",
) -> ConvertedModel:
    """Converts a BiFSMN or a binary D-FSMN.

    Args:
        network: with trained weights.
        description: what goes into the file beside the network.
        precision: of what is not one bit; by default what is fastest.
        audio: what takes sound. ``"features"``: signatures ``audio`` (a clip to
            its features) and ``frame`` (one frame to its row, for streams);
            ``"logits"``: besides, a signature ``audio_delta_1``, ... from a
            clip to logits for each depth; ``"none"``. Feature parameters that
            the op does not have give a file without.

    Returns:
        A file with a signature ``delta_1``, ``delta_2``, … for each depth:
        normalised ``features`` (1, frames, mels) to ``logits`` (1, classes).

    Raises:
        ValueError: the network cannot be folded (its training diverged, or a
            PReLU in front of a sign has a negative slope), its binarizer is
            none that the ops compute, or it has sites of more than a bit that
            no op is for.
    """
    check_convertible(network)
    precision = precision or Precision()
    if network.conv2.rounding and precision.first_convolution != "int8":
        raise ValueError(
            "a second convolution of 8 bits reads the first one's in 8 bits: "
            "convert with first_convolution int8"
        )
    writer = model_writer.ModelWriter(
        description=f"BiFSMN keyword spotter, {network.config.classes} classes"
    )
    step = stream_step(network) if precision.stream == "int16" else None
    for delta in network.config.deltas:
        key = signatures.signature_key(delta)
        graph = _DepthGraph(
            network, delta, writer.subgraph(key), precision, step
        )
        writer.signature(key, graph.build(graph.features()))
    if audio != "none" and supports(description.features):
        sound = (description.features, description.statistics)
        audio_signatures.add_clip_signature(writer, *sound)
        audio_signatures.add_frame_signature(writer, *sound)
        for delta in network.config.deltas if audio == "logits" else ():
            key = signatures.audio_signature_key(delta)
            subgraph = writer.subgraph(key)
            graph = _DepthGraph(network, delta, subgraph, precision, step)
            features = audio_signatures.add_log_mel(subgraph, *sound)
            writer.signature(key, graph.build(features))
    writer.metadata(descriptions.NAME, description.to_bytes())
    return ConvertedModel.of(writer)


def check_convertible(network: FSMN) -> None:
    """Refuses what is for comparison in Keras only.

    Raises:
        ValueError: the network needs more than bits and a scale per channel.
    """
    config = network.config
    if config.binary and not config.one_bit_weights:
        raise ValueError(
            "the weights of this network are not one bit, as those of the "
            "first of two stages of training: convert a run of the second, "
            f"trained without --kernel_quantizer={config.kernel_quantizer}"
        )
    if config.dual_activations:
        raise ValueError(
            "this network has activations of two bits in two scales, which no "
            "op computes: convert one trained without --dual_activations"
        )
    if config.float_sites or set(config.int8_sites) not in _INT8_SITES:
        name = "float_sites" if config.float_sites else "int8_sites"
        raise ValueError(
            f"{name} of this network: {', '.join(getattr(config, name))}. "
            "There are ops for conv2 in 8 bits, with or without projection, "
            "and for no others; evaluate the run itself, or train without to "
            "convert"
        )
    for name, stage in network.stages.items():
        terms = math.prod(stage.linear.kernel.shape[:-1])
        if stage.rounding and terms > mixed.MAX_EXACT_TERMS:
            raise ValueError(
                f"{name} adds up {terms} products of 8 bits, more than the "
                f"{mixed.MAX_EXACT_TERMS} that Keras adds exactly: train with "
                "fewer --front_channels or --front_outputs"
            )
    remedy = "evaluate the run itself, or train with another binarizer"
    if network.config.input_scale:
        raise ValueError(
            "XNOR-Net's input scale K depends on the data, and the ops "
            f"multiply with trained constants only: {remedy}"
        )
    for name, stage in network.stages.items():
        if stage.sign is None:
            continue
        if not stage.sign.gives_signs:
            raise ValueError(
                f"activations of {network.config.activation_quantizer} are "
                f"not -1 and +1, the only values that the ops take: {remedy}"
            )
        quantizer = stage.linear.kernel_quantizer
        if quantizer.precision != 1:
            raise ValueError(
                f"{name} has weights of {quantizer.precision} bits "
                f"({type(quantizer).__name__}), and the ops take those of one: "
                f"{remedy}"
            )


class _DepthGraph:
    """The subgraph of one depth."""

    def __init__(self, network, delta, graph, precision, step):
        self.network = network
        self.precision = precision
        # Of the integer stream; None for one of floats.
        self.step = step
        self.config = network.config
        self.delta = delta
        self.variant = self.config.deltas.index(delta)
        self.graph = graph
        self.blocks = network.running_blocks(delta)

    def features(self) -> model_writer.Tensor:
        shape = (1, self.config.frames, self.config.mels)
        return self.graph.input(signatures.FEATURES, shape, np.float32)

    def build(self, features: model_writer.Tensor) -> model_writer.Subgraph:
        x, bits = self._front_end(features)
        for i, (number, block) in enumerate(self.blocks):
            following = self.blocks[i + 1 :]
            successors = [*block.memories[1:], block.expand]
            for memory, successor in zip(
                block.memories, successors, strict=True
            ):
                name = f"block{number}/{memory.name}"
                x, bits = self._memory(name, memory, x, bits, successor)
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
                channels=self.config.hidden_size,
                residual=x,
                variant=self.variant,
                successor=following[0][1].memory if following else None,
            )
        self.graph.output(signatures.LOGITS, self._classifier(x))
        return self.graph

    def _front_end(self, features):
        """The start of the stream, and the first block's bits."""
        network, config = self.network, self.config
        # Of the first convolution, by the sign or rounding that it goes into.
        read: dict[int, model_writer.Tensor] = {}

        def reading(stage):
            basis = id(stage.rounding or stage.sign)
            if basis not in read:
                name = "conv1" if not read else f"conv1_{len(read) + 1}"
                read[basis] = self._first_convolution(name, features, stage)
            return read[basis]

        # Values, shape of the weights, and stride of what starts the stream.
        inputs = []
        for conv2, projection in network.branches:
            values = self._second_convolution(conv2, projection, reading(conv2))
            shape = (1, config.front_bands, config.second_channels)
            inputs.append((values, shape, 1))
        if network.front_skip:
            shape = (1, config.half_bands, config.front_channels)
            inputs.append((reading(network.front_skip), shape, 2))
        stream = bits = None
        first = self.blocks[0][1].memory
        for stage, (values, shape, stride) in zip(
            network.starts, inputs, strict=True
        ):
            successor = first if stage is network.starts[-1] else None
            if stage.rounding:
                stream, bits = self._int8_to_stream(
                    stage, values, shape, stream, successor, stride
                )
                continue
            stream, bits = self._to_stream(
                stage.name,
                stage,
                values,
                weights=_packed(stage.linear, shape),
                channels=shape[-1],
                residual=stream,
                variant=0,
                successor=successor,
                stride_h=stride,
            )
        return stream, bits

    def _second_convolution(self, stage, successor, values):
        """What the projection reads."""
        attributes = same_padding(stage.linear, values.shape[1:3])
        if stage.rounding:
            return self._int8_to_front(
                stage.name, stage, values, successor, **attributes
            )
        return self._to_bits(
            stage.name,
            stage,
            successor,
            values,
            weights=_packed(stage.linear),
            variant=0,
            **attributes,
        )

    def _int8_to_front(self, name, stage, values, successor, **attributes):
        """A convolution in 8 bits, to what the next stage in front reads."""
        threshold = None
        if successor.rounding:
            inverse = float(successor.rounding.inverse_step.numpy())
            attributes["output_inverse_scale"] = inverse
        else:
            threshold = sign_threshold(successor, 0)
        op = ops.Int8Conv2D(output_bits=8, **attributes)
        weights = _image(stage.linear)
        *_, result = self._int8(name, op, stage, values, weights, threshold)
        return result

    def _int8_to_stream(
        self, stage, values, shape, residual, successor, stride
    ):
        """A projection in 8 bits, and the first block's bits if wanted."""
        op = ops.Int8Conv2D(stride_h=stride, output_bits=32)
        threshold = (
            sign_threshold(successor, self.variant) if successor else None
        )
        if self.step is not None:
            op = dataclasses.replace(
                op, output_bits=16, output_inverse_scale=1 / self.step
            )
            if threshold is not None:
                threshold = short_stream.limit(threshold, self.step)
        stream, *bits = self._int8(
            stage.name,
            op,
            stage,
            values,
            _image(stage.linear, shape),
            threshold,
            residual,
        )
        return stream, bits[0] if bits else None

    def _int8(self, name, op, stage, values, weights, threshold, residual=None):
        """The result, and its bits if there is a threshold."""
        epilogue = epilogue_of(stage, 0)
        outputs = ["result"]
        if threshold is None:
            threshold = np.zeros_like(epilogue.scale)
        else:
            outputs.append("bits")
        rows = [epilogue.scale, epilogue.offset, epilogue.slope, threshold]
        constants = [
            ("weights", weights),
            ("parameters", np.stack(rows).astype(np.float32)),
        ]
        return self._op(name, op, [values], constants, outputs, residual)

    def _classifier(self, stream):
        classifier = self.network.classifier
        weights = np.ascontiguousarray(classifier.kernel.numpy().T)
        bias = classifier.bias.numpy()
        if self.precision.classifier == "int8":
            integers, scale_bias = short_stream.dense(
                weights, bias, self.step or 1.0
            )
            weights = pack_integers(integers.astype(np.int16))
        else:
            weights = weights.astype(self.precision.classifier)
            scale = np.full_like(bias, self.step or 1.0)
            scale_bias = np.stack([scale, bias])
        constants = [("weights", weights), ("scale_bias", scale_bias)]
        (logits,) = self._op(
            "classifier", ops.Dense(), [stream], constants, ["logits"]
        )
        return logits

    def _first_convolution(self, name, features, successor):
        stage = self.network.conv1
        attributes = same_padding(stage.linear, features.shape[1:3])
        if successor.rounding:
            return self._int8_to_front(
                name,
                stage,
                features,
                successor,
                inverse_scale=layers.FEATURE_SCALE,
                **attributes,
            )
        if self.precision.first_convolution == "float32":
            weights, threshold = _float_fold(
                stage, sign_threshold(successor, 0)
            )
            op: ops.Op = ops.FloatConv2D(**attributes)
        else:
            weights = _image(stage.linear)
            threshold, flips = self._fold(
                stage,
                0,
                successor,
                math.prod(weights.shape[1:]) * _LARGEST_INT8_PRODUCT,
            )
            # -1 where dot >= threshold, that is where -dot < 1 - threshold.
            weights = np.where(flips[:, None, None, None], -weights, weights)
            threshold = np.where(flips, 1 - threshold, threshold)
            threshold = threshold.astype(np.int32)
            op = ops.FeatureConv2D(
                inverse_scale=layers.FEATURE_SCALE, **attributes
            )
        constants = [("weights", weights), ("thresholds", threshold)]
        (bits,) = self._op(name, op, [features], constants, ["bits"])
        return bits

    def _to_bits(
        self, name, stage, successor, bits, weights, variant, **attributes
    ):
        """A stage whose output is only looked at by the next one's sign."""
        in_channels = stage.linear.kernel.shape[-2]
        terms = math.prod(weights.shape[1:3]) * in_channels
        thresholds_, flips = self._fold(stage, variant, successor, terms)
        op = ops.Conv2D(in_channels=in_channels, **attributes)
        encoded = op.encode_thresholds(thresholds_, flips)
        constants = [
            ("weights", weights),
            ("thresholds", pack_integers(encoded)),
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
        **attributes,
    ):
        """A stage that adds to the float stream, and the next one's bits."""
        op = ops.Conv2DAdd(in_channels=channels, **attributes)
        return self._stream_op(
            name,
            op,
            stage,
            [bits],
            weights,
            variant,
            successor,
            residual,
        )

    def _memory(self, name, stage, stream, bits, successor):
        linear = stage.linear
        op = ops.Memory(
            channels=self.config.memory_size,
            look_back=linear.look_back,
            look_ahead=linear.look_ahead,
            stride_back=linear.stride_back,
            stride_ahead=linear.stride_ahead,
        )
        return self._stream_op(
            name,
            op,
            stage,
            [bits, stream],
            pack_bits(layers.integer_weights(linear)),
            self.variant,
            successor,
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
            sign_threshold(successor, self.variant)
            if successor
            else np.zeros(channels, np.float32)
        )
        if self.step is None:
            parameters = np.stack(
                [epilogue.scale, epilogue.offset, epilogue.slope, threshold]
            )
        else:
            short = stream_stage(stage, variant)
            parameters = pack_integers(
                short_stream.parameters(short, threshold, self.step)
            )
            op = dataclasses.replace(op, shift=short.shift)
        constants = [("weights", weights), ("parameters", parameters)]
        names = ["stream", "bits"] if successor else ["stream"]
        outputs = self._op(name, op, inputs, constants, names, residual)
        return outputs if successor else (*outputs, None)

    def _fold(self, stage, variant, successor, largest):
        successor_variant = min(variant, successor.sign.variants - 1)
        return thresholds.fold(
            epilogue_of(stage, variant),
            sign_threshold(successor, successor_variant),
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
        specs = op.output_specs(*tensors)
        return self.graph.custom_op(
            op,
            tensors,
            [
                (f"{name}/{output}", *spec)
                for output, spec in zip(outputs, specs, strict=False)
            ],
        )


def stream_step(network: FSMN) -> float:
    """Units of the network per step of its integer stream, for all depths.

    Raises:
        ValueError: the network has weights, activations or sites of more
            than a bit.
    """
    check_convertible(network)
    return short_stream.resolution(
        [
            stream_stage(stage, network.config.deltas.index(delta))
            for stage in stream_stages(network, delta)
        ]
        for delta in network.config.deltas
    )


def stream_stages(network: FSMN, delta: int) -> list[Stage]:
    """The stages of one depth that add to the stream, in order."""
    stages = network.starts
    for _, block in network.running_blocks(delta):
        stages += [*block.memories, block.shrink]
    return stages


def stream_stage(stage: Stage, variant: int) -> short_stream.StreamStage:
    """A stage that adds to the stream, with variants or just one."""
    epilogue = epilogue_of(stage, min(variant, stage.prelu.variants - 1))
    # The last axis is the output channel's.
    if stage.rounding:
        return short_stream.StreamStage(
            epilogue, largest_dot=_largest_int8_dot(stage), multiplies=False
        )
    return short_stream.StreamStage(
        epilogue, largest_dot=stage.linear.kernel.shape[0]
    )


def _largest_int8_dot(stage: Stage) -> np.ndarray:
    """What sums of 8-bit products are taken to reach, per channel.

    At most what their weights allow, which nothing comes near to; so no more
    than :data:`_MOST_DEVIATIONS` around the mean where training has kept
    statistics. What is beyond saturates, in Keras' integers as well.
    """
    weights = layers.integer_weights(stage.linear).astype(np.int64)
    largest = mixed.STEPS * np.abs(weights).sum(axis=0)
    if stage.norm is None:
        return largest
    mean, variance = stage.norm.moving_mean[0], stage.norm.moving_variance[0]
    reach = np.abs(mean) + _MOST_DEVIATIONS * np.sqrt(variance)
    assert stage.rounding is not None
    scale = layers.layer_scale(stage.linear) * stage.rounding.step
    return np.minimum(largest, np.ceil(reach / scale.numpy()).astype(np.int64))


def _float_fold(
    stage: Stage, threshold: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The first convolution on floats, with its threshold.

    Returns:
        Weights (outputs, rows, columns, channels), negated where BatchNorm has
        a negative scale, and thresholds of their sums (outputs,).
    """
    epilogue = epilogue_of(stage, 0)
    # The stage's scale is that of sums of integers.
    scale = epilogue.scale / layers.layer_scale(stage.linear).numpy()
    falling = scale < 0
    # PReLU is monotone: where it reaches the threshold.
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(
            epilogue.slope > 0, threshold / epilogue.slope, -np.inf
        )
        reached = np.where(threshold > 0, threshold, below)
        sums = (reached - epilogue.offset) / np.abs(scale)
    weights = stage.linear.kernel.numpy().transpose(3, 0, 1, 2)
    weights = np.where(falling[:, None, None, None], -weights, weights)
    # (s * x + o >= t) is (-x * |s| >= t - o) for a negative s.
    return weights.astype(np.float32), sums.astype(np.float32)


def epilogue_of(stage: Stage, variant: int) -> thresholds.Epilogue:
    """BatchNorm and PReLU of a trained stage, per output channel."""
    scale, offset = (x.numpy() for x in stage.affine(variant))
    slope = np.broadcast_to(stage.prelu.slope[variant].numpy(), scale.shape)
    return thresholds.Epilogue(scale, offset, np.ascontiguousarray(slope))


def sign_threshold(stage: Stage, variant: int) -> np.ndarray:
    """What the sign in front of a stage compares with, per channel.

    Raises:
        ValueError: a threshold is not finite.
    """
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
    return pack_bits(_image(layer, input_shape))


def _image(layer, input_shape=None) -> np.ndarray:
    """As :func:`_packed`, integers: (outputs, rows, columns, channels)."""
    if isinstance(layer, layers.FirstConv2D):
        weights = layer.integer_kernel()[0].numpy().astype(np.int8)
    else:
        weights = layers.integer_weights(layer)
    if weights.ndim == 2:
        weights = weights.reshape(
            *(input_shape or (1, 1, weights.shape[0])), weights.shape[1]
        )
    return np.ascontiguousarray(weights.transpose(3, 0, 1, 2))


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
