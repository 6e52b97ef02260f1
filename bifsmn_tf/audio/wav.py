"""What is wrong with a WAV file that a decoder would read all the same.

libsndfile takes what is there for the whole, and believes a header that
contradicts itself: such a recording would be another sound under the same name.
"""

import os
import struct
from typing import BinaryIO

_EXTENSIBLE = 0xFFFE

# PCM, floats, A-law, µ-law, and any of them in the extensible form; in others,
# samples need not have a whole number of bits.
_BITS = {
    1: range(1, 65),
    3: (32, 64),
    6: (8,),
    7: (8,),
    _EXTENSIBLE: range(1, 65),
}

_ADPCM = (2, 17)
"""Blocks of four bits a sample, of Microsoft's and of IMA's kind."""

_UNKNOWN = 0x7FFFF000
"""From this length on it was written to a pipe, and does not know its own."""


def fault(path: str | os.PathLike[str]) -> str:
    """Returns what is wrong with a file, as words behind its name.

    Args:
        path: of a sound file of any format.

    Returns:
        "" if it is no WAV file, or one with nothing wrong that shows here.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return ""
        while len(head := file.read(8)) == 8:
            name, length = head[:4], int.from_bytes(head[4:], "little")
            start = file.tell()
            if name == b"data":
                return _of_samples(file, length, size)
            if name == b"fmt " and (found := _of_format(file.read(20), length)):
                return found
            file.seek(start + length + length % 2)
    return ""


def _of_format(form: bytes, length: int) -> str:
    if len(form) < 16:
        return ""
    kind, channels, rate, a_second, block, bits = struct.unpack(
        "<HHIIHH", form[:16]
    )
    if kind in _ADPCM and len(form) == 20:
        samples = int.from_bytes(form[18:], "little")
        # Rounded one way or another.
        if samples and abs(a_second - rate * block / samples) > 1:
            return (
                f"contradicts itself: {rate} Hz are not {a_second} bytes a "
                f"second in blocks of {samples} samples in {block} bytes"
            )
    if kind not in _BITS:
        return ""
    if bits not in _BITS[kind] or (kind == _EXTENSIBLE and length < 40):
        return (
            f"contradicts itself: its samples are of kind {kind}, which has no "
            f"{bits} bits"
        )
    if block != channels * -(-bits // 8) or a_second != rate * block:
        return (
            f"contradicts itself: {rate} Hz, {channels} channels and {bits} "
            f"bits are not {a_second} bytes a second in blocks of {block}"
        )
    return ""


def _of_samples(file: BinaryIO, length: int, size: int) -> str:
    """What is wrong with a length of samples that begin here."""
    if length >= _UNKNOWN:
        return ""
    end = file.tell() + length
    if end > size:
        return f"breaks off, {end - size} bytes are missing"
    file.seek(end + length % 2)
    behind = file.read(4).rstrip(b" ")
    # The name of another part of the file, or zeros to fill a block.
    if behind.strip(b"\0") and not (behind.isascii() and behind.isalnum()):
        return (
            f"contradicts itself: {size - end} bytes are behind its {length} "
            "bytes of samples"
        )
    return ""
