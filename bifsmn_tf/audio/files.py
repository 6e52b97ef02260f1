"""Sound files to one second of 16-bit mono at 16 kHz."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16000
EXTENSIONS = (".wav", ".flac")


class UnreadableError(Exception):
    """One sound file cannot be used; the message is the reason."""


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Rounds samples in [-1, 1] to 16 bits; what lies beyond is clipped."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def to_float(waveform: np.ndarray) -> np.ndarray:
    """Returns 16-bit samples as float32 in [-1, 1)."""
    return waveform.astype(np.float32) * np.float32(1 / 32768)


def _missing_bytes(path: str) -> int:
    """Returns how much of a WAV file's samples its end cuts off.

    libsndfile takes what there is for the whole. 0 for other files, and for
    those that were written to a pipe and do not know their length.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                unknown = length >= 0x7FFFF000
                return 0 if unknown else max(0, file.tell() + length - size)
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0


def read(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a sound file of any rate and number of channels.

    Args:
        path: a file in a format of libsndfile (WAV, FLAC, ...).

    Returns:
        int16 (samples,): the mean of the channels, at 16 kHz.

    Raises:
        UnreadableError: the file is missing, not a sound, empty or broken off.
    """
    path = os.fspath(path)
    try:
        if os.path.getsize(path) == 0:
            raise UnreadableError("is empty")
        if missing := _missing_bytes(path):
            raise UnreadableError(f"breaks off, {missing} bytes are missing")
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            expected = file.frames
            if rate == SAMPLE_RATE and file.channels == 1:
                waveform = file.read(dtype="int16")
            else:
                waveform = file.read(dtype="float32", always_2d=True)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    except soundfile.LibsndfileError as error:
        raise UnreadableError(error.error_string.rstrip(".")) from error
    if len(waveform) == 0:
        raise UnreadableError("has no samples")
    if len(waveform) < expected:
        raise UnreadableError(
            f"breaks off after {len(waveform)} of {expected} samples"
        )
    if waveform.dtype == np.int16:
        return waveform
    mono = waveform.mean(axis=1)
    if not np.isfinite(mono).all():
        raise UnreadableError("has samples that are not numbers")
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return to_int16(mono)


def read_many(
    paths: Sequence[str | os.PathLike[str]],
) -> list[np.ndarray | UnreadableError]:
    """Reads many files, in parallel; a bad one gives its error in its place."""

    def attempt(
        path: str | os.PathLike[str],
    ) -> np.ndarray | UnreadableError:
        try:
            return read(path)
        except UnreadableError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(attempt, paths))
