"""Networks with random but plausible weights, statistics and thresholds."""

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN

SIZES = {
    "classes": 3,
    "frames": 9,
    "mels": 8,
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 12,
    "hidden_size": 16,
    "blocks": 4,
}
"""Of a network that is traced in seconds."""


def random_network(config: NetworkConfig, seed: int = 0) -> FSMN:
    """A network none of whose variables is at its initial value."""
    rng = np.random.default_rng(seed)
    network = FSMN(config)
    for variable in network.variables:
        name = variable.name.split("/")[-1]
        values = rng.normal(size=variable.shape)
        if name.startswith("moving_variance"):
            values = 5 + np.abs(values)
        elif name.startswith("slope"):
            values = 0.3 * np.abs(values)
        elif name.startswith(("gamma", "beta", "threshold", "bias")):
            values = 0.7 * values
        elif name.startswith("range"):
            values = 2 + np.abs(values)
        elif name.startswith("kernel"):
            values = 0.2 * values
        variable.assign(values)
    return network


def describe(
    config: NetworkConfig, features: FeatureParameters | None = None
) -> ModelMetadata:
    """A description that fits the network."""
    return ModelMetadata(
        label_names=tuple(f"word{i}" for i in range(config.classes)),
        features=features or FeatureParameters(),
        statistics=FeatureStatistics(-40.0, 22.0),
        network=config,
        dataset={"name": "none", "options": {}},
    )
