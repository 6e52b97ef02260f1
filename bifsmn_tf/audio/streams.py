"""Where a stream of sound comes from: a microphone, a file, a pipe.

Each source gives float32 in [-1, 1], one channel, at the rate that is asked
for, in pieces of any length.
"""

import sys
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soxr

from bifsmn_tf.errors import UserError

FloatArray = npt.NDArray[np.float32]

_SECONDS_PER_PIECE = 0.032


def microphone(rate: int, device: str | None = None) -> Iterator[FloatArray]:
    """Listens until it is interrupted.

    Args:
        rate: samples a second that are wanted.
        device: name or number of the input; by default the system's.

    Raises:
        UserError: there is no such device, or no way to use one.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise UserError(
            f"no microphone without the package sounddevice and PortAudio "
            f"({error}): pip install bifsmn_tf[listen], and on Debian apt "
            "install libportaudio2. Or pipe sound in: arecord -q -f S16_LE -r "
            f"{rate} -c 1 | python -m bifsmn_tf.listen --input=-"
        ) from error
    chosen = int(device) if device and device.isdigit() else device
    frames = round(rate * _SECONDS_PER_PIECE)
    try:
        with sounddevice.InputStream(
            samplerate=rate, channels=1, device=chosen, dtype="float32"
        ) as stream:
            while True:
                piece, overflowed = stream.read(frames)
                if overflowed:
                    print(
                        "note: sound was lost, the machine is too slow for "
                        "this or too busy",
                        file=sys.stderr,
                    )
                yield piece[:, 0]
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(f"the microphone: {error}") from error


def pipe(rate: int, file: BinaryIO) -> Iterator[FloatArray]:
    """Reads 16-bit little-endian samples, one channel, until the end.

    Args:
        rate: samples a second, which the samples have to have.
        file: to read from.
    """
    size = 2 * round(rate * _SECONDS_PER_PIECE)
    while piece := file.read(size):
        whole = piece[: len(piece) // 2 * 2]
        yield np.frombuffer(whole, "<i2").astype(np.float32) / 32768


def recording(rate: int, path: str) -> Iterator[FloatArray]:
    """Reads a sound file of any rate and number of channels.

    Args:
        rate: samples a second that are wanted.
        path: of the file.

    Raises:
        UserError: it is no sound file that can be read.
    """
    try:
        import soundfile
    except ImportError as error:
        raise UserError(
            "reading files needs the package soundfile: pip install "
            "bifsmn_tf[listen]"
        ) from error
    try:
        with soundfile.SoundFile(path) as file:
            resampler = soxr.ResampleStream(file.samplerate, rate, 1)
            frames = max(1, round(file.samplerate * _SECONDS_PER_PIECE))
            while True:
                piece = file.read(frames, dtype="float32", always_2d=True)
                last = len(piece) < frames
                mono = np.ascontiguousarray(piece.mean(axis=1))
                yield resampler.resample_chunk(mono, last=last)
                if last:
                    return
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UserError(f"{path}: {error}") from error
