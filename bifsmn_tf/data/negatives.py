"""Sound that is no keyword: speech going on, parts of keywords, tones.

A network that has heard single words only takes for a keyword whatever sounds a
little like one inside a sentence. Pieces of long recordings, cut anywhere, show
it the difference; short recordings of a folder are strung together first.
:mod:`~bifsmn_tf.data.pieces` draws them.
"""

import dataclasses
import os
from collections.abc import Collection
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import digest
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.errors import DataError

_EXTENSIONS = (*audio.EXTENSIONS, ".mp3", ".oga", ".ogg", ".opus")


@dataclasses.dataclass(frozen=True)
class Negatives:
    """Recordings in which no keyword is said.

    Attributes:
        sound: All of them, one behind the other, int16 (samples,).
        names: What the recordings are, for a report.
        lengths: The samples of each folder; a piece is from each as often as
            from any other, however long they are. Empty for one folder.

    Raises:
        DataError: There is not a second of them.
    """

    sound: Int16Array
    names: tuple[str, ...]
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.lengths and sum(self.lengths) != len(self.sound):
            raise DataError("negatives: the folders have other sound")
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

        Folders that are named like a keyword are left out, and so are its
        background noise, which is silence and no speech, and what lists of
        Speech Commands count to other splits than training.

        Args:
            folders: Where the recordings are.
            keywords: The words that must not be in them.

        Raises:
            DataError: There is no such folder, no sound in one, or a file is
                damaged.
        """
        avoided = {word.lower() for word in keywords} | {protocol.NOISE_FOLDER}
        parts, names = [], []
        lengths: list[int] = []
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
            lengths.append(sum(map(len, parts)) - sum(lengths))
        return cls(np.concatenate(parts), tuple(names), tuple(lengths))

    def piece(self, length: int, rng: np.random.Generator) -> FloatArray:
        """Returns a piece from anywhere, float32 (length,).

        Args:
            length: Samples.
            rng: Draws where.
        """
        lengths = self.lengths or (len(self.sound),)
        folder, where = divmod(rng.random() * len(lengths), 1)
        before = sum(lengths[: int(folder)])
        start = before + int(where * lengths[int(folder)])
        indices = np.arange(start, start + length) % len(self.sound)
        return to_float(self.sound[indices])

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells these from others, for a cache's key."""
        return {"negatives": digest(self.sound), "lengths": self.lengths}


@dataclasses.dataclass(frozen=True)
class KeywordParts:
    """Parts of keywords, between other sound.

    The first or the last half of one, or the first half of one run together
    with the last of another: what a spotter should wait through.

    Attributes:
        keywords: clips with a keyword each, int16 (n, samples).
        around: what is before and behind; None for silence.
    """

    keywords: Int16Array
    around: Negatives | None = None

    def __post_init__(self) -> None:
        if not len(self.keywords):
            raise DataError("there are no keywords to take parts of")

    def piece(self, length: int, rng: np.random.Generator) -> FloatArray:
        """Returns a piece with a part in its last second, float32 (length,).

        Args:
            length: Samples.
            rng: Draws which part, and where.
        """
        if self.around is None:
            piece = np.zeros(length, np.float32)
        else:
            level = np.float32(rng.random())
            piece = level * self.around.piece(length, rng)
        kind, share, where = rng.random(3)
        one, other = rng.integers(len(self.keywords), size=2)
        first, last = self._spoken(int(one)), self._spoken(int(other))
        if kind < 0.4:
            part = first[: int((0.4 + 0.2 * share) * len(first))]
        elif kind < 0.8:
            part = last[int((0.4 + 0.2 * share) * len(last)) :]
        else:
            # Both may be of the same word: its middle has to be missing.
            less = 0.25 + 0.15 * share
            part = np.concatenate(
                [
                    first[: int(less * len(first))],
                    last[-int(less * len(last)) :],
                ]
            )
        part = part[:length]
        end = length - int(where * (length // 3))
        start = max(0, end - len(part))
        piece[start : start + len(part)] = part
        return piece

    def _spoken(self, i: int) -> FloatArray:
        """Returns what is spoken in a clip, without what is around it."""
        sound = to_float(self.keywords[i])
        # In noise the quiet ends of a clip are no part of the word.
        envelope = np.abs(sound).reshape(-1, 80).max(axis=1)
        loud = np.flatnonzero(envelope > 0.1 * envelope.max())
        if not len(loud):
            return sound[:0]
        return sound[loud[0] * 80 : (loud[-1] + 1) * 80]

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells these from others, for a cache's key."""
        around = self.around.to_dict() if self.around else None
        return {"parts": digest(self.keywords), "around": around}


@dataclasses.dataclass(frozen=True)
class Tones:
    """Sound like music, beeps, and digital silence with a step in it."""

    def piece(self, length: int, rng: np.random.Generator) -> FloatArray:
        """Returns a piece, float32 (length,).

        Args:
            length: Samples.
            rng: Draws what is heard.
        """
        piece = np.zeros(length, np.float32)
        if rng.random() < 0.2:
            piece[int(rng.random() * length) :] = 0.05 * rng.random()
            return piece
        start = 0
        while start < length:
            size = int(rng.uniform(0.05, 0.6) * audio.SAMPLE_RATE)
            time = np.arange(min(size, length - start)) / audio.SAMPLE_RATE
            note = 110 * 2 ** (rng.integers(0, 49) / 12)
            # A chord, its harmonics falling, plucked or held.
            chord = note * np.array([1, 1.26, 1.5])[: rng.integers(1, 4)]
            decay = np.exp(-time * rng.uniform(0, 8))
            for k in range(1, 1 + int(rng.integers(1, 7))):
                for frequency in chord[chord * k < audio.SAMPLE_RATE / 2]:
                    wave = np.sin(2 * np.pi * k * frequency * time) / k
                    piece[start : start + len(time)] += decay * wave
            start += size
        loudest = float(np.abs(piece).max())
        return piece * np.float32(0.3 * rng.random() / max(loudest, 1e-6))

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells these from others, for a cache's key."""
        return {"tones": 1}


def _sound_files(folder: Path, avoided: Collection[str]) -> list[Path]:
    held_out = protocol.held_out(folder)
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
