"""Makes normalised batches of clips, fast enough that training never waits.

``python -m bifsmn_tf.benchmarking.pipeline_speed`` measures it.
"""

import contextlib
import functools
import hashlib
import math
import os
import weakref
import zlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.ahead import Ahead
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.feature_cache import FeatureCache
from bifsmn_tf.data.feature_extractor import FeatureExtractor
from bifsmn_tf.data.pieces import Moments
from bifsmn_tf.data.pieces import PieceExtractor
from bifsmn_tf.data.spec_augment import spec_augment
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.errors import UserError

_POOL_STEPS = 64
"""Further decisions in a stretch of a pool: some eight seconds."""

_POOL_PART = 500
"""Stretches that are computed together."""

_ORDER, _MASKS = (zlib.crc32(word) for word in (b"order", b"masks"))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset that tf.data does not tune while it runs.

    The thread that tunes sleeps between its looks, for 10 ms at first and
    twice as long each time, and the end of an iteration waits until it wakes:
    an epoch took 5.1, 10.2 or 20.5 seconds, whatever its steps did.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class Mined(NamedTuple):
    """Pieces that take the place of half of an epoch's others, at most.

    Attributes:
        features: float16 (n, frames, mels) in dB.
        logits: What is taught of them beside the label, float16 (n, classes),
            where something is.
        hints: Likewise of hidden states, float16 (n, size).
    """

    features: npt.NDArray[np.float16]
    logits: npt.NDArray[np.float16] | None = None
    hints: npt.NDArray[np.float16] | None = None

    def and_more(self, more: "Mined") -> "Mined":
        """Returns both, of which the same is taught."""
        return Mined(
            np.concatenate([self.features, more.features]),
            _both(self.logits, more.logits),
            _both(self.hints, more.hints),
        )


def _both(
    first: npt.NDArray[np.float16] | None,
    second: npt.NDArray[np.float16] | None,
) -> npt.NDArray[np.float16] | None:
    if first is None or second is None:
        return None
    return np.concatenate([first, second])


class TrainingPipeline:
    """Batches of augmented, normalised features, the same for the same seed.

    Epoch e takes augmented copy e mod ``copies`` of every clip, in an order
    that depends on (seed, e) only, so that epoch e is the same whether the run
    began with it or with epoch 0. While an epoch is taken, processes compute
    the next copy.

    Args:
        clips: the train split.
        noise: background recordings to mix in, float32; may be empty.
        features: how a waveform becomes features.
        augmentation: how a waveform is varied; None leaves it as it is.
        batch_size: clips a batch; what is left over at the end of an epoch is
            dropped.
        seed: of order, variation and masks.
        copies: how many augmented copies of a clip there are; they are computed
            when first needed. 0 augments anew in every epoch and caches
            nothing.
        cache_dir: where the features are kept; None keeps none.
        spec_augment: masks on the features, new in every epoch; None for none.
        workers: processes that compute features; None for one a processor, 0
            for none but this one.
        progress: whether to show progress bars while computing features.
        statistics: to normalise with; None takes those of the unvaried
            features.
        context: what clips stand in, for a network that reads a stream.
        acoustics: where stretches are heard.
        pieces: makes pieces of sound that is no keyword.
        number: how many of them an epoch has beside the clips.
        unknown: the label of a piece.
        embedding: what hears embeddings of the same sound, for :meth:`heard`.

    Attributes:
        labels: those of the clips, then of the pieces, int32 (n,).
        logits: what an epoch teaches beside the labels, float16 (copies, n,
            classes), or None: a batch then has them as its third part.
        hints: what it teaches of hidden states, float16 (copies, n, size), or
            None: a batch then has them behind the logits.
        mined: pieces that take the place of others, or None.
        statistics: mean and standard deviation that normalise the features.
        steps_per_epoch: batches an epoch.

    Raises:
        UserError: There are fewer clips than one batch takes, or a number is
            impossible.
        WorkerError: A process that computes features died.
    """

    def __init__(
        self,
        clips: Clips,
        noise: Sequence[FloatArray],
        features: Features,
        augmentation: AugmentationParameters | None,
        *,
        batch_size: int,
        seed: int,
        copies: int = 8,
        cache_dir: str | os.PathLike[str] | None = None,
        spec_augment: SpecAugmentParameters | None = None,
        workers: int | None = None,
        progress: bool = True,
        statistics: FeatureStatistics | None = None,
        context: Context | None = None,
        acoustics: Acoustics | None = None,
        pieces: PieceExtractor | None = None,
        number: int = 0,
        unknown: int = 0,
        embedding: SpeechEmbedding | None = None,
    ) -> None:
        if batch_size < 1 or copies < 0:
            raise UserError(
                f"batch_size has to be 1 or more, not {batch_size}; copies 0 "
                f"or more, not {copies}"
            )
        if len(clips) < batch_size:
            raise UserError(
                f"{len(clips)} clips do not fill one batch of {batch_size}"
            )
        self._clips = clips
        self._seed = seed
        self._batch_size = batch_size
        self._copies = copies
        self._augmented = augmentation is not None
        self._spec_augment = spec_augment
        extractor = FeatureExtractor(
            noise,
            features,
            augmentation or AugmentationParameters.none(),
            seed,
            context,
            acoustics,
        )
        self._cache = FeatureCache(
            clips.waveforms,
            extractor,
            cache_dir,
            workers=workers,
            progress=progress,
        )
        weakref.finalize(self, self._cache.close)
        self._pieces: FeatureCache | None = None
        self._extractor = pieces
        self._cache_dir, self._workers = cache_dir, workers
        self._progress = progress
        if pieces is not None and number:
            if not (copies and self._augmented):
                raise UserError(
                    "negatives are pieces that are computed once for each "
                    "variation of the clips: augment them, with renditions of "
                    "1 or more"
                )
            self._pieces = FeatureCache(
                np.empty((number, 0), np.int16),
                pieces,
                cache_dir,
                workers=workers,
                progress=progress,
            )
            weakref.finalize(self, self._pieces.close)
        else:
            number = 0
        self.mined: Mined | None = None
        self._embedding = embedding
        self.logits: npt.NDArray[np.float16] | None = None
        self.hints: npt.NDArray[np.float16] | None = None
        self.labels = np.concatenate(
            [clips.labels, np.full(number, unknown, np.int32)]
        )
        self._embedded = self._embedding_caches(embedding)
        self._memory: dict[int | None, npt.NDArray[np.float16]] = {}
        self._taken: set[int] = set()
        self._ahead: Ahead | None = None
        self.statistics = statistics or FeatureStatistics.of(
            self._features(None)
        )
        self.steps_per_epoch = len(self.labels) // batch_size
        self._shape = extractor.shape

    def _embedding_caches(
        self, embedding: SpeechEmbedding | None
    ) -> list[FeatureCache]:
        """Returns what computes embeddings of clips, and of pieces if any."""
        if embedding is None:
            return []
        found = [
            cache.reading(cache.extractor.heard_by(embedding))
            for cache in self._caches
        ]
        for cache in found:
            weakref.finalize(self, cache.close)
        return found

    @property
    def heard_key(self) -> str:
        """What tells the sound of :meth:`heard` and its labels from others."""
        key = hashlib.sha256(np.ascontiguousarray(self.labels).tobytes())
        for cache in self._embedded:
            key.update(cache.key.encode())
        return key.hexdigest()[:16]

    @property
    def copies(self) -> int:
        """How many variations of a clip there are."""
        return self._copies

    def heard(self) -> npt.NDArray[np.float16]:
        """Returns the embeddings of all variations, without what is mined.

        Features of the same sound are computed beside, if they are kept.

        Returns:
            float16 (copies, clips and pieces, embeddings, their size).

        Raises:
            ValueError: Nothing hears embeddings here.
        """
        if not self._embedded:
            raise ValueError("the pipeline was made without an embedding")
        copies = range(self._copies)
        found = []
        for cache, embedded in zip(self._caches, self._embedded, strict=True):
            cache.beside(embedded, copies)
            found.append(np.stack([embedded(copy) for copy in copies]))
            # Its processes hold all clips, and a network.
            embedded.close()
        return np.concatenate(found, axis=1)

    @property
    def _caches(self) -> list[FeatureCache]:
        """What computes features of clips, and of pieces if any."""
        return [x for x in (self._cache, self._pieces) if x is not None]

    def _features(
        self, copy: int | None, quiet: bool = False
    ) -> npt.NDArray[np.float16]:
        if self._cache.folder is not None:
            return self._cache(copy, quiet=quiet)
        if copy not in self._memory:
            self._memory[copy] = self._cache(copy, quiet=quiet)
        return self._memory[copy]

    def _prepare(self, copy: int) -> None:
        """Has processes compute a copy while something else goes on."""
        if copy >= self._copies or copy in self._taken or self._ahead:
            return
        if all(cache.in_processes for cache in self._caches):
            self._ahead = Ahead(functools.partial(self._compute, copy))

    def _compute(self, copy: int) -> None:
        self._features(copy, quiet=True)
        if self._pieces is not None and self._pieces.folder is not None:
            self._pieces(copy, quiet=True)

    def _varied(self, copy: int) -> npt.NDArray[np.float16]:
        """Returns the features of a copy, pieces of negatives behind clips."""
        if self._ahead is not None and copy not in self._taken:
            ahead, self._ahead = self._ahead, None
            ahead.wait()
        self._taken.add(copy)
        features = self._features(copy)
        if self._pieces is None:
            return features
        pieces = self._pieces(copy)
        if self.mined is not None:
            rows = self._mined_rows(copy)
            mined = self.mined.features[rows]
            pieces = np.concatenate([pieces[len(rows) :], mined])
        return np.concatenate([features, pieces])

    def _mined_rows(self, copy: int) -> npt.NDArray[np.int64]:
        """Returns which of the mined pieces a copy has."""
        if self.mined is None:
            return np.zeros(0, np.int64)
        count = len(self.mined.features)
        taken = min(self.number // 2, count)
        return np.arange(copy * taken, (copy + 1) * taken) % count

    def _taught(self, copy: int) -> list[npt.NDArray[np.float16]]:
        """Returns logits and hints of what :meth:`_varied` returns.

        In its order, those that there are.
        """
        rows = self._mined_rows(copy)
        first = len(self._clips)
        found = []
        for name in ("logits", "hints"):
            of_all = getattr(self, name)
            if of_all is None:
                continue
            one = of_all[copy]
            if len(rows):
                others = one[first + len(rows) :]
                mined = getattr(self.mined, name)[rows]
                one = np.concatenate([one[:first], others, mined])
            found.append(one)
        return found

    @property
    def number(self) -> int:
        """The pieces of negatives in an epoch."""
        return len(self.labels) - len(self._clips)

    def pool(
        self, hours: float, step_frames: int
    ) -> Iterator[tuple[int, npt.NDArray[np.float16]]]:
        """Computes long stretches of negatives that no epoch has.

        Args:
            hours: how much sound, roughly.
            step_frames: frames from a decision to the next one.

        Yields:
            Some of them, float16 (n, frames, mels) in dB, behind the number of
            their copy.

        Raises:
            UserError: There are no negatives.
        """
        if self._pieces is None or self._extractor is None:
            raise UserError("there are no negatives to look among")
        frames = self._pool_frames(step_frames)
        features = self._extractor.features
        seconds = frames * features.hop / features.sample_rate
        left = math.ceil(hours * 3600 / seconds)
        for part in range(math.ceil(left / _POOL_PART)):
            stretches = FeatureCache(
                np.empty((min(left, _POOL_PART), 0), np.int16),
                self._extractor.longer(frames),
                self._cache_dir,
                workers=self._workers,
                progress=self._progress,
            )
            left -= _POOL_PART
            with contextlib.closing(stretches):
                yield self._copies + part, stretches(self._copies + part)

    def _pool_frames(self, step_frames: int) -> int:
        return self._shape[0] + step_frames * _POOL_STEPS

    def heard_at(
        self, moments: Moments, step_frames: int
    ) -> npt.NDArray[np.float16]:
        """Returns the embeddings of pieces of :meth:`pool`.

        Args:
            moments: where they begin.
            step_frames: what the pool was made for.

        Returns:
            float16 (n, embeddings, their size).

        Raises:
            ValueError: Nothing hears embeddings here, or there is no pool.
        """
        if self._embedding is None or self._extractor is None:
            raise ValueError("the pipeline has no pool, or no embedding")
        frames = self._pool_frames(step_frames)
        cache = FeatureCache(
            np.empty((len(moments.rows), 0), np.int16),
            self._extractor.longer(frames)
            .at(moments, self._shape[0])
            .heard_by(self._embedding),
            self._cache_dir,
            workers=self._workers,
            progress=self._progress,
        )
        with contextlib.closing(cache):
            return cache(0)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Returns the indices of an epoch's clips, int64 (steps, batch).

        Those of negatives follow those of the clips.
        """
        rng = np.random.default_rng([self._seed, _ORDER, epoch])
        shuffled = rng.permutation(len(self.labels))
        used = self.steps_per_epoch * self._batch_size
        return shuffled[:used].reshape(-1, self._batch_size)

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """Returns the batches of one epoch.

        Args:
            epoch: which, from 0.

        Returns:
            ``steps_per_epoch`` pairs of normalised features, float32 (batch,
            frames, mels), and labels, int32 (batch,); with :attr:`logits` and
            :attr:`hints` those as well, float32 (batch, classes) and (batch,
            size).
        """
        order = self.order(epoch)
        labels = self.labels[order]
        if not self._augmented:
            dataset = self._cached(order, self._features(None))
        elif self._copies == 0:
            dataset = self._fresh(order, epoch)
        else:
            copy = epoch % self._copies
            dataset = self._cached(order, self._varied(copy))
            self._prepare(copy + 1)
        mean = tf.constant(self.statistics.mean, tf.float32)
        scale = tf.constant(1 / self.statistics.std, tf.float32)
        rng = np.random.default_rng([self._seed, _MASKS, epoch])
        seeds = rng.integers(-(2**31), 2**31, (len(order), 2), np.int32)

        def finish(
            features: tf.Tensor, rest: tuple[tf.Tensor, tf.Tensor]
        ) -> tuple[tf.Tensor, tf.Tensor]:
            batch_labels, batch_seed = rest
            features = (tf.cast(features, tf.float32) - mean) * scale
            if self._spec_augment is not None:
                features = spec_augment(
                    features, self._spec_augment, batch_seed
                )
            return features, batch_labels

        rest = tf.data.Dataset.from_tensor_slices((labels, seeds))
        dataset = tf.data.Dataset.zip((dataset, rest)).map(
            finish, num_parallel_calls=2, deterministic=True
        )
        if self.logits is not None:
            taught = self._taught(epoch % self._copies)
            more = [self._cached(order, one) for one in taught]
            dataset = tf.data.Dataset.zip((dataset, *more)).map(
                lambda batch, *rest: (
                    *batch,
                    *[tf.cast(one, tf.float32) for one in rest],
                )
            )
        dataset = dataset.apply(
            tf.data.experimental.assert_cardinality(self.steps_per_epoch)
        )
        return untuned(dataset.prefetch(8))

    def _cached(
        self, order: npt.NDArray[np.int64], features: npt.NDArray[np.float16]
    ) -> tf.data.Dataset:
        # On the CPU, where tf.data runs, also if there is a GPU.
        with tf.device("CPU"):
            table = tf.constant(np.asarray(features))
        return tf.data.Dataset.from_tensor_slices(order).map(
            lambda batch: tf.gather(table, batch),
            num_parallel_calls=2,
            deterministic=True,
        )

    def _fresh(
        self, order: npt.NDArray[np.int64], epoch: int
    ) -> tf.data.Dataset:
        def batches() -> Iterator[FloatArray]:
            yield from self._cache.stream(iter(order), epoch)

        return tf.data.Dataset.from_generator(
            batches,
            output_signature=tf.TensorSpec(
                (self._batch_size, *self._shape), tf.float32
            ),
        )
