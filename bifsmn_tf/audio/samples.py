"""What samples are: floats in [-1, 1] or integers of 16 bits.

What takes sound from a user takes it in either form, and checks it here.
"""

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError

Int16Array = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]

LOWEST_RATE = 1000
"""Below this rate in Hz there is no speech in a recording."""

HIGHEST_RATE = 768_000
"""Above this rate in Hz there is no hardware."""


def to_int16(waveform: npt.NDArray[np.floating]) -> Int16Array:
    """Rounds samples in [-1, 1] to 16 bits; what lies beyond is clipped."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def to_float(waveform: Int16Array) -> FloatArray:
    """Returns 16-bit samples as float32 in [-1, 1)."""
    return waveform.astype(np.float32) * np.float32(1 / 32768)


def checked(samples: npt.ArrayLike) -> FloatArray:
    """Returns samples of any shape as float32.

    Args:
        samples: float in [-1, 1] or int16.

    Raises:
        UserError: They have another type or are not all finite.
    """
    values = np.asarray(samples)
    if values.dtype == np.int16:
        return to_float(values)
    if not np.issubdtype(values.dtype, np.floating):
        raise UserError(
            f"samples are float in [-1, 1] or int16, not {values.dtype}"
        )
    if not np.all(np.isfinite(values)):
        raise UserError("there are samples that are not finite")
    return values.astype(np.float32)


def mono(waveform: npt.ArrayLike) -> FloatArray:
    """Returns a waveform as float32 (samples,): the mean of its channels.

    Args:
        waveform: float in [-1, 1] or int16, (samples,) or
            (samples, channels).

    Raises:
        UserError: It is empty, not finite, or of another shape or type.
    """
    samples = checked(waveform)
    if samples.ndim not in (1, 2) or not samples.size:
        raise UserError(
            "a waveform is (samples,) or (samples, channels), not "
            f"{samples.shape}"
        )
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def check_rate(rate: float) -> None:
    """Checks a sample rate in Hz.

    Raises:
        UserError: No recording of speech has such a rate.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UserError(
            f"a sample rate of {rate:g} Hz is not from {LOWEST_RATE:,} to "
            f"{HIGHEST_RATE:,}"
        )
