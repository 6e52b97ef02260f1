"""What a network costs: parameters, bytes and operations, layer by layer.

    python -m bifsmn_tf.network.summary --architecture=bifsmn --classes=12
    python -m bifsmn_tf.network.summary --deltas=1 --binarizer=xnor

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

Activations of two bits in two scales count every binary multiply-accumulate
twice, and in bytes what deploying them would take at least: three thresholds
for the two bits and the second scale, in 16 bits.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import UNSCALED_KERNELS
from bifsmn_tf.network.config import NetworkConfig

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

    def __str__(self) -> str:
        return "\n\n".join([_layer_table(self), _total_table(self)])


def _weights(layers) -> dict[str, int]:
    return {
        "one_bit": sum(x.weights for x in layers if x.bits == 1),
        "eight_bit": sum(x.weights for x in layers if x.bits == 8),
    }


def _floats(layers, variants) -> int:
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
    """
    counter = _Counter(config)
    c = config.front_channels
    k = config.front_kernel
    frames, bands = config.memory_frames, config.front_bands
    half = (math.ceil(config.frames / 2), config.half_bands)
    front_outputs = config.second_channels
    layers = [counter.first("conv1", (*half, c), k * k, bases=1)]
    for number in range(1, 1 + 1):
        suffix = "" if number == 1 else f"_{number}"
        layers += [
            counter.to_bits(
                f"conv2{suffix}",
                (frames, bands, front_outputs),
                k * k,
                c,
                site="conv2",
                signs=c if number <= 1 else 0,
                scale_macs=math.prod(half) * c + frames * bands * k * k,
            ),
            counter.to_stream(
                f"projection{suffix}",
                (frames, config.memory_size),
                bands,
                front_outputs,
                site="projection",
                norm=config.projection_norm,
                paper_norm=False,
                last=number == 1 and not config.front_skip,
            ),
        ]
    if config.front_skip:
        shares = config.bits("conv2") == config.bits("projection")
        layers.append(
            counter.to_stream(
                "front_skip",
                (frames, config.memory_size),
                config.half_bands,
                c,
                site="projection",
                norm=config.projection_norm,
                paper_norm=False,
                # It shares those of the second convolution.
                signs=0 if shares else c,
            )
        )
    for number in range(1, config.blocks + 1):
        depths = tuple(config.deltas[i] for i in config.variants(number))
        if not depths:
            continue
        stream = (frames, config.memory_size)
        layers += [
            *(
                counter.memory(
                    f"block{number}/memory{'' if i == 1 else f'_{i}'}",
                    stream,
                    depths,
                )
                for i in range(1, 1 + 1)
            ),
            counter.to_bits(
                f"block{number}/expand",
                (frames, config.hidden_size),
                1,
                config.memory_size,
                depths,
                site="expand",
            ),
            counter.to_stream(
                f"block{number}/shrink",
                stream,
                1,
                config.hidden_size,
                depths,
                site="shrink",
            ),
        ]
    inputs = frames * config.memory_size
    # Of bytes with a scale and a bias of each class, or all floats.
    classifier_bytes = (
        (inputs + 8) * config.classes
        if config.binary
        else 4 * (inputs + 1) * config.classes
    )
    layers.append(
        LayerSummary(
            "classifier",
            (config.classes,),
            bits=8 if config.binary else 32,
            depths=config.deltas,
            variants=1,
            weights=inputs * config.classes,
            biases=config.classes,
            floats=0,
            statistics=0,
            shared_bytes=classifier_bytes,
            depth_bytes=0,
            macs=inputs * config.classes,
            paper_norm=False,
        )
    )
    return Summary(config, tuple(layers))


def _words(channels: int) -> int:
    """Bytes of the bits of one pixel, in 16-bit words."""
    return 2 * math.ceil(channels / 16)


# Bytes of a channel's scale, offset, slope and threshold.
_FLOAT_EPILOGUE = 4 * 4


class _Counter:
    """Layers of a configuration, by how they are deployed."""

    def __init__(self, config: NetworkConfig):
        self.config = config
        # Between the values of two bits lie three thresholds.
        self.thresholds = 3 if config.dual_activations else 1

    def first(self, name, shape, positions, bases) -> LayerSummary:
        """8-bit weights, integer thresholds, bits out: once for each basis."""
        channels = shape[-1]
        each = 4 * self.thresholds * bases
        if self.config.bits("conv2") == 8:
            each = _FLOAT_EPILOGUE
        return self._layer(
            name,
            shape,
            site=None,
            weights=positions * channels,
            fan_in=positions * bases,
            shared=(positions + each) * channels,
            signs=0,
        )

    def to_bits(
        self,
        name,
        shape,
        positions,
        channels,
        depths=(),
        *,
        site,
        signs=None,
        scale_macs=None,
    ):
        """Integer thresholds, bits out."""
        outputs = shape[-1]
        kernel = outputs * positions * _words(channels)
        own = 2 * self.thresholds * outputs
        return self._layer(
            name,
            shape,
            site=site,
            weights=outputs * positions * channels,
            fan_in=positions * channels,
            shared=kernel + (0 if depths else own),
            each=own if depths else 0,
            signs=channels if signs is None else signs,
            depths=depths,
            scale_macs=shape[0] * channels
            if scale_macs is None
            else scale_macs,
        )

    def to_stream(
        self,
        name,
        shape,
        positions,
        channels,
        depths=(),
        *,
        site,
        norm=True,
        paper_norm=True,
        last=True,
        signs=None,
    ):
        """Scale, offset, slope and the next layer's threshold.

        What is not the ``last`` of a sum has none of the latter.
        """
        outputs = shape[-1]
        kernel = outputs * positions * _words(channels)
        own = 2 * (3 + self.thresholds) * outputs
        # The next layer's threshold is another one at each depth.
        apart = bool(depths) or (last and self.config.thresholds)
        return self._layer(
            name,
            shape,
            site=site,
            weights=outputs * positions * channels,
            fan_in=positions * channels,
            shared=kernel + (0 if apart else own),
            each=own if apart else 0,
            signs=channels if signs is None else signs,
            depths=depths,
            norm=norm,
            paper_norm=paper_norm,
            scale_macs=shape[0] * positions * channels,
        )

    def memory(self, name, shape, depths) -> LayerSummary:
        """As :meth:`to_stream`, a weight per tap and channel."""
        channels = shape[-1]
        taps = self.config.taps
        return self._layer(
            name,
            shape,
            site="memory",
            weights=taps * channels,
            fan_in=taps,
            shared=taps * _words(channels),
            each=2 * (3 + self.thresholds) * channels,
            signs=channels,
            depths=depths,
            scale_macs=math.prod(shape) * taps,
        )

    def _layer(
        self,
        name,
        shape,
        site,
        weights,
        fan_in,
        shared,
        signs,
        each=0,
        depths=(),
        norm=True,
        paper_norm=True,
        scale_macs=0,
    ) -> LayerSummary:
        config = self.config
        channels = shape[-1]
        slopes = channels if config.prelu == "channel" else 1
        bits = config.bits(site) if site else 8
        sign_floats = windows = 0
        dual = config.dual_activations and bits == 1
        if bits == 1:
            # Each bit of an activation has thresholds and a gradient's window.
            if signs:
                sign_floats = signs * config.thresholds + config.learned_window
                sign_floats = 2 * sign_floats + 1 if dual else sign_floats
            if dual:
                each, shared = (
                    (each + 2, shared) if depths else (each, shared + 2)
                )
            windows = int(
                config.learned_window and config.weight_bits(site) == 1
            )
        ranges = 1 if bits == 8 and signs else 0
        scaled_weights = config.kernel_quantizer not in UNSCALED_KERNELS
        scaled_inputs = config.input_scale and site is not None and bits == 1
        if scaled_inputs:
            # Branches that read the same signs share their K.
            scale_macs = math.prod(shape) + (scale_macs if signs else 0)
        bits = config.weight_bits(site) if site else 8
        if site and bits > 1:
            own = _FLOAT_EPILOGUE * channels
            shared, each = (0, own) if depths else (own, 0)
            shared += weights * bits // 8
        if not config.binary:
            # Norms are folded into weights and bias, apart for each depth.
            bits = 32
            folded = 4 * (weights + channels + slopes)
            shared, each = (0, folded) if depths else (folded, 0)
        return LayerSummary(
            name=name,
            output_shape=shape,
            bits=bits,
            depths=depths or config.deltas,
            variants=len(depths) or 1,
            weights=weights,
            biases=ranges + windows if config.binary else channels,
            floats=slopes + sign_floats + (2 * channels if norm else 0),
            statistics=2 * channels if norm else 0,
            shared_bytes=shared,
            depth_bytes=each,
            macs=math.prod(shape) * fan_in * (2 if dual else 1),
            paper_norm=paper_norm,
            scalings=scaled_weights + scaled_inputs,
            scale_macs=scale_macs if scaled_inputs else 0,
        )


def _layer_table(summary: Summary) -> str:
    rows = [
        (
            "layer",
            "output",
            "δ",
            "bits",
            "weights",
            "floats",
            "bytes",
            "binary MACs",
            "other MACs",
        )
    ]
    for layer in summary.layers:
        binary = layer.bits == 1
        other_macs = layer.scale_macs + (0 if binary else layer.macs)
        rows.append(
            (
                layer.name,
                " x ".join(map(str, layer.output_shape)),
                ",".join(map(str, layer.depths)),
                str(layer.bits),
                f"{layer.weights:,}",
                f"{layer.biases + layer.variants * layer.floats:,}",
                f"{layer.file_bytes:,}",
                f"{layer.macs:,}" if binary else "",
                f"{other_macs:,}" if other_macs else "",
            )
        )
    return _aligned(rows, left=3)


def _total_table(summary: Summary) -> str:
    rows = [
        (
            "",
            "1-bit",
            "8-bit",
            "floats",
            "1-bit share",
            "bytes",
            "binary MACs",
            "other MACs",
            "paper's FLOPs",
        )
    ]
    columns = [
        (f"δ = {delta}", summary.at(delta), summary.paper_flops(delta))
        for delta in summary.config.deltas
    ]
    for name, totals, flops in [*columns, ("file", summary.file(), None)]:
        rows.append(
            (
                name,
                f"{totals.one_bit:,}",
                f"{totals.eight_bit:,}",
                f"{totals.floats:,}",
                f"{100 * totals.one_bit_share:.1f} %",
                f"{totals.bytes:,}",
                "" if totals.binary_macs is None else f"{totals.binary_macs:,}",
                "" if totals.other_macs is None else f"{totals.other_macs:,}",
                "" if flops is None else f"{flops / 1e6:.2f} M",
            )
        )
    note = (
        f"MACs are those of one clip, the paper's FLOPs those of "
        f"{PAPER_BATCH}; floats are trained ones, beside which BatchNorm keeps "
        f"{summary.file().statistics:,} of statistics."
    )
    return f"{_aligned(rows, left=1)}\n\n{note}"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Columns of text, the first ``left`` of them flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> None:
    """Prints what the flags ask for."""
    settings = flags.FLAGS
    make = ARCHITECTURES[settings.architecture]
    changes: dict[str, Any] = {}
    if settings.binarizer:
        changes.update(BINARIZERS[settings.binarizer])
    if settings.deltas:
        changes["deltas"] = tuple(map(int, settings.deltas))
    print(summarise(make(settings.classes, **changes)))


if __name__ == "__main__":
    flags.DEFINE_enum(
        "architecture", "bifsmn", list(ARCHITECTURES), "Which network."
    )
    flags.DEFINE_integer("classes", 12, "Of the classifier.", lower_bound=1)
    flags.DEFINE_enum(
        "binarizer",
        None,
        sorted(BINARIZERS),
        "One of those that the paper compares with.",
    )
    flags.DEFINE_list("deltas", None, "The depths δ, such as 1,2,4.")
    cli.run(main)
