"""Features to evaluate on: of clips as they are, without TensorFlow."""

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.renditions import Renderer
from bifsmn_tf.data.renditions import Renditions


def evaluation_features(
    clips: Clips,
    features: Features,
    statistics: FeatureStatistics,
    *,
    workers: int | None = None,
) -> FloatArray:
    """Computes the normalised features of unvaried clips.

    Args:
        clips: a split.
        features: how a waveform becomes features.
        statistics: of the training set.
        workers: processes; None for one a processor, 0 for this one alone.

    Returns:
        float32 (n, frames, mels).
    """
    renderer = Renderer((), features, AugmentationParameters.none(), 0)
    renditions = Renditions(
        clips.waveforms, renderer, None, workers=workers, progress=False
    )
    chunks = (
        np.arange(start, min(start + 64, len(clips)))
        for start in range(0, len(clips), 64)
    )
    result = np.empty((len(clips), *features.shape), np.float32)
    start = 0
    try:
        for part in renditions.stream(chunks, None):
            result[start : start + len(part)] = statistics.normalise(part)
            start += len(part)
    finally:
        renditions.close()
    return result
