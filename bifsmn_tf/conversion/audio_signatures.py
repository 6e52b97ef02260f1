"""Signatures that take sound, added to a model file.

    graph = writer.subgraph("audio")
    features = add_log_mel(graph, parameters, statistics)   # (1, 32, 32)

For a stream of sound, :func:`add_frame_signature` adds a signature that turns
the samples of one frame into one row of features.
"""

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.model_file.graph import Subgraph
from bifsmn_tf.model_file.graph import Tensor
from bifsmn_tf.model_file.ops.log_mel import LogMel
from bifsmn_tf.model_file.signatures import AUDIO
from bifsmn_tf.model_file.signatures import CLIP_SIGNATURE
from bifsmn_tf.model_file.signatures import FEATURES
from bifsmn_tf.model_file.signatures import FRAME_SIGNATURE
from bifsmn_tf.model_file.writer import ModelWriter


def add_log_mel(
    graph: Subgraph,
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
    samples: int | None = None,
    centred: bool = True,
) -> Tensor:
    """Adds the input ``audio``, and the op that makes features of it.

    Args:
        graph: to add them to.
        parameters: of the features.
        statistics: with which they are normalised.
        samples: of the input; by default those of a clip.
        centred: see ``LogMel``.

    Returns:
        The features, (1, frames, mels).

    Raises:
        ValueError: ``LogMel`` does not support the parameters.
    """
    shape = (1, parameters.samples if samples is None else samples)
    audio = graph.input(AUDIO, shape, np.float32)
    return add_features(graph, audio, parameters, statistics, centred)


def add_features(
    graph: Subgraph,
    samples: Tensor,
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
    centred: bool = False,
) -> Tensor:
    """Adds the op that makes features of samples.

    Args:
        graph: to add it to.
        samples: (1, samples).
        parameters: of the features.
        statistics: with which they are normalised.
        centred: see ``LogMel``.

    Returns:
        The features, (1, frames, mels).

    Raises:
        ValueError: ``LogMel`` does not support the parameters.
    """
    op = LogMel.of(parameters, statistics, centred)
    (spec,) = op.output_specs(samples)
    (features,) = graph.custom_op(op, [samples], [(FEATURES, *spec)])
    return features


def add_clip_signature(
    writer: ModelWriter,
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
) -> None:
    """Adds the signature ``audio``: a clip to features (1, frames, mels).

    Raises:
        ValueError: ``LogMel`` does not support the parameters.
    """
    graph = writer.subgraph(CLIP_SIGNATURE)
    graph.output(FEATURES, add_log_mel(graph, parameters, statistics))
    writer.signature(CLIP_SIGNATURE, graph)


def add_frame_signature(
    writer: ModelWriter,
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
) -> None:
    """Adds the signature ``frame``: audio (1, frame) to features (1, 1, mels).

    Raises:
        ValueError: ``LogMel`` does not support the parameters.
    """
    graph = writer.subgraph(FRAME_SIGNATURE)
    row = add_log_mel(
        graph,
        parameters,
        statistics,
        samples=parameters.frame_length,
        centred=False,
    )
    graph.output(FEATURES, row)
    writer.signature(FRAME_SIGNATURE, graph)
