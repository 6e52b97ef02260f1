"""Small files to measure, with and without ops of ours."""

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.network.architectures import bifsmn


def builtin_model(signatures=("one", "two")) -> bytes:
    """A matrix product for each signature, or one without any."""
    writer = ModelWriter()
    for number, key in enumerate(signatures or [None]):
        graph = writer.subgraph(key or "main")
        x = graph.input("x", (1, 3), np.float32)
        weights = np.full((2, 3), number + 1, np.float32)
        bias = np.zeros(2, np.float32)
        graph.output("y", graph.fully_connected(x, weights, bias, "y"))
        if key:
            writer.signature(key, graph)
    return writer.build()


def binary_model() -> bytes:
    """A BiFSMN with two depths and two blocks."""
    from bifsmn_tf.conversion.binary import convert_binary
    from bifsmn_tf.network.fsmn import FSMN

    config = bifsmn(
        3,
        frames=8,
        mels=8,
        front_channels=4,
        memory_size=16,
        hidden_size=16,
        blocks=2,
        deltas=(1, 2),
    )
    description = ModelMetadata(
        label_names=("yes", "no", "on"),
        features=FeatureParameters(),
        statistics=FeatureStatistics(0.0, 1.0),
        network=config,
        dataset={"name": "none", "options": {}},
    )
    return convert_binary(FSMN(config), description).content


BINARY_LAYERS = {
    "delta_1": [
        "conv1",
        "conv2",
        "projection",
        "block1/memory",
        "block1/expand",
        "block1/shrink",
        "block2/memory",
        "block2/expand",
        "block2/shrink",
        "classifier",
    ],
    "delta_2": [
        "conv1",
        "conv2",
        "projection",
        "block2/memory",
        "block2/expand",
        "block2/shrink",
        "classifier",
    ],
}
"""What the signatures of :func:`binary_model` run."""
