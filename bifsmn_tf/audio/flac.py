"""What is wrong with a FLAC file that a decoder would read all the same.

libsndfile believes the header of a file, and each of its frames has a header of
its own: where they differ the recording would be faster, slower or shorter
under the same name. The format is RFC 9639.
"""

import os
import re
from typing import BinaryIO
from typing import NamedTuple

_RATES = {
    1: 88200,
    2: 176400,
    3: 192000,
    4: 8000,
    5: 16000,
    6: 22050,
    7: 24000,
    8: 32000,
    9: 44100,
    10: 48000,
    11: 96000,
}
"""Hz by the code in a frame's header (9.1.2)."""

_TAGS = 4096
"""Bytes that other programs may have put behind the last frame."""

_USUAL_FRAME = 1 << 16
"""Bytes of a frame whose file does not say how long the longest is."""

_MOST_FRAME = 1 << 21
"""Bytes of a frame of 8 channels, as long as frames may be."""

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
"""What a frame begins with."""

_LONGEST_HEADER = 16
"""Bytes of the header of a frame."""


class _Whole(NamedTuple):
    """What STREAMINFO says of all frames (8.2)."""

    block: int
    longest_frame: int
    rate: int
    samples: int


class _Frame(NamedTuple):
    """What the header of a frame says of it (9.1).

    Attributes:
        rate: in Hz; 0 if it says nothing of it.
        start: its first sample.
        samples: how many it has.
    """

    rate: int
    start: int
    samples: int


def fault(path: str | os.PathLike[str]) -> str:
    """Returns what is wrong with a file, as words behind its name.

    Args:
        path: of a sound file of any format.

    Returns:
        "" if it is no FLAC file, or one with nothing wrong that shows here.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(4) != b"fLaC":
            return ""
        whole = _read_whole(file)
        if whole is None:
            return ""
        begin = file.tell()
        first = _frame(file.read(_LONGEST_HEADER), whole.block)
        if first and first.rate and first.rate != whole.rate:
            return (
                f"contradicts itself: its samples are of {first.rate} Hz, its "
                f"header is of {whole.rate}"
            )
        if not whole.samples:
            # It was written to a pipe, and does not know its own length.
            return ""
        longest = min(whole.longest_frame or _USUAL_FRAME, _MOST_FRAME)
        file.seek(max(begin, size - longest - _TAGS))
        ends = _ends(file.read(), whole)
    # Fewer are a file that breaks off, which the decoder says.
    if whole.samples not in ends and max(ends, default=0) > whole.samples:
        return (
            f"contradicts itself: it has {max(ends)} samples, its header says "
            f"{whole.samples}"
        )
    return ""


def _read_whole(file: BinaryIO) -> _Whole | None:
    """Reads all that stands before the first frame."""
    whole = None
    while len(head := file.read(4)) == 4:
        length = int.from_bytes(head[1:], "big")
        body = file.read(length)
        if head[0] & 0x7F == 0 and len(body) == 34:
            packed = int.from_bytes(body[10:18], "big")
            whole = _Whole(
                block=int.from_bytes(body[2:4], "big"),
                longest_frame=int.from_bytes(body[7:10], "big"),
                rate=packed >> 44,
                samples=packed & ((1 << 36) - 1),
            )
        if head[0] & 0x80:
            break
    return whole


def _ends(content: bytes, whole: _Whole) -> set[int]:
    """Returns where frames in the last bytes of a file end, in samples.

    Compressed samples may look like a frame's header, if hardly ever: not each
    of these is one.
    """
    found = set()
    for match in _SYNC.finditer(content):
        at = match.start()
        frame = _frame(content[at : at + _LONGEST_HEADER], whole.block)
        if frame and frame.rate in (0, whole.rate):
            found.add(frame.start + frame.samples)
    return found


def _frame(head: bytes, block: int) -> _Frame | None:
    """Reads the header of a frame; None if there is none here.

    Args:
        head: what stands there, the header and what follows.
        block: the samples of a frame, where all but the last have as many.
    """
    if len(head) < 6 or not _SYNC.match(head):
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15 or head[3] & 1:
        return None
    ones = 8 - (head[4] ^ 0xFF).bit_length()
    at = 4 + max(ones, 1)
    if ones in (1, 8):
        return None
    number = head[4] & (0x7F >> ones)
    for octet in head[5:at]:
        if octet >> 6 != 2:
            return None
        number = number << 6 | octet & 0x3F
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    size_field = int.from_bytes(head[at : at + size_bytes], "big")
    at += size_bytes
    rate_field = int.from_bytes(head[at : at + rate_bytes], "big")
    at += rate_bytes
    if len(head) <= at or _checksum(head[:at]) != head[at]:
        return None
    if size_bytes:
        samples = size_field + 1
    elif size_code == 1:
        samples = 192
    else:
        samples = 576 << size_code - 2 if size_code < 6 else 1 << size_code
    if rate_bytes:
        rate = rate_field * {12: 1000, 13: 1, 14: 10}[rate_code]
    else:
        rate = _RATES.get(rate_code, 0)
    # Frames of different lengths number their samples.
    varies = head[1] & 1
    return _Frame(rate, number if varies else number * block, samples)


def _checksum(octets: bytes) -> int:
    """CRC-8 of the polynomial x^8 + x^2 + x + 1."""
    value = 0
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value
