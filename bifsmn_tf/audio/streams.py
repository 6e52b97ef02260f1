"""Sound that has no end yet: a microphone, a pipe.

Each gives float32 in [-1, 1], one channel, at the rate that is asked for, in
pieces of any length; so does :func:`bifsmn_tf.audio.files.stream` of a file.
"""

import time
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

from bifsmn_tf.audio.pcm import PcmStream
from bifsmn_tf.audio.pcm import StreamResampler
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError

_SECONDS_PER_PIECE = 0.032
_SECONDS_BETWEEN_TRIES = 1.0

_SNIFFED = 4096
"""Bytes in which two frames of any MP3 begin."""

_MAGIC = (
    ("a WAV file", 0, b"RIFF"),
    ("a WAV file", 0, b"RF64"),
    ("a FLAC file", 0, b"fLaC"),
    ("an Ogg file", 0, b"OggS"),
    ("an MP3 file", 0, b"ID3"),
    ("an AIFF file", 0, b"FORM"),
    ("an AU file", 0, b".snd"),
    ("a CAF file", 0, b"caff"),
    ("an MP4 file", 4, b"ftyp"),
    ("a Matroska file", 0, b"\x1a\x45\xdf\xa3"),
)
"""What sound files begin with, and at which byte."""

# Kilobits a second of MPEG 1, layer III, and of MPEG 2 and 2.5.
_MP3_RATES = (
    *(0, 32, 40, 48, 56, 64, 80, 96),
    *(112, 128, 160, 192, 224, 256, 320, 0),
)
_MP3_LOW_RATES = (
    *(0, 8, 16, 24, 32, 40, 48, 56),
    *(64, 80, 96, 112, 128, 144, 160, 0),
)


def microphone(
    rate: int,
    device: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    mend: Callable[[FloatArray], FloatArray] = lambda piece: piece,
) -> Iterator[FloatArray]:
    """Listens until it is interrupted.

    A device that refuses the rate is opened at its own and resampled. One that
    goes away is waited for.

    Args:
        rate: samples a second that are wanted.
        device: name or number of the input; by default the system's.
        say: takes a line when the device goes away and when it is back.
        mend: takes each piece, at the device's rate, and gives what to hear
            in its place.

    Yields:
        The next samples, float32 (samples,).

    Raises:
        UserError: There is no such device, or no way to use one.
    """
    sounddevice = _sounddevice()
    chosen = int(device) if device and device.isdigit() else device
    try:
        own = _own_rate(sounddevice, chosen, rate)
        pieces = _microphone_pieces(sounddevice, chosen, own)
        first = next(pieces)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(
            f"the microphone: {error}: is one there? bifsmn listen "
            "--list_devices shows what can be heard"
        ) from error
    while True:
        resampler = StreamResampler(own, rate)
        yield resampler.push(mend(first))
        try:
            for piece in pieces:
                yield resampler.push(mend(piece))
        except sounddevice.PortAudioError as error:
            say(f"the microphone went away ({error}): waiting for it")
        own, pieces, first = _again(sounddevice, chosen, rate)
        say("the microphone is back")


def _own_rate(
    sounddevice: ModuleType, device: int | str | None, wanted: int
) -> float:
    """Returns the rate to open a device at: the one wanted, if it can."""
    try:
        sounddevice.check_input_settings(
            device=device, channels=1, dtype="float32", samplerate=wanted
        )
    except sounddevice.PortAudioError:
        return float(
            sounddevice.query_devices(device, "input")["default_samplerate"]
        )
    return wanted


def _microphone_pieces(
    sounddevice: ModuleType, device: int | str | None, rate: float
) -> Iterator[FloatArray]:
    """Yields what a device gives at a rate, float32 (samples,)."""
    frames = round(rate * _SECONDS_PER_PIECE)
    with sounddevice.InputStream(
        samplerate=rate, channels=1, device=device, dtype="float32"
    ) as stream:
        while True:
            piece, overflowed = stream.read(frames)
            if overflowed:
                warnings.warn(
                    "sound was lost, the machine is too slow for this or too "
                    "busy",
                    DataWarning,
                    stacklevel=2,
                )
            yield piece[:, 0]


def _again(
    sounddevice: ModuleType, device: int | str | None, wanted: int
) -> tuple[float, Iterator[FloatArray], FloatArray]:
    """Waits until a device gives sound again.

    Returns:
        Its rate, its pieces and the first of them.
    """
    while True:
        time.sleep(_SECONDS_BETWEEN_TRIES)
        # PortAudio knows the devices that were there when it began.
        sounddevice._terminate()
        sounddevice._initialize()
        try:
            own = _own_rate(sounddevice, device, wanted)
            pieces = _microphone_pieces(sounddevice, device, own)
            return own, pieces, next(pieces)
        except (sounddevice.PortAudioError, ValueError):
            continue


def microphones() -> str:
    """Returns a list of the system's inputs and outputs, a line each.

    Raises:
        UserError: There is no way to use them.
    """
    return str(_sounddevice().query_devices())


def pipe(
    rate: int,
    file: BinaryIO,
    own_rate: int | None = None,
    channels: int = 1,
) -> Iterator[FloatArray]:
    """Reads 16-bit little-endian samples until the end.

    Args:
        rate: samples a second that are wanted.
        file: to read from.
        own_rate: samples a second that come; by default ``rate``.
        channels: that come side by side; their mean is taken.

    Yields:
        The next samples, float32 (samples,).

    Raises:
        UserError: Nothing comes, or what comes is a sound file, whose samples
            are not raw; the form is none of sound.
    """
    own = rate if own_rate is None else own_rate
    samples = PcmStream(own, 2, channels, rate)
    size = max(1, round(own * _SECONDS_PER_PIECE)) * 2 * channels
    # A piece long enough to tell what it is of.
    octets = file.read(max(size, _SNIFFED))
    if not octets:
        raise UserError("input: the standard input ended without any sound")
    if kind := _sound_file(octets):
        raise UserError(
            f"input: {kind} comes in, not raw samples: give the file's name, "
            "--input=FILE, or decode it on the way, ffmpeg -i FILE -f s16le "
            f"-ar {rate} -ac 1 -"
        )
    while octets:
        yield samples.push(octets)
        octets = file.read(size)
    yield samples.finish()


def _sound_file(head: bytes) -> str:
    """Returns what kind of sound file begins so; empty if none does."""
    for kind, start, magic in _MAGIC:
        if head[start : start + len(magic)] == magic:
            return kind
    length = _mp3_frame(head)
    # Loud samples may look like the first frame, but not like the next too.
    return "an MP3 file" if length and _mp3_frame(head[length:]) else ""


def _mp3_frame(head: bytes) -> int:
    """Returns the length of the MP3 frame that begins here; 0 if none does.

    Of the header's 32 bits: 11 are set; then version, layer, whether there is
    no checksum; bit rate, sample rate, padding (ISO/IEC 11172-3, 2.4.1.3).
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, place = head[1] >> 3 & 3, head[2] >> 2 & 3
    bits = (_MP3_RATES if version == 3 else _MP3_LOW_RATES)[head[2] >> 4]
    if version == 1 or place == 3 or not bits:
        return 0
    rate = (44100, 48000, 32000)[place] >> {3: 0, 2: 1, 0: 2}[version]
    samples = 144 if version == 3 else 72
    return samples * 1000 * bits // rate + (head[2] >> 1 & 1)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        # It is the package that misses the library.
        missing, remedy = (
            ("the package sounddevice", "pip install sounddevice")
            if isinstance(error, ImportError)
            else ("PortAudio", "on Debian, apt install libportaudio2")
        )
        raise UserError(
            f"a microphone needs {missing} ({error}): {remedy}. Or pipe sound "
            "in, on Linux from arecord -q -f S16_LE -r 16000 -c 1 -t raw"
        ) from error
    return sounddevice
