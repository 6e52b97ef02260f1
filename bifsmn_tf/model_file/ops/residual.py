"""From a sum of bits to the residual: scale, slope, addition, sign.

The residual runs through all blocks of a network. Its convolutions and memory
blocks add to it, and hand its signs on to the next layer. What becomes of their
sums, the epilogue, is the same for both.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.conv import BinaryConvolution
from bifsmn_tf.model_file.ops.fixed_point import multiply_high
from bifsmn_tf.model_file.ops.fixed_point import saturated
from bifsmn_tf.model_file.ops.levels import THRESHOLDS
from bifsmn_tf.model_file.ops.levels import activations_spec
from bifsmn_tf.model_file.ops.levels import pack_activations
from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import Shape
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.ops.op import activation_bits
from bifsmn_tf.model_file.packing import unpack_integers
from bifsmn_tf.model_file.packing import words_for

_FACTORS = 3
"""Rows of parameters before the thresholds: scale, offset, slope."""


@dataclasses.dataclass(frozen=True)
class Conv2DAdd(BinaryConvolution):
    """Binary convolution into the residual: bits to numbers (and bits).

    The type of ``parameters`` tells what the residual is: float32, or int16,
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

    Inputs: bits and weights as in ``Conv2D``; parameters float32 or int16 ``[4,
    O]``, scale, offset, slope, threshold, or the latter packed; residual of the
    result's type ``[N, OH, OW, O]``, which may be absent. Outputs: the residual
    ``y``, which the contract calls stream, ``[N, OH, OW, O]``; bits int16
    ``[N, OH, OW, ceil(O/16)]``, which may be left out. With
    ``activation_bits`` 2 the parameters are ``[6, O]``, three thresholds, and
    the bits twice as many words.
    """

    NAME = "BifsmnConv2DAdd"
    INPUTS = ("bits", "weights", "parameters", "residual?")
    OUTPUTS = ("stream", "bits?")

    shift: int = 0
    activation_bits: int = activation_bits()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_activation_bits(self.activation_bits)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the specs of residual and bits; see ``Op.output_specs``."""
        bits, weights, parameters = self.required(inputs, 3)
        shape = self.output_shape(bits.shape, weights.shape)
        residual = inputs[3] if len(inputs) > 3 else None
        return residual_specs(
            self, shape, parameters, residual, self.activation_bits
        )

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes residual and bits; see ``Op.reference``."""
        bits, weights, parameters = self.required(inputs, 3)
        residual = inputs[3] if len(inputs) > 3 else None
        self.output_specs(*inputs)
        parameters = unpacked(
            parameters, weights.shape[0], self.activation_bits
        )
        largest = self.largest_sum(bits.shape, weights.shape)
        check_shift(self, self.shift, parameters, largest)
        dots = self.dots(bits, weights)
        return residual_epilogue(dots, parameters, self.shift, residual)


def residual_specs(
    op: Op,
    shape: Shape,
    parameters: HasSpec,
    residual: HasSpec | None,
    bits: int,
) -> list[TensorSpec]:
    """Returns the specs of what an op gives: the residual, and its signs.

    Args:
        op: which the errors name.
        shape: of its sums, ``[..., channels]``.
        parameters: its input of that name, whose type is the residual's.
        residual: what it adds to, or None.
        bits: of the activations that it gives, 1 or 2.

    Raises:
        ValueError: The parameters or the residual do not fit the shape.
    """
    dtype = np.dtype(parameters.dtype)
    is_packed = dtype == np.int8 and len(parameters.shape) == 1
    if is_packed:
        dtype = np.dtype(np.int16)
    expected = (_FACTORS + THRESHOLDS[bits], shape[-1])
    op.check(
        is_packed
        or parameters.shape == expected
        and dtype in (np.float32, np.int16),
        f"parameters {parameters.shape} of {dtype} are not "
        f"{expected} of float32 or int16, nor packed",
    )
    op.check(
        residual is None or (residual.shape, residual.dtype) == (shape, dtype),
        f"the residual it adds to is not {shape} of {dtype}",
    )
    return [
        TensorSpec(shape, dtype),
        activations_spec((*shape[:-1], words_for(shape[-1])), bits),
    ]


def unpacked(parameters: npt.NDArray, channels: int, bits: int) -> npt.NDArray:
    """Returns parameters of an epilogue, packed or not, as ``[4, channels]``.

    Of activations of two bits they are ``[6, channels]``.

    Raises:
        ValueError: They are packed, but not of so many channels.
    """
    if parameters.dtype != np.int8:
        return parameters
    return unpack_integers(parameters, _FACTORS + THRESHOLDS[bits], channels)


def check_shift(
    op: Op, shift: int, parameters: npt.NDArray, largest: int
) -> None:
    """Checks that the epilogue in integers never leaves 16 bits.

    Args:
        op: which the errors name.
        shift: its attribute of that name.
        parameters: float32 or int16 ``[4, channels]`` or ``[6, channels]``.
        largest: of the sums.

    Raises:
        ValueError: Shifted sums do not fit 16 bits, a factor is -32768, or a
            float residual has a shift.
    """
    if parameters.dtype == np.int16:
        op.check(
            shift >= 0 and largest << shift <= 32767,
            f"sums of up to {largest}, shifted by {shift}, do not fit 16 bits",
        )
        op.check(-32768 not in parameters[[0, 2]], "a scale or slope is -32768")
    else:
        op.check(shift == 0, f"a float residual has shift 0, not {shift}")


def residual_epilogue(
    dots: npt.NDArray,
    parameters: npt.NDArray,
    shift: int,
    residual: npt.NDArray | None,
) -> tuple[npt.NDArray, npt.NDArray[np.int16]]:
    """Computes what becomes of sums in the residual; see ``Conv2DAdd``.

    Args:
        dots: integers ``[..., channels]``.
        parameters: float32 or int16 ``[4, channels]`` or ``[6, channels]``.
        shift: of sums, where the parameters are integers.
        residual: what the result is added to, or None.

    Returns:
        The residual, of the parameters' type, and its packed activations.
    """
    scale, offset, slope, *thresholds = parameters
    if parameters.dtype == np.int16:
        u = saturated(multiply_high(dots << shift, scale) + offset)
        y = saturated(u + multiply_high(np.minimum(u, 0), slope))
        if residual is not None:
            y = saturated(residual.astype(np.int32) + y)
        return y.astype(np.int16), pack_activations([y < t for t in thresholds])
    with np.errstate(over="ignore", invalid="ignore"):
        u = dots.astype(np.float32) * scale + offset
        y = np.where(u >= 0, u, u * slope)
        if residual is not None:
            y = residual + y
        bits = pack_activations([~(y >= t) for t in thresholds])
    return y, bits
