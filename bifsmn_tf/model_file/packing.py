"""How signs and small integers are packed.

Signs are packed into 16-bit words, the form in which bits travel.

A bit of 1 means -1 and a bit of 0 means +1. Channel ``c`` of a pixel is bit
``c % 16``, least significant first, of word ``c // 16``; the unused high bits
of a pixel's last word are 0. Words are stored as little-endian ``int16``,
because TensorFlow Lite has no kernel-friendly unsigned 16-bit tensor type.

A layer's folded norms, slopes and thresholds are 16-bit integers, a set of them
for each depth. Most are near another, and in a file take the bits that their
distance needs: a Rice code, whose lengths suit what falls off on either side.

``custom_ops/README.md`` defines both formats for every side of the project.
"""

import struct

import numpy as np
import numpy.typing as npt

WORD_BITS = 16

_HEADER = struct.Struct("<hB")
# Places in a sorted row, in eighths, that a row is counted from on trial.
_BASES = range(9)


def words_for(channels: int) -> int:
    """Returns how many words hold the bits of so many channels of a pixel."""
    return -(-channels // WORD_BITS)


def pack_bits(values: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Packs the signs of ``values`` over the last axis.

    Args:
        values: numbers of shape ``[..., channels]``, ``channels >= 1``. Only
            the sign counts: what is not ``>= 0`` (a NaN too) becomes a bit of
            1, as in the ops.

    Returns:
        int16 words of shape ``[..., ceil(channels / 16)]``.

    Raises:
        ValueError: ``values`` has no last axis or no channel.
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
    """Unpacks words into signs, the inverse of ``pack_bits``.

    Args:
        words: int16 words of shape ``[..., ceil(channels / 16)]``.
        channels: how many channels a pixel has.
        dtype: type of the result.

    Returns:
        +1 and -1, of shape ``[..., channels]``.

    Raises:
        ValueError: The words are not int16, or not as many as ``channels``
            need.
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


def pack_levels(levels: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Packs activations of two bits, -3, -1, 1 and 3, over the last axis.

    A level is 2 * b1 + b2 of two signs: behind all words of a pixel's first
    bits lie those of its second ones.

    Args:
        levels: numbers of shape ``[..., channels]``, ``channels >= 1``.

    Returns:
        int16 words of shape ``[..., 2 * ceil(channels / 16)]``.
    """
    levels = np.asarray(levels)
    first = np.where(levels >= 0, 1, -1)
    planes = [pack_bits(first), pack_bits(levels - 2 * first)]
    return np.concatenate(planes, axis=-1)


def unpack_activations(
    words: npt.ArrayLike, channels: int, dtype: npt.DTypeLike = np.float32
) -> npt.NDArray:
    """Unpacks activations of one bit or of two, which their shape tells.

    Args:
        words: int16 of shape ``[..., ceil(channels / 16)]``, what ``pack_bits``
            gives, or ``[..., 2 * ceil(channels / 16)]``, what ``pack_levels``
            does.
        channels: how many channels a pixel has.
        dtype: type of the result.

    Returns:
        +1 and -1, or 3, 1, -1 and -3, of shape ``[..., channels]``.

    Raises:
        ValueError: As of ``unpack_bits``.
    """
    words = np.asarray(words)
    plane = words_for(channels)
    if words.ndim == 0 or words.shape[-1] != 2 * plane:
        return unpack_bits(words, channels, dtype)
    first = unpack_bits(words[..., :plane], channels, dtype)
    return 2 * first + unpack_bits(words[..., plane:], channels, dtype)


def pack_integers(rows: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Packs 16-bit integers into as few bytes as a Rice code takes.

    A row has a base, int16, a number of bits, uint8, and a code for each value,
    least significant bit first: as many zeros as ``n >> bits``, a one, and the
    low bits of ``n``, where ``n`` is twice the distance from the base, less 1
    for what is below it. Rows begin at a byte; what is left of one is zeros.

    Args:
        rows: int16 of shape ``[rows, columns]`` or ``[columns]``.

    Returns:
        int8 of shape ``[bytes]``.

    Raises:
        ValueError: ``rows`` is not int16, or empty.
    """
    rows = np.atleast_2d(rows)
    if rows.dtype != np.int16 or not rows.size:
        raise ValueError(
            f"int16 values are packed, got {rows.dtype} of shape {rows.shape}"
        )
    content = b"".join(_pack_row(row.astype(np.int64)) for row in rows)
    return np.frombuffer(content, np.int8)


def unpack_integers(
    packed: npt.NDArray[np.int8], rows: int, columns: int
) -> npt.NDArray[np.int16]:
    """Unpacks integers, the inverse of ``pack_integers``.

    Args:
        packed: int8 of shape ``[bytes]``.
        rows: how many rows there are.
        columns: how many values a row has.

    Returns:
        int16 of shape ``[rows, columns]``.

    Raises:
        ValueError: These are not the bytes of so many rows, or a value has
            more than 16 bits.
    """
    content = np.asarray(packed, np.int8).tobytes()
    values = []
    for _ in range(rows):
        row, content = _unpack_row(content, columns)
        values.append(row)
    if content:
        raise ValueError(f"{len(content)} bytes behind the packed integers")
    return np.array(values, np.int16)


def _pack_row(row: npt.NDArray[np.int64]) -> bytes:
    ascending = np.sort(row)
    tried = []
    for eighths in _BASES:
        base = int(ascending[eighths * (len(row) - 1) // 8])
        distances = row - base
        numbers = np.where(distances >= 0, 2 * distances, -2 * distances - 1)
        about = int(numbers.mean()).bit_length()
        for bits in range(max(0, about - 2), min(about, 15) + 1):
            length = int((numbers >> bits).sum()) + len(row) * (bits + 1)
            tried.append((length, base, bits, numbers))
    length, base, bits, numbers = min(tried, key=lambda found: found[:3])
    code = at = 0
    for number in numbers.tolist():
        zeros, low = divmod(number, 1 << bits)
        code |= (1 | low << 1) << (at + zeros)
        at += zeros + 1 + bits
    return _HEADER.pack(base, bits) + code.to_bytes(-(-length // 8), "little")


def _unpack_row(content: bytes, columns: int) -> tuple[list[int], bytes]:
    """Returns the values of the first row, and the bytes behind it."""
    if len(content) < _HEADER.size:
        raise ValueError("a row of packed integers is missing")
    base, bits = _HEADER.unpack_from(content)
    if bits >= WORD_BITS:
        raise ValueError(f"packed integers of {bits} bits, at most 15")
    code = int.from_bytes(content[_HEADER.size :], "little")
    at = 0
    values = []
    for _ in range(columns):
        rest = code >> at
        if not rest:
            raise ValueError("packed integers end too early")
        zeros = (rest & -rest).bit_length() - 1
        low = rest >> (zeros + 1) & ((1 << bits) - 1)
        at += zeros + 1 + bits
        number = zeros << bits | low
        value = base + (-(number + 1) // 2 if number & 1 else number // 2)
        if not -32768 <= value <= 32767:
            raise ValueError(f"packed integers have a {value}")
        values.append(value)
    end = _HEADER.size + -(-at // 8)
    if end > len(content):
        raise ValueError("packed integers end too early")
    if code >> at & ((1 << -at % 8) - 1):
        raise ValueError("packed integers have bits set beyond their last")
    return values, content[end:]
