"""Integer arithmetic that ops share: rounding, clamping, multiplying."""

import numpy as np
import numpy.typing as npt


def quantized(
    values: npt.NDArray, inverse_scale: float, bits: int
) -> npt.NDArray[np.int32]:
    """Returns floats as integers of ``bits`` bits.

    ``clamp(round_half_even(value * inverse_scale))``, with the product rounded
    to float32; a NaN becomes 0.
    """
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * np.float32(inverse_scale)
    scaled = np.nan_to_num(scaled, nan=0, posinf=most, neginf=least)
    return np.clip(np.rint(scaled), least, most).astype(np.int32)


def saturated(values: npt.NDArray) -> npt.NDArray:
    """Returns integers clamped to 16 bits, of the type they have."""
    return np.clip(values, -32768, 32767)


def multiply_high(a: npt.NDArray, b: npt.NDArray) -> npt.NDArray[np.int32]:
    """Returns ``(a * b + 2^14) >> 15``: products of 16-bit fractions."""
    return (a.astype(np.int32) * b.astype(np.int32) + (1 << 14)) >> 15
