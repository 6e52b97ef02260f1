"""Sound that is no keyword: speech going on, whatever it says.

A network that has heard single words only takes for a keyword whatever sounds a
little like one inside a sentence. Pieces of long recordings, cut anywhere, show
it the difference; short recordings of a folder are strung together first.
"""

import dataclasses
import hashlib
import os
import zlib
from collections.abc import Collection
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import at_speed
from bifsmn_tf.data.augmentation import copy_rng
from bifsmn_tf.data.augmentation import with_noise
from bifsmn_tf.errors import DataError

_EXTENSIONS = (*audio.EXTENSIONS, ".mp3", ".oga", ".ogg", ".opus")

_QUIETEST = 20.0
"""Decibels by which a piece is quieter than it was recorded, at most."""

_LISTS = ("validation_list.txt", "testing_list.txt")
"""Files of Speech Commands that name the recordings of other splits."""

_SEED = zlib.crc32(b"negatives")


@dataclasses.dataclass(frozen=True)
class Negatives:
    """Recordings in which no keyword is said.

    Attributes:
        sound: All of them, one behind the other, int16 (samples,).
        names: What the recordings are, for a report.

    Raises:
        DataError: There is not a second of them.
    """

    sound: Int16Array
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sound) < audio.SAMPLE_RATE:
            raise DataError(
                "negatives: there is not a second of sound in the folders"
            )

    @classmethod
    def read(
        cls,
        folders: Sequence[str | os.PathLike[str]],
        keywords: Collection[str],
    ) -> "Negatives":
        """Reads all sound below folders.

        Folders that are named like a keyword are left out, and so is what
        lists of Speech Commands count to other splits than training.

        Args:
            folders: Where the recordings are.
            keywords: The words that must not be in them.

        Raises:
            DataError: There is no such folder, no sound in one, or a file is
                damaged.
        """
        avoided = {word.lower() for word in keywords}
        parts, names = [], []
        for folder in map(Path, folders):
            if not folder.is_dir():
                raise DataError(f"negatives: there is no folder {folder}")
            paths = _sound_files(folder, avoided)
            if not paths:
                raise DataError(f"negatives: there is no sound in {folder}")
            for path, sound in zip(paths, audio.read_many(paths), strict=True):
                if isinstance(sound, audio.UnreadableError):
                    raise sound
                parts.append(sound)
                names.append(str(path.relative_to(folder)))
        return cls(np.concatenate(parts), tuple(names))

    def piece(self, length: int, rng: np.random.Generator) -> FloatArray:
        """Returns a piece from anywhere, float32 (length,).

        Args:
            length: Samples.
            rng: Draws where.
        """
        start = int(rng.random() * len(self.sound))
        indices = np.arange(start, start + length) % len(self.sound)
        return to_float(self.sound[indices])


def _sound_files(folder: Path, avoided: Collection[str]) -> list[Path]:
    held_out: set[str] = set()
    for name in _LISTS:
        if (folder / name).is_file():
            held_out |= set((folder / name).read_text("utf-8").split())
    found = []
    for root, names, files in os.walk(folder):
        names[:] = sorted(n for n in names if n.lower() not in avoided)
        for name in sorted(files):
            path = Path(root, name)
            if (
                path.suffix.lower() in _EXTENSIONS
                and not name.startswith(".")
                and path.relative_to(folder).as_posix() not in held_out
            ):
                found.append(path)
    return found


class NegativeExtractor:
    """Makes features of pieces of negatives, each a function of its number.

    Args:
        negatives: The recordings.
        noise: Background recordings to mix in, float32.
        features: What a network reads.
        augmentation: How pieces are varied, as clips are; they are not
            shifted.
        seed: Of what is drawn.
        frames: Feature frames of a piece.
    """

    def __init__(
        self,
        negatives: Negatives,
        noise: Sequence[FloatArray],
        features: FeatureParameters,
        augmentation: AugmentationParameters,
        seed: int,
        frames: int,
    ) -> None:
        self.negatives = negatives
        self.noise = tuple(noise)
        self.features = features
        self.augmentation = augmentation
        self.seed = seed
        self.shape = (frames, features.n_mels)

    def extract(
        self,
        waveforms: Int16Array,
        indices: np.ndarray,
        copy: int | None,
    ) -> FloatArray:
        """Computes the features of pieces.

        Args:
            waveforms: Not looked at.
            indices: (n,), the numbers of the pieces.
            copy: The number of the copy, which has other pieces.

        Returns:
            float32 (n, frames, mels) in decibel.
        """
        del waveforms
        return np.stack([self._one(int(i), copy or 0) for i in indices])

    def _one(self, i: int, copy: int) -> FloatArray:
        parameters, settings = self.features, self.augmentation
        rng = copy_rng(self.seed ^ _SEED, i, copy)
        frames, _ = self.shape
        length = (frames - 1) * parameters.hop + parameters.frame_length
        happens, faster, quieter = rng.random(3)
        piece = self.negatives.piece(length, rng)
        if happens < settings.speed_probability:
            piece = at_speed(piece, 1 + settings.speed * (2 * faster - 1))
        # Speech in a room is quieter than a word into a microphone.
        piece = piece * np.float32(10 ** (-_QUIETEST / 20 * quieter))
        piece = with_noise(piece, self.noise, settings, rng)
        return log_mel_stream(piece, parameters)

    def fingerprint(self) -> dict[str, Any]:
        """Returns what tells this extractor from others, for a cache's key."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.negatives.sound, *self.noise):
            digest.update(np.ascontiguousarray(part).data)
        return {
            "negatives": digest.hexdigest(),
            "features": self.features.to_dict(),
            "augmentation": self.augmentation.to_dict(),
            "seed": self.seed,
            "shape": list(self.shape),
        }
