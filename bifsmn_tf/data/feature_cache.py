"""Features of augmented clips, computed in parallel and kept on disk.

The log-mel features of an augmented clip cost about a millisecond, a training
step of a small network less than that a clip. So those of an epoch are computed
once, when they are first needed, and read back in every later epoch that uses
the same augmented copies.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from collections.abc import Sequence
from copy import copy as copy_of
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tqdm

from bifsmn_tf import whole_file
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
from bifsmn_tf.data.workers import Workers

# Change it when the same parameters come to mean other features.
_FORMAT = 1
_CHUNK = 64
# Below this, starting processes takes longer than doing without.
_WORTH_WORKERS = 1024

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
        sounds = to_float(waveforms)
        if self.context is not None:
            return np.stack(
                [
                    heard(
                        self._stretch(self.context, sound, int(i), copy),
                        self._log_mel,
                        self.embedding,
                    )
                    for sound, i in zip(sounds, indices, strict=True)
                ]
            )
        if copy is not None:
            sounds = np.stack(
                [
                    augment(
                        sound,
                        self.noise,
                        self.augmentation,
                        copy_rng(self.seed, int(i), copy),
                        self.features.sample_rate,
                    )
                    for sound, i in zip(sounds, indices, strict=True)
                ]
            )
        return self.features.extract(sounds)

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

    def fingerprint(self) -> dict[str, Any]:
        """Returns what tells this extractor from others."""

    def heard_by(self, embedding: SpeechEmbedding) -> "Extractor":
        """Returns what makes embeddings of the same sound."""


_Task = tuple[Int16Array, IndexArray, int | None]


def _extract(extractor: Extractor, task: _Task) -> FloatArray:
    return extractor.extract(*task)


class FeatureCache:
    """The features of a split, one augmented copy of it after the other.

    Args:
        waveforms: int16 (n, samples).
        extractor: makes features of them.
        cache_dir: where finished copies are kept, in a folder named by a hash
            of the waveforms and of all that the extractor depends on. None
            computes them anew each time.
        workers: how many processes compute; None for one a processor, 0 for
            this process alone.
        progress: whether to show a progress bar.

    Attributes:
        extractor: makes features of them.
        folder: the one that copies are kept in, or None.
    """

    def __init__(
        self,
        waveforms: Int16Array,
        extractor: Extractor,
        cache_dir: str | os.PathLike[str] | None,
        *,
        workers: int | None = None,
        progress: bool = True,
    ) -> None:
        self._waveforms = waveforms
        self.extractor = extractor
        self._progress = progress
        self._count = workers
        self._workers: Workers | None = None
        self._cache_dir = cache_dir
        self.folder: Path | None = None
        if cache_dir is not None:
            self.folder = Path(cache_dir) / f"features-{self.key}"

    @functools.cached_property
    def key(self) -> str:
        """What tells clips and extractor from others: a hash in hex."""
        data = hashlib.blake2b(digest_size=16)
        data.update(str(self._waveforms.shape).encode())
        data.update(np.ascontiguousarray(self._waveforms).data)
        key = json.dumps(
            [data.hexdigest(), self.extractor.fingerprint()], sort_keys=True
        )
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def reading(self, extractor: Extractor) -> "FeatureCache":
        """Returns what keeps what another extractor makes of the same clips."""
        return FeatureCache(
            self._waveforms,
            extractor,
            self._cache_dir,
            workers=self._count,
            progress=self._progress,
        )

    def stream(
        self, chunks: Iterator[IndexArray], copy: int | None
    ) -> Iterator[FloatArray]:
        """Computes the features of clips, a chunk at a time, uncached.

        Args:
            chunks: indices of clips.
            copy: the number of the augmented copy; None for the clips as they
                are.

        Yields:
            The features of each chunk, float32 (len(chunk), frames, mels).

        Raises:
            WorkerError: A process that computes died.
        """
        tasks = ((self._waveforms[chunk], chunk, copy) for chunk in chunks)
        if not self.in_processes:
            for task in tasks:
                yield self.extractor.extract(*task)
            return
        if self._workers is None:
            self._workers = Workers(self.extractor, count=self._count)
        yield from self._workers.map(_extract, tasks)

    @property
    def in_processes(self) -> bool:
        """Whether other processes than this one compute."""
        return self._count != 0 and len(self._waveforms) >= _WORTH_WORKERS

    def __call__(
        self, copy: int | None, *, quiet: bool = False
    ) -> npt.NDArray[np.float16]:
        """Returns the features of all clips, computed or from the disk.

        Half precision is exact to 0.03 dB up to 64 dB and 0.06 dB beyond, a
        thousandth of what the features vary by.

        Args:
            copy: the number of the augmented copy; None for the clips as they
                are.
            quiet: show no progress bar.

        Returns:
            float16 (n, frames, mels), in dB; mapped, not read, if it is kept
            on disk.

        Raises:
            WorkerError: A process that computes died.
        """
        name = "original" if copy is None else f"copy-{copy}"
        show = self._progress and not quiet
        if self.folder is None:
            return np.concatenate(list(self._parts(copy, name, show)))
        path = self.folder / f"{name}.npy"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            # Under another name until it is whole: what bears the right one
            # can be trusted, whenever this process is killed.
            with whole_file.replacing(path) as partial:
                self._write(self._parts(copy, name, show), partial)
        return np.load(path, mmap_mode="r")

    def _write(
        self, parts: Iterator[npt.NDArray[np.float16]], path: Path
    ) -> None:
        # Not through a memory map: on a full disk that is a crash instead of
        # an error.
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)),
            "fortran_order": False,
            "shape": (len(self._waveforms), *self.extractor.shape),
        }
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                file.write(part.data)

    def _parts(
        self, copy: int | None, name: str, show: bool
    ) -> Iterator[npt.NDArray[np.float16]]:
        n = len(self._waveforms)
        chunks = (
            np.arange(start, min(start + _CHUNK, n))
            for start in range(0, n, _CHUNK)
        )
        with tqdm.tqdm(
            total=n,
            desc=f"features, {name}",
            unit="clip",
            disable=None if show else True,
            leave=False,
        ) as bar:
            for features in self.stream(chunks, copy):
                yield features.astype(np.float16)
                bar.update(len(features))

    def close(self) -> None:
        """Ends the worker processes."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None
