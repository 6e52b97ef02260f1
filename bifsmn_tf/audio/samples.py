"""What samples are: floats in [-1, 1] or integers of 16 bits.

What takes sound from a user takes it in either form, and checks it here.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError

Int16Array = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]

LOWEST_RATE = 1000
"""Below this rate in Hz there is no speech in a recording."""

HIGHEST_RATE = 768_000
"""Above this rate in Hz there is no hardware."""


_BEYOND = 8.0
"""Of a float sample: 18 dB beyond full scale, as no recording is by chance."""


def to_int16(waveform: npt.NDArray[np.floating]) -> Int16Array:
    """Rounds samples in [-1, 1] to 16 bits; what lies beyond is clipped."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def to_float(waveform: Int16Array) -> FloatArray:
    """Returns 16-bit samples as float32 in [-1, 1)."""
    return waveform.astype(np.float32) * np.float32(1 / 32768)


def digest(sound: Int16Array | FloatArray) -> str:
    """Returns a hash that tells sounds of one form apart, for caches' keys."""
    contiguous = np.ascontiguousarray(sound)
    return hashlib.blake2b(contiguous.data, digest_size=16).hexdigest()


def checked(samples: npt.ArrayLike) -> FloatArray:
    """Returns samples of any shape as float32.

    Args:
        samples: float in [-1, 1] or int16.

    Raises:
        UserError: They have another type, are not all finite, or floats in
            the scale of integers.
    """
    try:
        values = np.asarray(samples)
    except ValueError as error:
        raise UserError(f"samples are no array: {error}") from error
    if values.dtype == np.int16:
        return to_float(values)
    if np.issubdtype(values.dtype, np.integer):
        raise UserError(
            f"samples are float in [-1, 1] or int16, not {values.dtype}: "
            "np.asarray(samples, np.int16) if they are those of 16 bits, or "
            "divide by the largest value there can be"
        )
    if not np.issubdtype(values.dtype, np.floating):
        raise UserError(
            f"samples are float in [-1, 1] or int16, not {values.dtype}"
        )
    if not np.all(np.isfinite(values)):
        raise UserError("there are samples that are not finite")
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest > _BEYOND:
        raise UserError(
            f"samples are float in [-1, 1], but there is one of {largest:g}: "
            "divide those of 16 bits by 32768, or give them as int16"
        )
    return values.astype(np.float32)


def fault(samples: npt.NDArray[np.floating]) -> str:
    """Returns what is wrong with samples that should be floats in [-1, 1].

    Returns:
        Words behind "has", or "" if nothing is.
    """
    if not np.isfinite(samples).all():
        return "samples that are not numbers"
    largest = float(np.max(np.abs(samples), initial=0.0))
    if largest > _BEYOND:
        return f"samples of {largest:g}, where 1 is full scale"
    return ""


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
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise UserError(
            "a waveform is (samples,) or (samples, channels); "
            f"{samples.shape} looks like (channels, samples): transpose it"
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
