"""The custom ops of a converted network, described for Python.

One dataclass an op: its name in the model file, its attributes in the order in
which they are stored, the shapes of its outputs, and a NumPy reference that the
native kernels equal bit for bit. ``custom_ops/README.md`` is the definition;
the native library reports the same names and attributes through
``bifsmn_contract``, and a test holds the two against each other. Nothing here
needs TensorFlow.

    op = Conv2D(in_channels=64)
    op.custom_options()                   # bytes of the operator in the file
    op.output_specs(x, w)                 # [((1, 32, 1, 8), int16)]
    bits, = op.reference(x, w, thresholds)
"""

import abc
import dataclasses
import math
import struct
from collections.abc import Sequence
from typing import ClassVar
from typing import NamedTuple
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import unpack_bits
from bifsmn_tf.model_file.packing import unpack_integers
from bifsmn_tf.model_file.packing import words_for

CONTRACT_VERSION = 3
"""First word of every op's attributes."""

MAX_BINARY_TERMS = 16382
"""Most +-1 products in one sum: twice its threshold and a flip fit 16 bits."""

MAX_QUANTIZED_TERMS = 131071
"""Most int8 products in one sum: the sum fits 32 bits."""

MAX_DENSE_WEIGHTS = 65535
"""Largest sum of an output's absolute int8 weights in ``Dense``: its sums with
16-bit values fit 32 bits."""

Shape = tuple[int, ...]


class TensorSpec(NamedTuple):
    """Shape and element type of a tensor."""

    shape: Shape
    dtype: np.dtype


class HasSpec(Protocol):
    """An array, a :class:`TensorSpec`, or a tensor of a model in the making."""

    @property
    def shape(self) -> Shape:
        """Its sizes."""

    @property
    def dtype(self) -> np.dtype:
        """Its type."""


class Op(abc.ABC):
    """A custom op: a frozen dataclass of its attributes, in file order."""

    NAME: ClassVar[str]
    """Custom code in the model file."""

    VERSION: ClassVar[int] = 1
    """Version of the op in the model file's table of operator codes."""

    INPUTS: ClassVar[tuple[str, ...]]
    """What each input is; a name with a question mark may be absent."""

    OUTPUTS: ClassVar[tuple[str, ...]]
    """What each output is; a name with a question mark may be left out."""

    @classmethod
    def attributes(cls) -> list[tuple[str, str]]:
        """Returns names and types, ``int32`` or ``float32``, in order."""
        kinds: dict[object, str] = {int: "int32", float: "float32"}
        return [
            ("version", "int32"),
            *((field.name, kinds[field.type]) for field in _fields(cls)),
        ]

    @classmethod
    def _layout(cls) -> struct.Struct:
        codes = {"int32": "i", "float32": "f"}
        return struct.Struct(
            "<" + "".join(codes[k] for _, k in cls.attributes())
        )

    def custom_options(self) -> bytes:
        """Returns the attributes as little-endian 32-bit words."""
        values = (getattr(self, field.name) for field in _fields(type(self)))
        return self._layout().pack(CONTRACT_VERSION, *values)

    @classmethod
    def from_custom_options(cls, options: bytes) -> "Op":
        """Reads the attributes back from the bytes of a model file.

        Raises:
          ValueError: if they have another length or contract version, or a
            value that the op does not allow.
        """
        layout = cls._layout()
        if len(options) != layout.size:
            raise ValueError(
                f"{cls.NAME}: attributes are {layout.size} bytes, got "
                f"{len(options)}"
            )
        version, *values = layout.unpack(options)
        if version != CONTRACT_VERSION:
            raise ValueError(
                f"{cls.NAME}: contract version {version} is not "
                f"{CONTRACT_VERSION}"
            )
        return cls(*values)

    @abc.abstractmethod
    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns what every output is, for such inputs.

        Raises:
          ValueError: if the inputs do not fit each other or the attributes.
        """

    @abc.abstractmethod
    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes every output with NumPy, bit for bit as the kernels do.

        Raises:
          ValueError: if the inputs do not fit each other or the attributes.
        """

    def _check(self, condition: bool, message: str) -> None:
        if not condition:
            raise ValueError(f"{self.NAME}: {message}")


def _fields(cls: type[Op]) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(cls)  # type: ignore[arg-type]


class _Convolution(Op):
    """What the convolutions share: strides, padding and output size."""

    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int

    def __post_init__(self) -> None:
        self._check(
            self.stride_h >= 1 and self.stride_w >= 1,
            f"strides have to be positive, got {self.stride_h} and "
            f"{self.stride_w}",
        )
        self._check(
            min(self._padding) >= 0, f"negative padding {self._padding}"
        )

    @property
    def _padding(self) -> tuple[int, int, int, int]:
        return (self.pad_top, self.pad_bottom, self.pad_left, self.pad_right)

    def _output_size(self, input_size: Sequence[int], kernel: Sequence[int]):
        self._check(
            max(self.pad_top, self.pad_bottom) < kernel[0]
            and max(self.pad_left, self.pad_right) < kernel[1],
            f"padding {self._padding} has to be smaller than the kernel "
            f"{tuple(kernel)}",
        )
        height = input_size[0] + self.pad_top + self.pad_bottom
        width = input_size[1] + self.pad_left + self.pad_right
        self._check(
            height >= kernel[0] and width >= kernel[1],
            f"kernel {tuple(kernel)} exceeds the padded input "
            f"{(height, width)}",
        )
        return (
            (height - kernel[0]) // self.stride_h + 1,
            (width - kernel[1]) // self.stride_w + 1,
        )

    def _sums(self, pixels: npt.NDArray, weights: npt.NDArray) -> npt.NDArray:
        """Sums of products in int32; a padded position contributes 0.

        float64 holds every partial sum exactly.
        """
        top, bottom, left, right = self._padding
        padded = np.pad(
            pixels.astype(np.float64),
            ((0, 0), (top, bottom), (left, right), (0, 0)),
        )
        rows, columns = weights.shape[1:3]
        windows = sliding_window_view(padded, rows, axis=1)
        windows = sliding_window_view(windows, columns, axis=2)
        sums = np.einsum(
            "nyxchw,ohwc->nyxo",
            windows[:, :: self.stride_h, :: self.stride_w],
            weights.astype(np.float64),
            optimize=True,
        )
        return sums.astype(np.int32)


@dataclasses.dataclass(frozen=True)
class _FeatureConvolution(_Convolution):
    """A convolution of numbers; its channels are those of its weights."""

    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_bottom: int = 0
    pad_left: int = 0
    pad_right: int = 0

    def _feature_specs(self, features: Shape, weights: Shape):
        """Signs of a convolution over features, with or without channels."""
        if len(features) == 3:
            features = (*features, 1)
        self._check(
            len(features) == 4 and len(weights) == 4,
            f"features {features} or weights {weights} have a wrong rank",
        )
        self._check(
            features[3] == weights[3],
            f"features of {features[3]} channels, weights of {weights[3]}",
        )
        size = self._output_size(features[1:3], weights[1:3])
        shape = (features[0], *size, words_for(weights[0]))
        return [TensorSpec(shape, np.dtype(np.int16))]

    def _stored_scale(self, name: str) -> float:
        """A scale as the file has it: finite, positive, of 32 bits."""
        with np.errstate(over="ignore"):
            stored = float(np.float32(getattr(self, name)))
        self._check(
            math.isfinite(stored) and stored > 0,
            f"{name} has to be finite and positive in float32, got "
            f"{getattr(self, name)}",
        )
        return stored

    def _quantized_specs(self, features: Shape, weights: Shape):
        """As ``_feature_specs``, of sums in integers."""
        self._check(
            1 <= math.prod(weights[1:]) <= MAX_QUANTIZED_TERMS,
            f"a sum has 1 to {MAX_QUANTIZED_TERMS} terms, these weights are "
            f"{weights}",
        )
        return self._feature_specs(features, weights)


@dataclasses.dataclass(frozen=True)
class QuantConv2D(_FeatureConvolution):
    """First convolution, in 8-bit integers, whose result is signs.

    ``q = clamp(round_half_even(x * inverse_scale), -128, 127)``, a NaN being 0;
    a bit is ``sum of q * w < threshold``.

    Inputs: features float32 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel);
    weights int8 ``[O, KH, KW, C]``; thresholds int32 ``[O]``.
    Output: bits int16 ``[N, OH, OW, ceil(O/16)]``.
    """

    NAME = "BifsmnQuantConv2D"
    INPUTS = ("features", "weights", "thresholds")
    OUTPUTS = ("bits",)

    inverse_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        scale = self._stored_scale("inverse_scale")
        object.__setattr__(self, "inverse_scale", scale)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        return self._quantized_specs(*_required_shapes(self, inputs, 2))

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``."""
        features, weights, thresholds = _required(self, inputs, 3)
        self.output_specs(features, weights)
        if features.ndim == 3:
            features = features[..., np.newaxis]
        quantized = _rounded(features, self.inverse_scale, 8)
        below = self._sums(quantized, weights) < thresholds
        return (pack_bits(np.where(below, -1, 1)),)


_RESULTS: dict[int, type] = {8: np.int8, 16: np.int16, 32: np.float32}


@dataclasses.dataclass(frozen=True)
class Int8Conv2D(_FeatureConvolution):
    """Convolution in 8-bit integers, for what one bit costs too much.

    With ``q`` as in ``QuantConv2D`` of features, or the values themselves::

        u = (sum of q * w) * scale + offset
        v = u >= 0 ? u : u * slope
        r = round_half_even(v * output_inverse_scale), a NaN being 0

    The result is ``r``, clamped to 8 bits; or of 16 bits, ``residual + r``,
    both clamped; or of 32 bits the float ``residual + v``. A bit is
    ``!(v >= threshold)`` of the first form, ``!(result >= threshold)`` of
    others.

    Inputs: values int8 ``[N, H, W, C]`` or features float32 ``[N, H, W, C]`` or
    ``[N, H, W]`` (one channel); weights int8 ``[O, KH, KW, C]`` in [-127, 127];
    parameters float32 ``[4, O]``, scale, offset, slope, threshold; residual of
    the result's type, which may be absent; 8 bits have none. Outputs: result
    ``[N, OH, OW, O]``; bits int16 ``[N, OH, OW, ceil(O/16)]``, which may be
    left out.
    """

    NAME = "BifsmnInt8Conv2D"
    INPUTS = ("values", "weights", "parameters", "residual?")
    OUTPUTS = ("result", "bits?")

    inverse_scale: float = 1.0
    output_bits: int = 8
    output_inverse_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("inverse_scale", "output_inverse_scale"):
            object.__setattr__(self, name, self._stored_scale(name))
        self._check(
            self.output_bits in _RESULTS,
            f"output_bits has to be 8, 16 or 32, got {self.output_bits}",
        )

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        values, weights, parameters = _required(self, inputs, 3)
        (bits,) = self._quantized_specs(values.shape, weights.shape)
        shape = (*bits.shape[:-1], weights.shape[0])
        self._check(
            parameters.shape == (4, shape[-1]),
            f"parameters {parameters.shape} are not {(4, shape[-1])}",
        )
        dtype: np.dtype = np.dtype(_RESULTS[self.output_bits])
        residual = inputs[3] if len(inputs) > 3 else None
        if residual is not None:
            self._check(self.output_bits > 8, "8 bits have no residual")
            self._check(
                (residual.shape, residual.dtype) == (shape, dtype),
                f"the stream it adds to is not {shape} of {dtype}",
            )
        return [TensorSpec(shape, dtype), bits]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``; the bits are always computed."""
        values, weights, parameters = _required(self, inputs, 3)
        residual = inputs[3] if len(inputs) > 3 else None
        self.output_specs(*inputs)
        self._check(
            not np.any(weights == -128),
            "weights have a -128, beyond [-127, 127]",
        )
        if values.ndim == 3:
            values = values[..., np.newaxis]
        if values.dtype != np.int8:
            values = _rounded(values, self.inverse_scale, 8)
        scale, offset, slope, threshold = parameters
        with np.errstate(over="ignore", invalid="ignore"):
            u = self._sums(values, weights).astype(np.float32) * scale + offset
            v = np.where(u >= 0, u, u * slope)
            if self.output_bits == 32:
                result = v if residual is None else residual + v
                compared = result
            else:
                result = _rounded(
                    v, self.output_inverse_scale, self.output_bits
                )
                if residual is not None:
                    result = _saturated(residual.astype(np.int32) + result)
                compared = v if self.output_bits == 8 else result
            bits = pack_bits(np.where(compared >= threshold, 1, -1))
        return result.astype(_RESULTS[self.output_bits]), bits


@dataclasses.dataclass(frozen=True)
class FloatConv2D(_FeatureConvolution):
    """First convolution, in floats, whose result is signs.

    A bit is ``!(sum of x * w >= threshold)``. Products are added from 0 in the
    order of the weights; each operation rounds to float32 on its own.

    Inputs: features float32 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel);
    weights float32 ``[O, KH, KW, C]``; thresholds float32 ``[O]``.
    Output: bits int16 ``[N, OH, OW, ceil(O/16)]``.
    """

    NAME = "BifsmnFloatConv2D"
    INPUTS = ("features", "weights", "thresholds")
    OUTPUTS = ("bits",)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        features, weights = _required_shapes(self, inputs, 2)
        return self._feature_specs(features, weights)

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``."""
        features, weights, thresholds = _required(self, inputs, 3)
        self.output_specs(features, weights)
        if features.ndim == 3:
            features = features[..., np.newaxis]
        _, rows, columns, channels = weights.shape
        height, width = self._output_size(features.shape[1:3], (rows, columns))
        top, bottom, left, right = self._padding
        padded = np.pad(
            features, ((0, 0), (top, bottom), (left, right), (0, 0))
        )
        sums = np.zeros(
            (features.shape[0], height, width, weights.shape[0]), np.float32
        )
        for row, column, c in np.ndindex(rows, columns, channels):
            seen = padded[:, row:, column:, c, np.newaxis]
            seen = seen[:, :: self.stride_h, :: self.stride_w]
            sums += seen[:, :height, :width] * weights[:, row, column, c]
        return (pack_bits(np.where(sums >= thresholds, 1, -1)),)


@dataclasses.dataclass(frozen=True)
class _BinaryConvolution(_Convolution):
    """A convolution of bits, whose channels are not those of the words."""

    in_channels: int
    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_bottom: int = 0
    pad_left: int = 0
    pad_right: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check(self.in_channels >= 1, f"in_channels is {self.in_channels}")

    def _pixels(self, bits: Shape, weights: Shape) -> Shape:
        """Shape of the result, one element an output channel."""
        self._check(
            len(bits) == 4 and len(weights) == 4,
            f"bits {bits} or weights {weights} are not of rank 4",
        )
        words = words_for(self.in_channels)
        self._check(
            bits[3] == words and weights[3] == words,
            f"{self.in_channels} channels are {words} words, bits are {bits} "
            f"and weights {weights}",
        )
        terms = weights[1] * weights[2] * self.in_channels
        self._check(
            1 <= terms <= MAX_BINARY_TERMS,
            f"a sum has 1 to {MAX_BINARY_TERMS} terms, these weights have "
            f"{terms}",
        )
        return (
            bits[0],
            *self._output_size(bits[1:3], weights[1:3]),
            weights[0],
        )

    def _dots(self, bits: npt.NDArray, weights: npt.NDArray) -> npt.NDArray:
        return self._sums(
            unpack_bits(bits, self.in_channels),
            unpack_bits(weights, self.in_channels),
        )


@dataclasses.dataclass(frozen=True)
class Conv2D(_BinaryConvolution):
    """Binary convolution whose result is signs: bits to bits.

    A bit is ``(dot < threshold) XOR flip``, with
    ``dot = valid products - 2 * disagreements among them``. BatchNorm, its
    scaling factors (Eq. 2) and a PReLU of positive slope fold into the
    threshold and the flip. A pointwise layer (Eq. 4) is a kernel of 1x1.

    Inputs: bits int16 ``[N, H, W, ceil(C/16)]``; weights int16
    ``[O, KH, KW, ceil(C/16)]``; thresholds int16 ``[O]``, each
    ``2 * threshold + flip``, or packed (``pack_integers``) int8. Output: bits
    int16 ``[N, OH, OW, ceil(O/16)]``.
    """

    NAME = "BifsmnConv2D"
    INPUTS = ("bits", "weights", "thresholds")
    OUTPUTS = ("bits",)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        bits, weights = _required_shapes(self, inputs, 2)
        *pixels, outputs = self._pixels(bits, weights)
        shape = (*pixels, words_for(outputs))
        return [TensorSpec(shape, np.dtype(np.int16))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``."""
        bits, weights, thresholds = _required(self, inputs, 3)
        *_, outputs = self._pixels(bits.shape, weights.shape)
        if thresholds.dtype == np.int8:
            (thresholds,) = unpack_integers(thresholds, 1, outputs)
        below = self._dots(bits, weights) < thresholds >> 1
        return (pack_bits(np.where(below != (thresholds & 1), -1, 1)),)

    @staticmethod
    def encode_thresholds(
        thresholds: npt.NDArray, flips: npt.NDArray
    ) -> npt.NDArray[np.int16]:
        """The input ``thresholds`` of integers and bool flips ``[O]``."""
        return (2 * thresholds + flips).astype(np.int16)


@dataclasses.dataclass(frozen=True)
class Conv2DAdd(_BinaryConvolution):
    """Binary convolution into the stream: bits to numbers (and bits).

    The type of ``parameters`` tells what the stream is: float32, or int16,
    whose parameters may be packed (``pack_integers``) and of int8 then. Of
    float32, every operation rounds on its own, and ``shift`` is 0::

        u = dot * scale + offset
        v = u >= 0 ? u : u * slope
        y = residual + v
        bit = !(y >= threshold)

    Of int16, with ``mulhrs(a, b) = (a * b + 2^14) >> 15``, every sum is clamped
    to 16 bits, and ``slope`` is the slope less 1::

        u = mulhrs(dot << shift, scale) + offset
        v = u + mulhrs(min(u, 0), slope)
        y = residual + v
        bit = y < threshold

    Inputs: bits and weights as ``Conv2D``; parameters float32 or int16 ``[4,
    O]``, scale, offset, slope, threshold, or the latter packed; residual of the
    stream's type ``[N, OH, OW, O]``, which may be absent. Outputs: stream
    ``[N, OH, OW, O]``; bits int16 ``[N, OH, OW, ceil(O/16)]``, which may be
    left out.
    """

    NAME = "BifsmnConv2DAdd"
    INPUTS = ("bits", "weights", "parameters", "residual?")
    OUTPUTS = ("stream", "bits?")

    shift: int = 0

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        bits, weights, parameters = _required(self, inputs, 3)
        shape = self._pixels(bits.shape, weights.shape)
        residual = inputs[3] if len(inputs) > 3 else None
        return _stream_specs(self, shape, parameters, residual)

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``; the bits are always computed."""
        bits, weights, parameters = _required(self, inputs, 3)
        residual = inputs[3] if len(inputs) > 3 else None
        self.output_specs(*inputs)
        terms = weights.shape[1] * weights.shape[2] * self.in_channels
        parameters = _unpacked(parameters, weights.shape[0])
        _check_shift(self, parameters, terms)
        return stream_reference(
            self._dots(bits, weights), parameters, self.shift, residual
        )


@dataclasses.dataclass(frozen=True)
class Memory(Op):
    """Memory block, a depthwise sum over time (Eq. 3).

    Tap ``i`` in ``0 .. look_back`` looks at ``t - (look_back - i) *
    stride_back``, tap ``look_back + j``, ``j`` in ``1 .. look_ahead``, at ``t +
    j * stride_ahead``. Taps outside the sequence contribute 0. The epilogue is
    ``Conv2DAdd``'s, with the stream as residual.

    Inputs: bits int16 ``[N, T, 1, ceil(C/16)]``; stream ``[N, T, 1, C]``;
    weights int16 ``[look_back + 1 + look_ahead, ceil(C/16)]``; parameters ``[4,
    C]`` or packed.
    Outputs: stream ``[N, T, 1, C]``; bits int16 ``[N, T, 1, ceil(C/16)]``,
    which may be left out.
    """

    NAME = "BifsmnMemory"
    INPUTS = (
        "bits",
        "stream",
        "weights",
        "parameters",
    )
    OUTPUTS = ("stream", "bits?")

    channels: int
    look_back: int
    look_ahead: int
    stride_back: int = 1
    stride_ahead: int = 1
    shift: int = 0

    def __post_init__(self) -> None:
        self._check(self.channels >= 1, f"channels is {self.channels}")
        self._check(
            self.look_back >= 0 and self.look_ahead >= 0,
            f"negative orders {self.look_back} and {self.look_ahead}",
        )
        self._check(
            self.stride_back >= 1 and self.stride_ahead >= 1,
            f"strides have to be positive, got {self.stride_back} and "
            f"{self.stride_ahead}",
        )
        self._check(
            self.taps <= MAX_BINARY_TERMS,
            f"a sum has at most {MAX_BINARY_TERMS} terms, not {self.taps}",
        )

    @property
    def taps(self) -> int:
        """Terms of one sum: ``look_back + 1 + look_ahead``."""
        return self.look_back + 1 + self.look_ahead

    @property
    def tap_offsets(self) -> list[int]:
        """Where each tap looks, in time steps from the present one."""
        back = range(-self.look_back, 1)
        ahead = range(1, self.look_ahead + 1)
        return [i * self.stride_back for i in back] + [
            j * self.stride_ahead for j in ahead
        ]

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        bits, stream, weights, parameters = _required(self, inputs, 4)
        words = words_for(self.channels)
        self._check(
            len(bits.shape) == 4 and bits.shape[2:] == (1, words),
            f"bits {bits.shape} are not [N, T, 1, {words}]",
        )
        self._check(
            weights.shape == (self.taps, words),
            f"weights {weights.shape} are not {(self.taps, words)}",
        )
        shape = (*bits.shape[:3], self.channels)
        return _stream_specs(self, shape, parameters, stream)

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``; the bits are always computed."""
        bits, stream, weights, parameters = _required(self, inputs, 4)
        self.output_specs(*inputs)
        parameters = _unpacked(parameters, self.channels)
        _check_shift(self, parameters, self.taps)
        signs = unpack_bits(bits, self.channels, np.int32)
        taps = unpack_bits(weights, self.channels, np.int32)
        steps = signs.shape[1]
        dots = np.zeros_like(signs)
        for tap, offset in zip(taps, self.tap_offsets, strict=True):
            first, last = max(0, -offset), min(steps, steps - offset)
            if first < last:
                seen = signs[:, first + offset : last + offset]
                dots[:, first:last] += tap * seen
        return stream_reference(dots, parameters, self.shift, stream)


@dataclasses.dataclass(frozen=True)
class Dense(Op):
    """The classifier: ``logit = (sum of x * w) * scale + bias``.

    A stream of int16 and weights of int8 give sums of exact integers; of any
    other types the sums are floats, whose order is not defined.

    Inputs: stream int16 or float32 ``[N, T, 1, C]``, taken as ``[N, T * C]``;
    weights int8, float16 or float32 ``[O, T * C]``, those of int8 also packed
    (``pack_integers``); scale_bias float32 ``[2, O]``. Output: logits float32
    ``[N, O]``.
    """

    NAME = "BifsmnDense"
    INPUTS = ("stream", "weights", "scale_bias")
    OUTPUTS = ("logits",)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        stream, weights, scale_bias = _required(self, inputs, 3)
        is_packed = weights.dtype == np.int8 and len(weights.shape) == 1
        self._check(
            len(stream.shape) == 4
            and (is_packed or len(weights.shape) == 2)
            and len(scale_bias.shape) == 2,
            f"stream {stream.shape}, weights {weights.shape} or scale and bias "
            f"{scale_bias.shape} have a wrong rank",
        )
        outputs = scale_bias.shape[1]
        wanted = (outputs, math.prod(stream.shape[1:]))
        self._check(
            is_packed or weights.shape == wanted,
            f"weights {weights.shape} do not fit the stream {stream.shape} and "
            f"{outputs} outputs",
        )
        shape = (stream.shape[0], outputs)
        return [TensorSpec(shape, np.dtype(np.float32))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """See ``Op.reference``."""
        stream, weights, scale_bias = _required(self, inputs, 3)
        self.output_specs(stream, weights, scale_bias)
        scale, bias = scale_bias
        values = stream.reshape(stream.shape[0], -1).astype(np.float64)
        if weights.ndim == 1:
            weights = unpack_integers(weights, len(bias), values.shape[1])
            self._check(
                np.array_equal(weights, weights.astype(np.int8)),
                "packed weights have more than 8 bits",
            )
            weights = weights.astype(np.int8)
        sums = values @ weights.astype(np.float64).T
        if weights.dtype == np.int8:
            largest = np.abs(weights.astype(np.int64)).sum(axis=1).max()
            self._check(
                largest <= MAX_DENSE_WEIGHTS,
                f"absolute weights sum up to {largest}, which is more than "
                f"{MAX_DENSE_WEIGHTS}",
            )
        return (sums.astype(np.float32) * scale + bias,)


OPS: tuple[type[Op], ...] = (
    QuantConv2D,
    FloatConv2D,
    Int8Conv2D,
    Conv2D,
    Conv2DAdd,
    Memory,
    Dense,
)
"""Every op, in the order in which the native library reports them."""


def _rounded(values: npt.NDArray, inverse_scale: float, bits: int):
    """Floats as integers of so many bits; a NaN is 0."""
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * np.float32(inverse_scale)
    scaled = np.nan_to_num(scaled, nan=0, posinf=most, neginf=least)
    return np.clip(np.rint(scaled), least, most).astype(np.int32)


def _required(op: Op, inputs: Sequence, count: int) -> list:
    """The first ``count`` inputs, none of which may be absent."""
    missing = [
        name
        for i, name in enumerate(op.INPUTS[:count])
        if i >= len(inputs) or inputs[i] is None
    ]
    if missing:
        raise ValueError(f"{op.NAME}: input {', '.join(missing)} is missing")
    return list(inputs[:count])


def _required_shapes(op: Op, inputs: Sequence, count: int) -> list[Shape]:
    return [x.shape for x in _required(op, inputs, count)]


def _check_shift(op: Conv2DAdd | Memory, parameters: npt.NDArray, terms: int):
    if parameters.dtype == np.int16:
        op._check(
            op.shift >= 0 and terms << op.shift <= 32767,
            f"sums of up to {terms}, shifted by {op.shift}, do not fit 16 bits",
        )
        op._check(
            -32768 not in parameters[[0, 2]], "a scale or slope is -32768"
        )
    else:
        op._check(op.shift == 0, f"a float stream has shift 0, not {op.shift}")


def _unpacked(parameters: npt.NDArray, channels: int) -> npt.NDArray:
    """Parameters of a stream, packed or not, as ``[4, channels]``."""
    if parameters.dtype != np.int8:
        return parameters
    return unpack_integers(parameters, 4, channels)


def _stream_specs(
    op: Op, shape: Shape, parameters: HasSpec, residual: HasSpec | None
) -> list[TensorSpec]:
    dtype = np.dtype(parameters.dtype)
    is_packed = dtype == np.int8 and len(parameters.shape) == 1
    if is_packed:
        dtype = np.dtype(np.int16)
    op._check(
        is_packed
        or parameters.shape == (4, shape[-1])
        and dtype in (np.float32, np.int16),
        f"parameters {parameters.shape} of {dtype} are not "
        f"{(4, shape[-1])} of float32 or int16, nor packed",
    )
    op._check(
        residual is None or (residual.shape, residual.dtype) == (shape, dtype),
        f"the stream it adds to is not {shape} of {dtype}",
    )
    return [
        TensorSpec(shape, dtype),
        TensorSpec((*shape[:-1], words_for(shape[-1])), np.dtype(np.int16)),
    ]


def multiply_high(a: npt.NDArray, b: npt.NDArray) -> npt.NDArray[np.int32]:
    """``(a * b + 2^14) >> 15``: products of 16-bit fractions, rounded."""
    return (a.astype(np.int32) * b.astype(np.int32) + (1 << 14)) >> 15


def stream_reference(
    dots: npt.NDArray,
    parameters: npt.NDArray,
    shift: int,
    residual: npt.NDArray | None,
) -> tuple[npt.NDArray, npt.NDArray]:
    """What becomes of sums in the stream; see ``Conv2DAdd``.

    Args:
      dots: integers ``[..., channels]``.
      parameters: float32 or int16 ``[4, channels]``.
      shift: of the integer stream.
      residual: what the result is added to, or None.

    Returns:
      The stream, of the parameters' type, and its packed signs.
    """
    scale, offset, slope, threshold = parameters
    if parameters.dtype == np.int16:
        u = _saturated(multiply_high(dots << shift, scale) + offset)
        y = _saturated(u + multiply_high(np.minimum(u, 0), slope))
        if residual is not None:
            y = _saturated(residual.astype(np.int32) + y)
        return y.astype(np.int16), pack_bits(np.where(y < threshold, -1, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        u = dots.astype(np.float32) * scale + offset
        y = np.where(u >= 0, u, u * slope)
        if residual is not None:
            y = residual + y
        bits = pack_bits(np.where(y >= threshold, 1, -1))
    return y, bits


def _saturated(values: npt.NDArray) -> npt.NDArray:
    return np.clip(values, -32768, 32767)
