"""Features of augmented clips, each a function of its number."""

import hashlib
from collections.abc import Sequence
from copy import copy as copy_of
from typing import Any
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import augment
from bifsmn_tf.data.augmentation import copy_rng
from bifsmn_tf.data.augmentation import with_noise
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.data.speech_embedding import heard
from bifsmn_tf.data.speech_embedding import of_embedding

# Change it when the same parameters come to mean other features.
_FORMAT = 1

IndexArray = npt.NDArray[np.int64]


class FeatureExtractor:
    """Everything that the features of an augmented copy depend on.

    Args:
        noise: background recordings to mix in, float32.
        features: how a waveform becomes features.
        augmentation: how it is varied before that.
        seed: of the variation.
        context: what clips stand in; None for clips on their own.
        acoustics: where stretches are heard; None for as they are.

    Raises:
        ValueError: A background recording is shorter than a clip.
    """

    def __init__(
        self,
        noise: Sequence[FloatArray],
        features: Features,
        augmentation: AugmentationParameters,
        seed: int,
        context: Context | None = None,
        acoustics: Acoustics | None = None,
    ) -> None:
        self.noise = tuple(np.asarray(part, np.float32) for part in noise)
        self.features = features
        self.augmentation = augmentation
        self.seed = seed
        self.context = context
        self.acoustics = acoustics
        self.embedding: SpeechEmbedding | None = None
        for part in self.noise:
            if part.ndim != 1 or len(part) < features.samples:
                raise ValueError(
                    "a background recording has to be (samples,), at least "
                    f"{features.samples} of them, not {part.shape}"
                )

    def heard_by(self, embedding: SpeechEmbedding) -> "FeatureExtractor":
        """Returns what makes embeddings of the same stretches.

        Args:
            embedding: what hears them.

        Raises:
            ValueError: Clips stand in no context: they are no stretches.
        """
        if self.context is None:
            raise ValueError("clips on their own have no embeddings")
        result = copy_of(self)
        result.embedding = embedding
        return result

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a clip becomes, such as (frames, mels)."""
        if self.embedding is not None and self.context is not None:
            return self.embedding.shape(self.context.samples(self._log_mel))
        if self.context is None:
            return self.features.shape
        return self.context.shape(self._log_mel)

    @property
    def _log_mel(self) -> FeatureParameters:
        assert isinstance(self.features, FeatureParameters)
        return self.features

    def extract(
        self, waveforms: Int16Array, indices: IndexArray, copy: int | None
    ) -> FloatArray:
        """Computes the features of one augmented copy of clips.

        Args:
            waveforms: int16 (n, samples).
            indices: (n,), the place of each in its split.
            copy: the number of the copy; None for the clips as they are.

        Returns:
            float32 (n, frames, mels) in decibel, or what else
            ``features.extract`` gives.
        """
        return self.read(self.sounds(waveforms, indices, copy))

    def sounds(
        self, waveforms: Int16Array, indices: IndexArray, copy: int | None
    ) -> list[FloatArray]:
        """Makes the sound of one augmented copy of clips.

        Args:
            waveforms: int16 (n, samples).
            indices: (n,), the place of each in its split.
            copy: the number of the copy; None for the clips as they are.

        Returns:
            A stretch for each clip, float32 (samples,).
        """
        sounds = to_float(waveforms)
        if self.context is not None:
            return [
                self._stretch(self.context, sound, int(i), copy)
                for sound, i in zip(sounds, indices, strict=True)
            ]
        if copy is None:
            return list(sounds)
        return [
            augment(
                sound,
                self.noise,
                self.augmentation,
                copy_rng(self.seed, int(i), copy),
                self.features.sample_rate,
            )
            for sound, i in zip(sounds, indices, strict=True)
        ]

    def read(self, sounds: Sequence[FloatArray]) -> FloatArray:
        """Computes features of sound, or what hears it: see :meth:`extract`."""
        if self.context is None:
            return self.features.extract(np.stack(sounds))
        return np.stack(
            [heard(x, self._log_mel, self.embedding) for x in sounds]
        )

    def _stretch(
        self, context: Context, sound: FloatArray, i: int, copy: int | None
    ) -> FloatArray:
        """Puts a clip into its context; noise lies over both."""
        features = self._log_mel
        if copy is None:
            return context.place(sound, features, self.seed, i)
        rng = copy_rng(self.seed, i, copy)
        sound = augment(sound, (), self.augmentation, rng, features.sample_rate)
        stretch = context.vary(sound, self.noise, features, rng)
        if self.acoustics is not None:
            stretch = self.acoustics.heard(stretch, rng)
        return with_noise(stretch, self.noise, self.augmentation, rng)

    def fingerprint(self) -> dict[str, Any]:
        """Returns what tells this extractor from others, for a cache's key."""
        noise = hashlib.blake2b(digest_size=16)
        for part in self.noise:
            noise.update(str(part.shape).encode())
            noise.update(np.ascontiguousarray(part).data)
        return {
            "format": _FORMAT,
            "noise": noise.hexdigest(),
            "features": self.features.to_dict(),
            "augmentation": self.augmentation.to_dict(),
            "seed": self.seed,
            **({"context": self.context.to_dict()} if self.context else {}),
            **(
                {"acoustics": self.acoustics.to_dict()}
                if self.acoustics
                else {}
            ),
            **of_embedding(self.embedding),
        }


class Extractor(Protocol):
    """What makes features of augmented copies, such as a FeatureExtractor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a clip becomes."""

    def extract(
        self, waveforms: Int16Array, indices: IndexArray, copy: int | None
    ) -> FloatArray:
        """Computes the features of one augmented copy of clips."""

    def sounds(
        self, waveforms: Int16Array, indices: IndexArray, copy: int | None
    ) -> list[FloatArray]:
        """Makes the sound of one augmented copy of clips."""

    def read(self, sounds: Sequence[FloatArray]) -> FloatArray:
        """Computes the features of sound."""

    def fingerprint(self) -> dict[str, Any]:
        """Returns what tells this extractor from others."""

    def heard_by(self, embedding: SpeechEmbedding) -> "Extractor":
        """Returns what makes embeddings of the same sound."""
