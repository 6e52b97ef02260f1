"""Convolutions of features and of 8-bit values, and of bits to bits."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.fixed_point import quantized
from bifsmn_tf.model_file.ops.fixed_point import saturated
from bifsmn_tf.model_file.ops.geometry import Convolution
from bifsmn_tf.model_file.ops.levels import THRESHOLDS
from bifsmn_tf.model_file.ops.levels import activations_spec
from bifsmn_tf.model_file.ops.levels import pack_activations
from bifsmn_tf.model_file.ops.levels import threshold_rows
from bifsmn_tf.model_file.ops.op import MAX_BINARY_TERMS
from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Shape
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.ops.op import activation_bits
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import unpack_activations
from bifsmn_tf.model_file.packing import unpack_bits
from bifsmn_tf.model_file.packing import words_for
from bifsmn_tf.network.topology import LARGEST_LEVEL

MAX_QUANTIZED_TERMS = 131071
"""Most int8 products in one sum: the sum fits 32 bits."""


@dataclasses.dataclass(frozen=True)
class _FeatureConvolution(Convolution):
    """A convolution of numbers; its channels are those of its weights."""

    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_bottom: int = 0
    pad_left: int = 0
    pad_right: int = 0

    def _bits_spec(self, features: Shape, weights: Shape) -> TensorSpec:
        """Signs of a convolution over features, with or without channels."""
        if len(features) == 3:
            features = (*features, 1)
        self.check(
            len(features) == 4 and len(weights) == 4,
            f"features {features} or weights {weights} have a wrong rank",
        )
        self.check(
            features[3] == weights[3],
            f"features of {features[3]} channels, weights of {weights[3]}",
        )
        size = self.output_size(features[1:3], weights[1:3])
        shape = (features[0], *size, words_for(weights[0]))
        return TensorSpec(shape, np.dtype(np.int16))

    def _quantized_bits_spec(
        self, features: Shape, weights: Shape
    ) -> TensorSpec:
        """As ``_bits_spec``, of sums of integers."""
        self.check(
            1 <= math.prod(weights[1:]) <= MAX_QUANTIZED_TERMS,
            f"a sum has 1 to {MAX_QUANTIZED_TERMS} terms, these weights are "
            f"{weights}",
        )
        return self._bits_spec(features, weights)

    def _store_scale(self, name: str) -> None:
        """Rounds a scale to what the file holds: finite, positive, float32."""
        with np.errstate(over="ignore"):
            stored = float(np.float32(getattr(self, name)))
        self.check(
            math.isfinite(stored) and stored > 0,
            f"{name} has to be finite and positive in float32, got "
            f"{getattr(self, name)}",
        )
        object.__setattr__(self, name, stored)


def _with_channels(features: npt.NDArray) -> npt.NDArray:
    return features[..., np.newaxis] if features.ndim == 3 else features


@dataclasses.dataclass(frozen=True)
class FeatureConv2D(_FeatureConvolution):
    """First convolution, in 8-bit integers, whose result is signs.

    ``q = clamp(round_half_even(x * inverse_scale), -128, 127)``, a NaN being 0;
    a bit is ``sum of q * w < threshold``. With ``activation_bits`` 2 there are
    three thresholds and twice as many words (``pack_levels``).

    Inputs: features float32 ``[N, H, W, C]`` or ``[N, H, W]`` (one channel);
    weights int8 ``[O, KH, KW, C]``; thresholds int32 ``[O]`` or ``[3, O]``.
    Output: bits int16 ``[N, OH, OW, ceil(O/16)]``.
    """

    NAME = "BifsmnQuantConv2D"
    INPUTS = ("features", "weights", "thresholds")
    OUTPUTS = ("bits",)

    inverse_scale: float = 1.0
    activation_bits: int = activation_bits()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store_scale("inverse_scale")
        self.check_activation_bits(self.activation_bits)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the bits; see ``Op.output_specs``."""
        features, weights = self.required(inputs, 2)
        spec = self._quantized_bits_spec(features.shape, weights.shape)
        return [activations_spec(spec.shape, self.activation_bits)]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the bits; see ``Op.reference``."""
        features, weights, thresholds = self.required(inputs, 3)
        self.output_specs(features, weights)
        values = quantized(_with_channels(features), self.inverse_scale, 8)
        rows = threshold_rows(thresholds, self.activation_bits)
        sums = self.sums(values, weights)
        return (pack_activations([sums < row for row in rows]),)


_RESULTS: dict[int, type] = {8: np.int8, 16: np.int16, 32: np.float32}


@dataclasses.dataclass(frozen=True)
class Int8Conv2D(_FeatureConvolution):
    """Convolution in 8-bit integers, for what one bit costs too much.

    With ``q`` as in ``FeatureConv2D`` of features, or the values themselves::

        u = (sum of q * w) * scale + offset
        v = u >= 0 ? u : u * slope
        r = round_half_even(v * output_inverse_scale), a NaN being 0

    The result is ``r``, clamped to 8 bits; or of 16 bits, ``residual + r``,
    both clamped; or of 32 bits the float ``residual + v``. A bit is
    ``!(v >= threshold)`` of the first form, ``!(result >= threshold)`` of
    the others.

    Inputs: values int8 ``[N, H, W, C]`` or features float32 ``[N, H, W, C]`` or
    ``[N, H, W]`` (one channel); weights int8 ``[O, KH, KW, C]`` in [-127, 127];
    parameters float32 ``[4, O]``, scale, offset, slope, threshold; residual of
    the result's type, which may be absent; 8 bits have none. Outputs: result
    ``[N, OH, OW, O]``; bits int16 ``[N, OH, OW, ceil(O/16)]``, which may be
    left out. With ``activation_bits`` 2 the parameters are ``[6, O]``, three
    thresholds, and the bits twice as many words.
    """

    NAME = "BifsmnInt8Conv2D"
    INPUTS = ("values", "weights", "parameters", "residual?")
    OUTPUTS = ("result", "bits?")

    inverse_scale: float = 1.0
    output_bits: int = 8
    output_inverse_scale: float = 1.0
    activation_bits: int = activation_bits()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_activation_bits(self.activation_bits)
        self._store_scale("inverse_scale")
        self._store_scale("output_inverse_scale")
        self.check(
            self.output_bits in _RESULTS,
            f"output_bits has to be 8, 16 or 32, got {self.output_bits}",
        )

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the specs of result and bits; see ``Op.output_specs``."""
        values, weights, parameters = self.required(inputs, 3)
        bits = self._quantized_bits_spec(values.shape, weights.shape)
        shape = (*bits.shape[:-1], weights.shape[0])
        rows = 3 + THRESHOLDS[self.activation_bits]
        self.check(
            parameters.shape == (rows, shape[-1]),
            f"parameters {parameters.shape} are not {(rows, shape[-1])}",
        )
        dtype: np.dtype = np.dtype(_RESULTS[self.output_bits])
        residual = inputs[3] if len(inputs) > 3 else None
        if residual is not None:
            self.check(self.output_bits > 8, "8 bits have no residual")
            self.check(
                (residual.shape, residual.dtype) == (shape, dtype),
                f"the residual it adds to is not {shape} of {dtype}",
            )
        return [
            TensorSpec(shape, dtype),
            activations_spec(bits.shape, self.activation_bits),
        ]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes result and bits; see ``Op.reference``."""
        values, weights, parameters = self.required(inputs, 3)
        residual = inputs[3] if len(inputs) > 3 else None
        self.output_specs(*inputs)
        self.check(
            not np.any(weights == -128),
            "weights have a -128, beyond [-127, 127]",
        )
        values = _with_channels(values)
        if values.dtype != np.int8:
            values = quantized(values, self.inverse_scale, 8)
        scale, offset, slope, *thresholds = parameters
        with np.errstate(over="ignore", invalid="ignore"):
            u = self.sums(values, weights).astype(np.float32) * scale + offset
            v = np.where(u >= 0, u, u * slope)
            result: npt.NDArray
            if self.output_bits == 32:
                result = v if residual is None else residual + v
                compared = result
            else:
                result = quantized(
                    v, self.output_inverse_scale, self.output_bits
                )
                if residual is not None:
                    result = saturated(residual.astype(np.int32) + result)
                compared = v if self.output_bits == 8 else result
            bits = pack_activations([~(compared >= t) for t in thresholds])
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
        """Returns the spec of the bits; see ``Op.output_specs``."""
        features, weights = self.required(inputs, 2)
        return [self._bits_spec(features.shape, weights.shape)]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the bits; see ``Op.reference``."""
        features, weights, thresholds = self.required(inputs, 3)
        self.output_specs(features, weights)
        features = _with_channels(features)
        outputs, rows, columns, channels = weights.shape
        height, width = self.output_size(features.shape[1:3], (rows, columns))
        padded = self.padded(features)
        sums = np.zeros((len(features), height, width, outputs), np.float32)
        for row, column, c in np.ndindex(rows, columns, channels):
            seen = padded[:, row:, column:, c, np.newaxis]
            seen = seen[:, :: self.stride_h, :: self.stride_w]
            sums += seen[:, :height, :width] * weights[:, row, column, c]
        return (pack_bits(np.where(sums >= thresholds, 1, -1)),)


@dataclasses.dataclass(frozen=True)
class BinaryConvolution(Convolution):
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
        self.check(self.in_channels >= 1, f"in_channels is {self.in_channels}")

    def output_shape(self, bits: Shape, weights: Shape) -> Shape:
        """Returns the shape of the sums, ``[N, OH, OW, O]``.

        Raises:
            ValueError: The shapes do not fit each other or the attributes.
        """
        self.check(
            len(bits) == 4 and len(weights) == 4,
            f"bits {bits} or weights {weights} are not of rank 4",
        )
        words = words_for(self.in_channels)
        self.check(
            bits[3] in (words, 2 * words) and weights[3] == words,
            f"{self.in_channels} channels are {words} words, twice as many of "
            f"two bits; bits are {bits} and weights {weights}",
        )
        largest = self.largest_sum(bits, weights)
        self.check(
            1 <= largest <= MAX_BINARY_TERMS,
            f"a sum is at most {MAX_BINARY_TERMS}, of these weights {largest}",
        )
        return (
            bits[0],
            *self.output_size(bits[1:3], weights[1:3]),
            weights[0],
        )

    def largest_sum(self, bits: Shape, weights: Shape) -> int:
        """Returns the largest sum of products with so many words of bits."""
        terms = weights[1] * weights[2] * self.in_channels
        two = bits[3] == 2 * words_for(self.in_channels)
        return terms * (LARGEST_LEVEL if two else 1)

    def dots(
        self, bits: npt.NDArray, weights: npt.NDArray
    ) -> npt.NDArray[np.int32]:
        """Computes the sums of products, ``[N, OH, OW, O]``."""
        return self.sums(
            unpack_activations(bits, self.in_channels),
            unpack_bits(weights, self.in_channels),
        )


@dataclasses.dataclass(frozen=True)
class Conv2D(BinaryConvolution):
    """Binary convolution whose result is signs: bits to bits.

    A bit is ``(dot < threshold) XOR flip``, with
    ``dot = valid products - 2 * disagreements among them``. BatchNorm, its
    scaling factors (Eq. 2) and a PReLU of positive slope fold into the
    threshold and the flip. A pointwise layer (Eq. 4) is a kernel of 1x1.
    Activations of two bits (``pack_levels``) have twice as many words, as
    input, and with ``activation_bits`` 2 as output, by three thresholds.

    Inputs: bits int16 ``[N, H, W, ceil(C/16)]``; weights int16
    ``[O, KH, KW, ceil(C/16)]``; thresholds int16 ``[O]`` or ``[3, O]``, each
    ``2 * threshold + flip``, or packed (``pack_integers``) int8. Output: bits
    int16 ``[N, OH, OW, ceil(O/16)]``.
    """

    NAME = "BifsmnConv2D"
    INPUTS = ("bits", "weights", "thresholds")
    OUTPUTS = ("bits",)

    activation_bits: int = activation_bits()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_activation_bits(self.activation_bits)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the bits; see ``Op.output_specs``."""
        bits, weights = self.required(inputs, 2)
        *pixels, outputs = self.output_shape(bits.shape, weights.shape)
        shape = (*pixels, words_for(outputs))
        return [activations_spec(shape, self.activation_bits)]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the bits; see ``Op.reference``."""
        bits, weights, thresholds = self.required(inputs, 3)
        *_, outputs = self.output_shape(bits.shape, weights.shape)
        rows = threshold_rows(thresholds, self.activation_bits, outputs)
        dots = self.dots(bits, weights)
        return (
            pack_activations([(dots < row >> 1) != (row & 1) for row in rows]),
        )

    @staticmethod
    def encode_thresholds(
        thresholds: npt.NDArray, flips: npt.NDArray
    ) -> npt.NDArray[np.int16]:
        """Returns the input ``thresholds`` of integers and bool flips."""
        return (2 * thresholds + flips).astype(np.int16)
