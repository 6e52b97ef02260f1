"""Pieces of sound that is no keyword, each a function of its number."""

import copy
import hashlib
import zlib
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import at_speed
from bifsmn_tf.data.augmentation import copy_rng
from bifsmn_tf.data.augmentation import with_noise
from bifsmn_tf.data.negatives import Negatives
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.data.speech_embedding import heard
from bifsmn_tf.data.speech_embedding import of_embedding
from bifsmn_tf.errors import UserError

_QUIETEST = 20.0
"""Decibels by which a piece is quieter than it was recorded, at most."""

_SEED = zlib.crc32(b"negatives")


class Moments(NamedTuple):
    """Where in stretches of sound pieces begin.

    Attributes:
        copies: The stretches' copies, int32 (n,).
        rows: Their numbers, int32 (n,).
        frames: The pieces' first frames, int32 (n,).
    """

    copies: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    frames: npt.NDArray[np.int32]


class Source(Protocol):
    """Where pieces come from, such as recordings."""

    def piece(self, length: int, rng: np.random.Generator) -> FloatArray:
        """Returns a piece, float32 (length,)."""

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells this source from others."""


class PieceExtractor:
    """Makes features of pieces of negatives, each a function of its number.

    Args:
        sources: Where pieces come from, each with its weight.
        noise: Background recordings to mix in, float32.
        features: What a network reads.
        augmentation: How pieces are varied, as clips are; they are not
            shifted.
        seed: Of what is drawn.
        frames: Feature frames of a piece.
        acoustics: Where pieces are heard; None for as they are.

    Raises:
        UserError: There are no sources, or a weight is impossible.
    """

    def __init__(
        self,
        sources: Sequence[tuple[float, Source]],
        noise: Sequence[FloatArray],
        features: FeatureParameters,
        augmentation: AugmentationParameters,
        seed: int,
        frames: int,
        acoustics: Acoustics | None = None,
    ) -> None:
        weights = np.array([weight for weight, _ in sources], np.float64)
        if not len(weights) or not weights.sum() > 0 or weights.min() < 0:
            raise UserError(
                "pieces of negatives need sources with weights of 0 or more, "
                f"not {weights.tolist()}"
            )
        self.sources = tuple(source for _, source in sources)
        self.bounds = np.cumsum(weights / weights.sum())
        self.noise = tuple(noise)
        self.features = features
        self.augmentation = augmentation
        self.seed = seed
        self.acoustics = acoustics
        self.embedding: SpeechEmbedding | None = None
        self._frames = frames
        self._moments: Moments | None = None
        self._stretch = frames

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of what a piece becomes, such as (frames, mels)."""
        if self.embedding is not None:
            return self.embedding.shape(self._samples(self._frames))
        return self._frames, self.features.n_mels

    def _samples(self, frames: int) -> int:
        parameters = self.features
        return (frames - 1) * parameters.hop + parameters.frame_length

    def heard_by(self, embedding: SpeechEmbedding) -> "PieceExtractor":
        """Returns what makes embeddings of the same pieces.

        Args:
            embedding: what hears them.
        """
        result = copy.copy(self)
        result.embedding = embedding
        return result

    def longer(self, frames: int) -> "PieceExtractor":
        """Returns what makes pieces of so many frames in the same ways."""
        result = copy.copy(self)
        result._frames = result._stretch = frames
        return result

    def at(self, moments: Moments, frames: int) -> "PieceExtractor":
        """Returns what makes parts of these pieces: number i is moment i.

        Args:
            moments: where they begin.
            frames: their length.
        """
        result = copy.copy(self)
        result._moments = moments
        result._frames = frames
        return result

    @property
    def speech(self) -> Int16Array:
        """The recordings that pieces come from, one behind the other."""
        parts = [s.sound for s in self.sources if isinstance(s, Negatives)]
        return np.concatenate(parts)

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
        return self.read(self.sounds(waveforms, indices, copy))

    def sounds(
        self,
        waveforms: Int16Array,
        indices: np.ndarray,
        copy: int | None,
    ) -> list[FloatArray]:
        """Makes the sound of pieces.

        Args:
            waveforms: Not looked at.
            indices: (n,), the numbers of the pieces.
            copy: The number of the copy, which has other pieces.

        Returns:
            Each piece, float32 (samples,).
        """
        del waveforms
        return [self._one(int(i), copy or 0) for i in indices]

    def read(self, sounds: Sequence[FloatArray]) -> FloatArray:
        """Computes features of sound, or what hears it: see :meth:`extract`."""
        return np.stack(
            [heard(x, self.features, self.embedding) for x in sounds]
        )

    def _one(self, i: int, copy: int) -> FloatArray:
        if self._moments is None:
            return self._sound(i, copy)
        stretch = self._sound(
            int(self._moments.rows[i]), int(self._moments.copies[i])
        )
        begin = int(self._moments.frames[i]) * self.features.hop
        return stretch[begin:][: self._samples(self._frames)]

    def _sound(self, i: int, copy: int) -> FloatArray:
        settings = self.augmentation
        rng = copy_rng(self.seed ^ _SEED, i, copy)
        length = self._samples(self._stretch)
        which, happens, faster, quieter = rng.random(4)
        place = min(
            int(np.searchsorted(self.bounds, which, side="right")),
            len(self.sources) - 1,
        )
        piece = self.sources[place].piece(length, rng)
        if happens < settings.speed_probability:
            piece = at_speed(piece, 1 + settings.speed * (2 * faster - 1))
        # Speech in a room is quieter than a word into a microphone.
        piece = piece * np.float32(10 ** (-_QUIETEST / 20 * quieter))
        if self.acoustics is not None:
            piece = self.acoustics.heard(piece, rng)
        return with_noise(piece, self.noise, settings, rng)

    def fingerprint(self) -> dict[str, Any]:
        """Returns what tells this extractor from others, for a cache's key."""
        noise = hashlib.blake2b(digest_size=16)
        for part in self.noise:
            noise.update(np.ascontiguousarray(part).data)
        return {
            "sources": [source.to_dict() for source in self.sources],
            "bounds": self.bounds.tolist(),
            "noise": noise.hexdigest(),
            "features": self.features.to_dict(),
            "augmentation": self.augmentation.to_dict(),
            "seed": self.seed,
            "shape": [self._frames, self.features.n_mels],
            "acoustics": self.acoustics and self.acoustics.to_dict(),
            **of_embedding(self.embedding),
            **self._of_moments(),
        }

    def _of_moments(self) -> dict[str, Any]:
        if self._moments is None:
            return {}
        places = np.stack(self._moments).astype(np.int32)
        digest = hashlib.blake2b(places.tobytes(), digest_size=16)
        return {"moments": digest.hexdigest(), "stretch": self._stretch}
