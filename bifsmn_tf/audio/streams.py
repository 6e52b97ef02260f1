"""Sound that has no end yet: a microphone, a pipe.

Each gives float32 in [-1, 1], one channel, at the rate that is asked for, in
pieces of any length; so does :func:`bifsmn_tf.audio.files.stream` of a file.
"""

import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

import numpy as np

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError

_SECONDS_PER_PIECE = 0.032


def microphone(rate: int, device: str | None = None) -> Iterator[FloatArray]:
    """Listens until it is interrupted.

    Args:
        rate: samples a second that are wanted.
        device: name or number of the input; by default the system's.

    Yields:
        The next samples, float32 (samples,).

    Raises:
        UserError: There is no such device, or no way to use one.
    """
    sounddevice = _sounddevice()
    chosen = int(device) if device and device.isdigit() else device
    frames = round(rate * _SECONDS_PER_PIECE)
    try:
        with sounddevice.InputStream(
            samplerate=rate, channels=1, device=chosen, dtype="float32"
        ) as stream:
            while True:
                piece, overflowed = stream.read(frames)
                if overflowed:
                    warnings.warn(
                        "sound was lost, the machine is too slow for this or "
                        "too busy",
                        DataWarning,
                        stacklevel=2,
                    )
                yield piece[:, 0]
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(f"the microphone: {error}") from error


def microphones() -> str:
    """Returns a list of the system's inputs and outputs, a line each.

    Raises:
        UserError: There is no way to use them.
    """
    return str(_sounddevice().query_devices())


def pipe(rate: int, file: BinaryIO) -> Iterator[FloatArray]:
    """Reads 16-bit little-endian samples, one channel, until the end.

    Args:
        rate: samples a second, which the samples have to have.
        file: to read from.

    Yields:
        The next samples, float32 (samples,).
    """
    size = 2 * round(rate * _SECONDS_PER_PIECE)
    rest = b""
    while read := file.read(size):
        octets = rest + read
        whole = len(octets) // 2 * 2
        rest = octets[whole:]
        yield to_float(np.frombuffer(octets[:whole], "<i2"))


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise UserError(
            "a microphone needs the package sounddevice and PortAudio "
            f"({error}): pip install sounddevice, and on Debian apt install "
            "libportaudio2. Or pipe sound in, on Linux from arecord -q "
            "-f S16_LE -r 16000 -c 1"
        ) from error
    return sounddevice
