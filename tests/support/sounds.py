"""Small recordings for tests, made of noise."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.speech_commands import protocol

FRONT_ENDS = {
    "16k": FeatureParameters(),
    "8k": FeatureParameters(
        sample_rate=8000, n_fft=512, hop=160, n_mels=20, f_min=60, f_max=3800
    ),
    "folded": FeatureParameters(n_fft=512, folds=2),
}
"""Features of several forms."""


def noise(samples: int, *seed: object, level: float = 0.1) -> np.ndarray:
    """White noise, float32, that depends on ``seed``."""
    rng = np.random.default_rng(zlib.crc32(repr(seed).encode()))
    return (level * rng.standard_normal(samples)).clip(-1, 1).astype("f4")


def write(
    path: Path,
    samples: int = 16000,
    rate: int = 16000,
    channels: int = 1,
    level: float = 0.1,
) -> Path:
    """Writes a sound file of noise that depends on its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = (path.parent.name, path.name)
    sound = noise(samples * channels, *names, level=level)
    soundfile.write(path, sound.reshape(samples, channels), rate)
    return path


def speakers_of(split: str, count: int) -> list[str]:
    """Speakers that the data set's hash puts into ``split``."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        name = f"{number:08x}"
        if protocol.hashed_split(f"{name}_nohash_0.wav") == split:
            found.append(name)
        number += 1
    return found


def archive(
    folder: Path,
    words: Iterable[str],
    *,
    speakers: dict[str, int] | None = None,
    noise_seconds: int = 12,
    samples: int = 1600,
) -> Path:
    """Writes a folder in the layout of Speech Commands' archive.

    Every speaker says every word once; noise in two recordings.
    """
    speakers = speakers or {"train": 4, "validation": 2, "test": 2}
    for word in words:
        for split, count in speakers.items():
            for speaker in speakers_of(split, count):
                name = f"{speaker}_nohash_0.wav"
                write(folder / word / name, samples)
    for name in ("a.wav", "b.wav") if noise_seconds else ():
        write(folder / protocol.NOISE_FOLDER / name, noise_seconds * 16000)
    return folder


def clips(count: int, labels: int = 3) -> Clips:
    """Clips of noise that differ in level."""
    waveforms = np.stack(
        [
            (noise(16000, i, level=0.02 + 0.2 * i / count) * 32767)
            for i in range(count)
        ]
    ).astype(np.int16)
    return Clips(
        waveforms,
        (np.arange(count) % labels).astype(np.int32),
        tuple(f"{i}.wav" for i in range(count)),
        ("",) * count,
    )
