"""Sound files, whole or piece by piece, with one set of checks.

A file of any rate and number of channels becomes one channel at the rate that
is asked for. Data sets and the spotter read files whole (:func:`read`,
:func:`read_many`), ``listen`` in pieces (:func:`stream`), so that a recording
of hours takes no more memory than one of seconds. The samples are the same.
"""

import os
import stat
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import soxr

from bifsmn_tf.audio import flac
from bifsmn_tf.audio import wav
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import check_rate
from bifsmn_tf.audio.samples import fault
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError

SAMPLE_RATE = 16000
EXTENSIONS = (".wav", ".flac")

SoundPath = str | os.PathLike[str]

_SECONDS_PER_PIECE = 0.032
# In which whole files are read: most of them at once.
_SECONDS_AT_ONCE = 16.0

# What libsndfile says of FLAC that was written to a pipe. It reads such a file,
# but cannot find its place in it again, as soundfile asks it to.
_UNKNOWN_LENGTH = 0x7FFFFFFFFFFFFFFF


class UnreadableError(DataError):
    """One sound file cannot be used.

    Attributes:
        path: of the file.
        reason: why it cannot, in words that follow its name.
    """

    def __init__(self, path: SoundPath, reason: str) -> None:
        super().__init__(path, reason)
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read(path: SoundPath, sample_rate: int = SAMPLE_RATE) -> Int16Array:
    """Reads a sound file of any rate and number of channels.

    Args:
        path: a file in a format of libsndfile (WAV, FLAC, ...).
        sample_rate: of the result, in Hz.

    Returns:
        int16 (samples,): the mean of the channels.

    Raises:
        UnreadableError: The file is missing, not a sound, empty or broken off.
        UserError: The package soundfile is not installed.
    """
    pieces = list(stream(path, sample_rate, _SECONDS_AT_ONCE))
    return to_int16(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))


def read_many(paths: Sequence[SoundPath]) -> list[Int16Array | UnreadableError]:
    """Reads many files at 16 kHz, in parallel.

    Returns:
        Each file as :func:`read` returns it, or in its place the error.

    Raises:
        UserError: The package soundfile is not installed.
    """

    def attempt(path: SoundPath) -> Int16Array | UnreadableError:
        try:
            return read(path)
        except UnreadableError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(attempt, paths))


def duration(path: SoundPath) -> float:
    """Returns how many seconds a file says it has, without reading it all.

    Raises:
        UnreadableError: The file is missing or not a sound.
        UserError: The package soundfile is not installed.
    """
    soundfile = _soundfile()
    try:
        return float(soundfile.info(os.fsencode(path)).duration)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise UnreadableError(path, reason) from error


def stream(
    path: SoundPath,
    sample_rate: int,
    seconds: float = _SECONDS_PER_PIECE,
    mend: Callable[[FloatArray], FloatArray] | None = None,
) -> Iterator[FloatArray]:
    """Reads a sound file of any rate and number of channels in pieces.

    Args:
        path: a file in a format of libsndfile (WAV, FLAC, ...).
        sample_rate: of the result, in Hz.
        seconds: of the file in a piece.
        mend: takes each piece, at the file's rate, and gives what to hear in
            its place; by default a piece that is no sound is an error.

    Yields:
        The next samples, float32 (samples,): the mean of the channels.

    Raises:
        UnreadableError: The file is missing, not a sound or empty; after the
            pieces that are there, if it is broken off.
        UserError: The package soundfile is not installed.
    """
    soundfile = _soundfile()
    try:
        yield from _pieces(soundfile, path, sample_rate, seconds, mend)
    except OSError as error:
        raise UnreadableError(path, error.strerror or str(error)) from error
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise UnreadableError(path, reason) from error


def _soundfile() -> ModuleType:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise UserError(
            "reading sound files needs the package soundfile: pip install "
            f"soundfile ({error})"
        ) from error
    return soundfile


def _pieces(
    soundfile: ModuleType,
    path: SoundPath,
    sample_rate: int,
    seconds: float,
    mend: Callable[[FloatArray], FloatArray] | None,
) -> Iterator[FloatArray]:
    status = os.stat(path)
    # A pipe would never end, a device neither.
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(path, "is no file")
    if status.st_size == 0:
        raise UnreadableError(path, "is empty")
    if wrong := wav.fault(path) or flac.fault(path):
        raise UnreadableError(path, wrong)
    # In bytes, as names need not be UTF-8.
    with soundfile.SoundFile(os.fsencode(path)) as file:
        # soundfile would seek to where it is after every read, from which an
        # MP3 decoder does not find its way: frames use bits of those before.
        file.seekable = lambda: False
        if file.frames == _UNKNOWN_LENGTH:
            raise UnreadableError(
                path, "does not tell its length: convert it to WAV"
            )
        rate = file.samplerate
        try:
            check_rate(rate)
        except UserError as error:
            raise UnreadableError(path, f"has {error}") from error
        resampler = (
            None
            if rate == sample_rate
            else soxr.ResampleStream(rate, sample_rate, 1)
        )
        most = max(1, round(rate * seconds))
        count = 0
        last = False
        while not last:
            # As floats: integers would not be scaled in a file of floats.
            piece = file.read(most, dtype="float32", always_2d=True)
            last = len(piece) < most
            count += len(piece)
            samples = piece[:, 0]
            if file.channels > 1:
                samples = piece.mean(axis=1)
            if mend is not None:
                samples = mend(samples)
            elif wrong := fault(samples):
                raise UnreadableError(path, f"has {wrong}")
            if resampler is not None:
                samples = resampler.resample_chunk(samples, last=last)
            yield samples
        if count == 0:
            raise UnreadableError(path, "has no samples")
        if count < file.frames:
            raise UnreadableError(
                path, f"breaks off after {count} of {file.frames} samples"
            )
