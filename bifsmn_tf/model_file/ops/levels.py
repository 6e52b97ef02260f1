"""Activations of one bit or two, as ops give them.

A value lies below some of its thresholds: of one, that is a bit; of three, the
number of them in two bits, which stand for the levels 3, 1, -1 and -3.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.op import Shape
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_levels
from bifsmn_tf.model_file.packing import unpack_integers

THRESHOLDS = {1: 1, 2: 3}
"""How many thresholds a channel has, by the bits of its activations."""


def activations_spec(shape: Shape, bits: int) -> TensorSpec:
    """Returns the spec of activations.

    Args:
        shape: what they are of one bit, ``[..., words]``.
        bits: how many they are of, 1 or 2.
    """
    return TensorSpec((*shape[:-1], bits * shape[-1]), np.dtype(np.int16))


def threshold_rows(
    thresholds: npt.NDArray, bits: int, channels: int | None = None
) -> npt.NDArray:
    """Returns thresholds as ``[1, channels]`` or ``[3, channels]``.

    Args:
        thresholds: integers ``[channels]`` or ``[3, channels]``, or packed.
        bits: of the activations that they part.
        channels: how many there are, where thresholds may be packed.

    Raises:
        ValueError: They are not as many.
    """
    rows = THRESHOLDS[bits]
    if channels is not None and thresholds.dtype == np.int8:
        return unpack_integers(thresholds, rows, channels)
    if thresholds.ndim != bits or np.atleast_2d(thresholds).shape[0] != rows:
        raise ValueError(
            f"thresholds {thresholds.shape} are not those of {bits} bits"
        )
    return np.atleast_2d(thresholds)


def pack_activations(below: Sequence[npt.NDArray]) -> npt.NDArray[np.int16]:
    """Packs activations of one bit or two.

    Args:
        below: bool ``[..., channels]`` for each threshold, one or three:
            whether a value is below it.
    """
    signs = [np.where(passed, -1, 1) for passed in below]
    if len(signs) == 1:
        return pack_bits(signs[0])
    return pack_levels(np.sum(signs, axis=0))
