"""Features to evaluate on: of clips as they are, without TensorFlow."""

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.feature_cache import FeatureCache
from bifsmn_tf.data.feature_extractor import FeatureExtractor


def evaluation_features(
    clips: Clips,
    features: Features,
    statistics: FeatureStatistics,
    *,
    workers: int | None = None,
    context: Context | None = None,
) -> FloatArray:
    """Computes the normalised features of unvaried clips.

    Args:
        clips: a split.
        features: how a waveform becomes features.
        statistics: of the training set.
        workers: processes; None for one a processor, 0 for this one alone.
        context: what clips stand in, for a network that reads a stream.

    Returns:
        float32 (n, frames, mels).

    Raises:
        WorkerError: A process that computes died.
    """
    extractor = FeatureExtractor(
        (), features, AugmentationParameters.none(), 0, context
    )
    uncached = FeatureCache(
        clips.waveforms, extractor, None, workers=workers, progress=False
    )
    chunks = (
        np.arange(start, min(start + 64, len(clips)))
        for start in range(0, len(clips), 64)
    )
    result = np.empty((len(clips), *extractor.shape), np.float32)
    start = 0
    try:
        for part in uncached.stream(chunks, None):
            result[start : start + len(part)] = statistics.normalise(part)
            start += len(part)
    finally:
        uncached.close()
    return result


def stretches(
    clips: Clips, features: FeatureParameters, context: Context
) -> FloatArray:
    """Puts unvaried clips into the sound that a stream brings.

    They are those of :func:`evaluation_features`.

    Args:
        clips: a split.
        features: what the network reads.
        context: what the clips stand in.

    Returns:
        float32 (n, samples of a stretch).
    """
    return np.stack(
        [
            context.place(to_float(clip), features, 0, i)
            for i, clip in enumerate(clips.waveforms)
        ]
    )
