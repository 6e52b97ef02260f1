"""What a network costs: parameters, bytes and operations, layer by layer.

Everything is counted from the configuration, for one clip, without
TensorFlow. A thinnable network has one set of weights for all its depths and
norms, slopes and thresholds for each, so that every figure exists for a depth
and for the whole file.

XNOR-Net's K is in the multiply-accumulates in full: one for each input that a
mean over channels reads, one for each position of the box filter behind it, and
one for multiplying each output.

The FLOPs of the paper's tables are reproduced by :meth:`Summary.paper_flops`.
They are those of a batch of 128 clips, and count

* a multiply-accumulate as 1, also with zero padding, and every bias as one
  more; the classifier's, and the projection's, which has none, are left out;
* in a one-bit layer 1/64 of that, and 1 for scaling each output (Eq. 2), none
  where weights have no scale (BNN, RAD), 2 with XNOR-Net's K, whose own
  computation is left out;
* 2 for each element that a BatchNorm sees; PReLU and skips count nothing.

Activations of two bits count every binary multiply-accumulate twice, and three
thresholds for each channel. Those in two scales have no op; their bytes are
what deploying them would take at least, with the second scale in 16 bits.
"""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Sequence

from bifsmn_tf.network.architectures import UNSCALED_KERNELS
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node
from bifsmn_tf.network.topology import nodes
from bifsmn_tf.network.topology import readers

PAPER_BATCH = 128
"""Clips that the paper's FLOPs are of."""

BINARY_SPEEDUP = 64
"""Multiply-accumulates of one bit that the paper counts as one."""


@dataclasses.dataclass(frozen=True)
class LayerSummary:
    """One layer with its BatchNorm, PReLU and thresholds, for one clip.

    Attributes:
        name: as in the network, ``"block3/expand"``.
        output_shape: without the batch.
        bits: of a weight: 1, 8 or 32.
        depths: the δ that run through the layer.
        variants: sets of norms, slopes and thresholds that it has.
        weights: elements of the kernel.
        biases: floats beside the kernel that all depths share.
        floats: trained floats of one variant.
        statistics: BatchNorm's moving means and variances of one variant.
        shared_bytes: of constants, unpacked, for all depths.
        depth_bytes: of constants, unpacked, for each depth.
        macs: multiply-accumulates, those with padding too.
        paper_norm: the paper's network has a BatchNorm here.
        scalings: factors that each output of a one-bit layer is multiplied
            with: the weights' scale, XNOR-Net's K.
        scale_macs: multiply-accumulates in float of XNOR-Net's K.
    """

    name: str
    output_shape: tuple[int, ...]
    bits: int
    depths: tuple[int, ...]
    variants: int
    weights: int
    biases: int
    floats: int
    statistics: int
    shared_bytes: int
    depth_bytes: int
    macs: int
    paper_norm: bool = True
    scalings: int = 1
    scale_macs: int = 0

    @property
    def file_bytes(self) -> int:
        """Of constants, unpacked, all depths together."""
        return self.shared_bytes + len(self.depths) * self.depth_bytes

    def paper_operations(self) -> float:
        """Operations of one clip, counted as the paper does."""
        elements = math.prod(self.output_shape)
        operations = float(self.macs)
        if self.paper_norm:
            operations += elements
        if self.bits == 1:
            operations /= BINARY_SPEEDUP
            operations += self.scalings * elements
        if self.paper_norm:
            operations += 2 * elements
        return operations


@dataclasses.dataclass(frozen=True)
class Totals:
    """Sums over the layers, of one depth or of the whole file.

    Attributes:
        one_bit: weights of one bit.
        eight_bit: weights of eight bits.
        floats: trained floats: other weights, biases, norms, slopes and
            thresholds.
        statistics: BatchNorm's moving means and variances.
        bytes: of constants, unpacked.
        binary_macs: multiply-accumulates of one-bit layers; ``None`` for a
            file.
        other_macs: multiply-accumulates in 8 bits or float; ``None`` for a
            file.
    """

    one_bit: int
    eight_bit: int
    floats: int
    statistics: int
    bytes: int
    binary_macs: int | None = None
    other_macs: int | None = None

    @property
    def parameters(self) -> int:
        """Everything that is trained."""
        return self.one_bit + self.eight_bit + self.floats

    @property
    def one_bit_share(self) -> float:
        """Which share of the parameters has one bit, in [0, 1]."""
        return self.one_bit / self.parameters


@dataclasses.dataclass(frozen=True)
class Summary:
    """A network's layers, in order.

    Attributes:
        config: of the network.
        layers: what has weights, from the features to the logits.
    """

    config: NetworkConfig
    layers: tuple[LayerSummary, ...]

    def at(self, delta: int) -> Totals:
        """What one of the depths needs and computes for one clip.

        Raises:
            ValueError: the network does not have this δ.
        """
        layers = self._running(delta)
        return Totals(
            **_weights(layers),
            floats=_floats(layers, lambda layer: 1),
            statistics=sum(layer.statistics for layer in layers),
            bytes=sum(x.shared_bytes + x.depth_bytes for x in layers),
            binary_macs=sum(x.macs for x in layers if x.bits == 1),
            other_macs=sum(
                x.scale_macs + (x.macs if x.bits != 1 else 0) for x in layers
            ),
        )

    def file(self) -> Totals:
        """What all depths together need."""
        return Totals(
            **_weights(self.layers),
            floats=_floats(self.layers, lambda layer: layer.variants),
            statistics=sum(x.variants * x.statistics for x in self.layers),
            bytes=sum(x.file_bytes for x in self.layers),
        )

    def paper_flops(self, delta: int) -> float:
        """FLOPs of a batch of 128 clips, counted as the paper does."""
        return PAPER_BATCH * sum(
            layer.paper_operations() for layer in self._running(delta)
        )

    def _running(self, delta: int) -> list[LayerSummary]:
        if delta not in self.config.deltas:
            raise ValueError(
                f"this network has no delta {delta}: "
                f"one of {list(self.config.deltas)}"
            )
        return [layer for layer in self.layers if delta in layer.depths]


def _weights(layers: Sequence[LayerSummary]) -> dict[str, int]:
    return {
        "one_bit": sum(x.weights for x in layers if x.bits == 1),
        "eight_bit": sum(x.weights for x in layers if x.bits == 8),
    }


def _floats(
    layers: Sequence[LayerSummary], variants: Callable[[LayerSummary], int]
) -> int:
    return sum(
        (x.weights if x.bits == 32 else 0) + x.biases + variants(x) * x.floats
        for x in layers
    )


def summarise(config: NetworkConfig) -> Summary:
    """Counts what the network of a configuration costs.

    Bytes are those of the constants as the default kernels take them: bits in
    16-bit words, folded norms and thresholds in 16 bits (the first
    convolution's in 32), a classifier of 8. In a file the norms and thresholds
    are packed, which makes some 30 % less of them, depending on their values,
    and equal constants are stored once. Sites of more than a bit have weights
    of 8 or 32 bits, and a scale, an offset, a slope and a threshold of 32 for
    each output.

    Args:
        config: The network's settings.
    """
    ordered = nodes(config)
    layers = []
    for node in ordered:
        if node.kind is Kind.CLASSIFIER:
            layers.append(_classifier(config, node))
        else:
            layers.append(_layer(config, node, readers(ordered, node)))
    return Summary(config, tuple(layers))


_FLOAT_EPILOGUE = 4 * 4
"""Bytes of a channel's scale, offset, slope and threshold."""


def _words(channels: int) -> int:
    """Returns the bytes of the bits of one pixel, in 16-bit words."""
    return 2 * math.ceil(channels / 16)


def _classifier(config: NetworkConfig, node: Node) -> LayerSummary:
    # Of bytes with a scale and a bias of each class, or all floats.
    size = (
        (node.terms + 8) * node.outputs
        if config.binary
        else 4 * (node.terms + 1) * node.outputs
    )
    return LayerSummary(
        node.name,
        node.output_shape,
        bits=node.weight_bits,
        depths=node.depths,
        variants=1,
        weights=node.weights,
        biases=node.outputs,
        floats=0,
        statistics=0,
        shared_bytes=size,
        depth_bytes=0,
        macs=node.macs,
        paper_norm=False,
    )


def _layer(
    config: NetworkConfig, node: Node, behind: Sequence[Node]
) -> LayerSummary:
    """Counts a layer.

    Args:
        config: The network's settings.
        node: The layer.
        behind: The nodes that read its result, and have thresholds on it.
    """
    channels = node.outputs
    signs = 0
    if node.kind is not Kind.FIRST_CONVOLUTION and not node.shares_input:
        signs = node.input_shape[-1]
    dual = config.dual_activations and node.bits == 1
    sign_floats = windows = 0
    if node.bits <= 2:
        # Each sign has thresholds and a gradient's window.
        if signs:
            sign_floats = signs * config.thresholds + config.learned_window
            sign_floats *= 3 if node.bits == 2 else 1
            sign_floats = 2 * sign_floats + 1 if dual else sign_floats
        windows = int(config.learned_window and node.weight_bits == 1)
    slopes = channels if config.prelu == "channel" else 1
    ranges = int(node.bits == 8 and signs > 0)
    scaled_inputs = config.input_scale and node.bits == 1
    scale_macs = 0
    if scaled_inputs:
        # Layers that read the same signs share their K.
        scale_macs = math.prod(node.output_shape)
        scale_macs += _input_scale_macs(node) if signs else 0
    shared, each = _bytes(config, node, behind)
    return LayerSummary(
        name=node.name,
        output_shape=node.output_shape,
        bits=node.weight_bits,
        depths=node.depths,
        variants=node.variants,
        weights=node.weights,
        biases=ranges + windows if config.binary else channels,
        floats=slopes + sign_floats + (2 * channels if node.norm else 0),
        statistics=2 * channels if node.norm else 0,
        shared_bytes=shared,
        depth_bytes=each,
        macs=node.macs * (2 if dual or node.bits == 2 else 1),
        paper_norm=node.kind is not Kind.PROJECTION,
        scalings=(config.kernel_quantizer not in UNSCALED_KERNELS)
        + scaled_inputs,
        scale_macs=scale_macs,
    )


def _bytes(
    config: NetworkConfig, node: Node, behind: Sequence[Node]
) -> tuple[int, int]:
    """Returns a layer's constants for all depths, and for each depth."""
    channels = node.outputs
    if not config.binary:
        # Norms are folded into weights and bias, apart for each depth.
        slopes = channels if config.prelu == "channel" else 1
        folded = 4 * (node.weights + channels + slopes)
        return (0, folded) if node.block else (folded, 0)
    # Between the values of two bits lie three thresholds.
    two_bits = bool(behind) and behind[0].bits == 2
    thresholds = 3 if two_bits or config.dual_activations else 1
    if node.kind is Kind.FIRST_CONVOLUTION:
        each = _FLOAT_EPILOGUE if config.bits("conv2") == 8 else 4 * thresholds
        return node.weights + each * channels, 0
    if node.weight_bits > 1:
        own = _FLOAT_EPILOGUE * channels
        shared = node.weights * node.weight_bits // 8
        return (shared, own) if node.block else (shared + own, 0)
    positions = math.prod(node.kernel_size)
    kernel = positions * _words(node.input_shape[-1])
    if node.kind is not Kind.MEMORY:
        kernel *= channels
    # Thresholds of bits; or scale, offset, slope and the next thresholds.
    rows = 3 + thresholds if node.writes_residual else thresholds
    own = 2 * rows * channels
    # The thresholds of the first block are other ones at each depth.
    apart = node.block > 0 or (
        node.writes_residual and behind and config.thresholds
    )
    scale = 2 if config.dual_activations else 0
    if node.block:
        return kernel, own + scale
    return (kernel + scale, own) if apart else (kernel + own + scale, 0)


def _input_scale_macs(node: Node) -> int:
    """Returns the multiply-accumulates of XNOR-Net's K itself."""
    positions = math.prod(node.kernel_size)
    if node.kind is Kind.MEMORY:
        return math.prod(node.output_shape) * positions
    frames, bands, channels = node.input_shape
    if node.kind is Kind.CONVOLUTION:
        box = math.prod(node.output_shape[:-1]) * positions
        return frames * bands * channels + box
    return node.output_shape[0] * bands * channels
