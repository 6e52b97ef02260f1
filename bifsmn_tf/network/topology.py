"""The network's layers in order, decided once and without TensorFlow.

A :class:`Node` is one layer that has weights, with all that follows from the
configuration: what it reads, what its result is added to, its shapes, its
bits, the depths that run through it. Building, training, inference, the
summary, the conversion and the profile iterate :func:`nodes`; a change of the
topology is a change of this file, of a layer and of an op.

The front end reads log-mel features through two convolutions of stride 2 and a
projection, which starts the *residual stream*; N blocks add to it, each with a
memory and two pointwise layers; a dense classifier reads it at the end::

    features - conv1 - conv2 - projection -+-> block 1 -> ... -> block N - dense
                  |                        |
                  +------- front_skip -----+   (an option)

A depth δ runs every δ-th block only (Eq. 12, 13), so that what a block reads
depends on the depth.

A *streaming* network has the same nodes, each of which reads the present and
the past alone. Its shapes are those of one step, which brings the frames of one
decision; what a node reads of earlier steps is its *history*. Nothing is padded
in time: in training a stretch of sound begins as many frames earlier as all
histories together reach (``NetworkConfig.input_frames``).
"""

import dataclasses
import enum
import math
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from bifsmn_tf.network.config import FRONT_STRIDE
from bifsmn_tf.network.config import NetworkConfig

CLASSIFIER = "classifier"
"""The name of the last node."""

LARGEST_LEVEL = 3
"""Activations of two bits are -3, -1, 1 and 3, when they are multiplied;
``kLargestLevel`` of custom_ops/kernels/levels.h."""

FEATURES = "features"
"""What the first node reads: normalised log-mel, (time, mels)."""


class Kind(enum.Enum):
    """The kinds of layers, by how they connect inputs to outputs."""

    FIRST_CONVOLUTION = "first convolution"
    """A convolution of the features, with weights of at least 8 bits."""

    CONVOLUTION = "convolution"
    """A convolution over time and frequency."""

    PROJECTION = "projection"
    """A dense layer over all bands of a frame."""

    MEMORY = "memory"
    """A depthwise filter over time (Eq. 3)."""

    POINTWISE = "pointwise"
    """A dense layer over the channels of a frame (Eq. 4)."""

    CLASSIFIER = "classifier"
    """A dense layer over all frames."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One layer with weights: its place in the network and its shapes.

    Attributes:
        name: The name, unique in the network, such as ``"block3/expand"``.
        kind: How it connects inputs to outputs.
        site: The name that precision is set by, one of ``SITES``, or None for
            the first convolution and the classifier.
        bits: The bits of its activations as deployed: 1, 2, 8 or 32.
        weight_bits: The bits of its weights as deployed: 1, 8 or 32.
        reads: The name of the node whose result it reads, or ``FEATURES``.
        adds_to: The name of the node whose result is added to its own, or
            None.
        shares_input: The name of an earlier node whose quantized input it
            takes over instead of quantizing itself, or None.
        depths: The δ that run through it, ascending.
        variants: The number of its norms, slopes and thresholds: one for each
            depth in a block, one for all depths elsewhere.
        input_shape: The shape of what it reads, (frames, bands, channels).
        output_shape: The shape of its result, without a batch.
        kernel_size: The positions of its kernel in time and in frequency.
        strides: Its steps in time and in frequency.
        norm: Whether a BatchNorm follows.
        initial_scale: BatchNorm's initial scale.
        block: The number of its block from 1; 0 outside of the blocks.
        history: The frames of its input that a streaming network keeps from
            earlier steps; None in a network of clips, which pads.
    """

    name: str
    kind: Kind
    site: str | None
    bits: int
    weight_bits: int
    reads: str
    adds_to: str | None
    shares_input: str | None
    depths: tuple[int, ...]
    variants: int
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, ...]
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    norm: bool = True
    initial_scale: float = 1.0
    block: int = 0
    history: int | None = None

    @property
    def streaming(self) -> bool:
        """Whether it is of a network that reads a stream."""
        return self.history is not None

    @property
    def outputs(self) -> int:
        """The number of its output channels."""
        return self.output_shape[-1]

    @property
    def terms(self) -> int:
        """The number of products in one of its sums."""
        positions = math.prod(self.kernel_size)
        if self.kind is Kind.MEMORY:
            return positions
        return positions * self.input_shape[-1]

    @property
    def largest_dot(self) -> int:
        """The largest of its sums, of activations of one or two bits."""
        return self.terms * (LARGEST_LEVEL if self.bits == 2 else 1)

    @property
    def weights(self) -> int:
        """The number of elements of its kernel."""
        return self.terms * self.outputs

    @property
    def macs(self) -> int:
        """Its multiply-accumulates for one clip, those with padding too."""
        return math.prod(self.output_shape) * self.terms

    @property
    def joins_bands(self) -> bool:
        """Whether it reads all bands of a frame at once."""
        return self.kind is Kind.PROJECTION

    @property
    def writes_residual(self) -> bool:
        """Whether its result is the residual stream."""
        return self.kind is Kind.PROJECTION or self.adds_to is not None

    def variant(self, delta: int) -> int:
        """Returns which of its norms, slopes and thresholds a depth uses.

        The deltas are powers of two, so that the depths that run through a
        block are always the first ones.

        Args:
            delta: One of ``depths``.
        """
        return self.depths.index(delta) if self.variants > 1 else 0


def nodes(config: NetworkConfig, delta: int | None = None) -> tuple[Node, ...]:
    """Returns the nodes of a network in the order of execution.

    Args:
        config: The network's settings.
        delta: The depth whose nodes are wanted, connected as they are at this
            depth; None for all nodes, connected as at the deepest one.

    Raises:
        ValueError: The network does not have this δ.
    """
    if delta is None:
        depth = min(config.deltas)
    elif delta in config.deltas:
        depth = delta
    else:
        raise ValueError(
            f"this network has no delta {delta}: one of {list(config.deltas)}"
        )
    ordered = list(_front(config))
    for number in range(depth, config.blocks + 1, depth):
        ordered += _block(config, number, ordered[-1].name)
    ordered.append(_classifier(config, ordered[-1].name))
    return tuple(ordered)


def readers(ordered: Sequence[Node], node: Node) -> list[Node]:
    """Returns the nodes that read a node's result, in order."""
    return [other for other in ordered if other.reads == node.name]


@dataclasses.dataclass(frozen=True)
class Operation:
    """One op of a deployed depth: a node, and what reads the op's result.

    Attributes:
        name: The name of the op: the node's; with a number from 2 where the
            node's result is quantized in more than one way.
        node: What it computes.
        follower: The node whose quantized input the op gives, or None if
            nothing quantizes the result.
        readers: The nodes that read the op's result in that form.
    """

    name: str
    node: Node
    follower: Node | None
    readers: tuple[Node, ...]


def operations(config: NetworkConfig, delta: int) -> Iterator[Operation]:
    """Yields the ops of a deployed depth, in the order of the file.

    A layer's op gives what the next one reads, bits or integers: it ends with
    the follower's quantization. What two nodes quantize apart is computed
    twice.

    Args:
        config: The network's settings.
        delta: One of its depths.
    """
    ordered = nodes(config, delta)
    for node in ordered:
        behind = readers(ordered, node)
        forms: list[list[Node]] = []
        for reader in behind:
            for form in forms:
                if reader.shares_input == form[0].name:
                    form.append(reader)
                    break
            else:
                forms.append([reader])
        for number, form in enumerate(forms or [[]], 1):
            first = form[0] if form else None
            quantizes = first is not None and first.kind is not Kind.CLASSIFIER
            yield Operation(
                node.name if number == 1 else f"{node.name}_{number}",
                node,
                first if quantizes else None,
                tuple(form),
            )


def _front(config: NetworkConfig) -> Iterator[Node]:
    kernel = (config.front_kernel, config.front_kernel)
    strides = (FRONT_STRIDE, FRONT_STRIDE)
    frames = config.step_frames if config.streaming else config.frames
    half = (_half(frames), _half(config.mels))
    first = Node(
        name="conv1",
        kind=Kind.FIRST_CONVOLUTION,
        site=None,
        bits=8 if config.binary else 32,
        weight_bits=8 if config.binary else 32,
        reads=FEATURES,
        adds_to=None,
        shares_input=None,
        depths=config.deltas,
        variants=1,
        input_shape=(frames, config.mels, 1),
        output_shape=(*half, config.front_channels),
        kernel_size=kernel,
        strides=strides,
        history=_history(config, config.front_kernel - FRONT_STRIDE),
    )
    quarter = (_half(half[0]), _half(half[1]))
    second = dataclasses.replace(
        first,
        name="conv2",
        kind=Kind.CONVOLUTION,
        **_precision(config, "conv2"),
        reads=first.name,
        input_shape=(*half, config.front_channels),
        output_shape=(*quarter, config.second_channels),
    )
    projection = dataclasses.replace(
        first,
        name="projection",
        kind=Kind.PROJECTION,
        **_precision(config, "projection"),
        reads=second.name,
        input_shape=(*quarter, config.second_channels),
        output_shape=(quarter[0], config.memory_size),
        kernel_size=(1, quarter[1]),
        strides=(1, 1),
        norm=config.projection_norm,
        history=_history(config, 0),
    )
    yield from (first, second, projection)
    if config.front_skip:
        yield dataclasses.replace(
            projection,
            name="front_skip",
            reads=first.name,
            adds_to=projection.name,
            # What is there costs nothing.
            shares_input=second.name
            if second.bits == projection.bits
            else None,
            input_shape=(*half, config.front_channels),
            kernel_size=(1, half[1]),
            strides=(FRONT_STRIDE, 1),
        )


def _block(config: NetworkConfig, number: int, reads: str) -> Iterator[Node]:
    depths = tuple(config.deltas[i] for i in config.variants(number))
    frames = 1 if config.streaming else config.memory_frames
    residual = (frames, config.memory_size)
    memory = Node(
        name=f"block{number}/memory",
        kind=Kind.MEMORY,
        **_precision(config, "memory"),
        reads=reads,
        adds_to=reads,
        shares_input=None,
        depths=depths,
        variants=len(depths),
        input_shape=(frames, 1, config.memory_size),
        output_shape=residual,
        kernel_size=(config.taps, 1),
        strides=(1, 1),
        initial_scale=config.residual_scale,
        block=number,
        history=_history(config, config.look_back * config.stride_back),
    )
    expand = dataclasses.replace(
        memory,
        name=f"block{number}/expand",
        kind=Kind.POINTWISE,
        **_precision(config, "expand"),
        reads=memory.name,
        adds_to=None,
        output_shape=(frames, config.hidden_size),
        kernel_size=(1, 1),
        initial_scale=1.0,
        history=_history(config, 0),
    )
    shrink = dataclasses.replace(
        expand,
        name=f"block{number}/shrink",
        **_precision(config, "shrink"),
        reads=expand.name,
        adds_to=memory.name,
        input_shape=(frames, 1, config.hidden_size),
        output_shape=residual,
        initial_scale=config.residual_scale,
    )
    yield from (memory, expand, shrink)


def _classifier(config: NetworkConfig, reads: str) -> Node:
    return Node(
        name=CLASSIFIER,
        kind=Kind.CLASSIFIER,
        site=None,
        bits=32,
        weight_bits=8 if config.binary else 32,
        reads=reads,
        adds_to=None,
        shares_input=None,
        depths=config.deltas,
        variants=1,
        input_shape=(
            1 if config.streaming else config.memory_frames,
            1,
            config.memory_size,
        ),
        output_shape=(config.classes,),
        kernel_size=(config.memory_frames, 1),
        strides=(1, 1),
        norm=False,
        history=_history(config, config.memory_frames - 1),
    )


def _history(config: NetworkConfig, frames: int) -> int | None:
    return frames if config.streaming else None


def _precision(config: NetworkConfig, site: str) -> dict[str, Any]:
    return {
        "site": site,
        "bits": config.bits(site),
        "weight_bits": config.weight_bits(site),
    }


def _half(size: int) -> int:
    """Returns the outputs of stride 2 with TensorFlow's "same" padding."""
    return -(-size // FRONT_STRIDE)
