"""Signs packed into 16-bit words, the form in which bits travel.

A bit of 1 means -1 and a bit of 0 means +1. Channel ``c`` of a pixel is bit
``c % 16``, least significant first, of word ``c // 16``; the unused high bits
of a pixel's last word are 0. Words are stored as little-endian ``int16``,
because TensorFlow Lite has no kernel-friendly unsigned 16-bit tensor type.
``custom_ops/README.md`` defines the format for every side of the project.
"""

import numpy as np
import numpy.typing as npt

WORD_BITS = 16


def words_for(channels: int) -> int:
    """Words that hold the bits of `channels` channels of one pixel."""
    return -(-channels // WORD_BITS)


def pack_bits(values: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Packs the signs of `values` over the last axis.

    Args:
      values: numbers of shape `[..., channels]`, `channels >= 1`. Only the sign
        counts: what is not `>= 0` (a NaN too) becomes a bit of 1, as in the
        ops.

    Returns:
      int16 words of shape `[..., ceil(channels / 16)]`.

    Raises:
      ValueError: if `values` has no last axis or no channel.
    """
    values = np.asarray(values)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(
            f"bits are packed over a last axis of one channel or more, got "
            f"shape {values.shape}"
        )
    channels = values.shape[-1]
    padded = np.zeros(
        (*values.shape[:-1], words_for(channels) * WORD_BITS), np.bool_
    )
    padded[..., :channels] = ~(values >= 0)
    return np.packbits(padded, axis=-1, bitorder="little").view("<i2")


def unpack_bits(
    words: npt.ArrayLike, channels: int, dtype: npt.DTypeLike = np.float32
) -> npt.NDArray:
    """Unpacks words into signs, the inverse of `pack_bits`.

    Args:
      words: int16 words of shape `[..., ceil(channels / 16)]`.
      channels: how many channels a pixel has.
      dtype: type of the result.

    Returns:
      +1 and -1, of shape `[..., channels]`.

    Raises:
      ValueError: if the words are not int16 or not as many as `channels` need.
    """
    words = np.asarray(words)
    if words.dtype != np.int16:
        raise ValueError(f"packed bits are int16 words, got {words.dtype}")
    if (
        channels < 1
        or words.ndim == 0
        or words.shape[-1] != words_for(channels)
    ):
        raise ValueError(
            f"{channels} channels do not fit words of shape {words.shape}"
        )
    octets = np.ascontiguousarray(words.astype("<i2", copy=False)).view(
        np.uint8
    )
    bits = np.unpackbits(octets, axis=-1, count=channels, bitorder="little")
    return (1 - 2 * bits.astype(np.int8)).astype(dtype)
