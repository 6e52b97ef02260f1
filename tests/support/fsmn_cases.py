"""Small networks of every kind, and features for them."""

import numpy as np

from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.fsmn import FSMN

SMALL = {
    "classes": 5,
    "frames": 13,
    "mels": 10,
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 16,
    "hidden_size": 24,
}


CONFIGS = {
    "bifsmn": bifsmn(**SMALL),
    "paper": bifsmn(
        **SMALL,
        thresholds=False,
        prelu="shared",
        projection_norm=False,
        activation_quantizer="bifsmn_sign",
    ),
    "memory": bifsmn(
        **SMALL, look_back=3, look_ahead=1, stride_back=2, stride_ahead=1
    ),
    "short": bifsmn(**{**SMALL, "frames": 5}),
    "thin": bifsmn(**SMALL, deltas=(2, 8)),
    "front_skip": bifsmn(**SMALL, front_skip=True, front_outputs=6),
    "front_skip_of_odd_sizes": bifsmn(
        **{**SMALL, "frames": 15, "mels": 9}, front_skip=True
    ),
    "front_skip_float": bifsmn(
        **SMALL, front_skip=True, float_sites=("projection",)
    ),
    "front_skip_alone": bifsmn(
        **SMALL, front_skip=True, float_sites=("conv2",)
    ),
    "float_sites": bifsmn(**SMALL, float_sites=("conv2", "memory")),
    "other_float_sites": bifsmn(
        **SMALL, float_sites=("projection", "expand", "shrink")
    ),
    "int8_sites": bifsmn(**SMALL, int8_sites=("conv2", "projection", "memory")),
    "mixed_precision": bifsmn(
        **SMALL,
        float_sites=("memory",),
        int8_sites=("conv2", "expand", "shrink"),
    ),
    "dfsmn": dfsmn(**SMALL),
    "dfsmn_options": dfsmn(
        **SMALL,
        front_outputs=7,
        front_skip=True,
    ),
    "dfsmn_thinnable": dfsmn(**SMALL, deltas=(1, 2, 4), prelu="channel"),
}


BINARIZED = {
    name: bifsmn(**SMALL, **changes) for name, changes in BINARIZERS.items()
}


OPTIONS = {
    "first stage": bifsmn(**SMALL, kernel_quantizer=FLOAT_WEIGHTS),
    "windows": bifsmn(**SMALL, learned_window=True),
    "first stage with windows": bifsmn(
        **SMALL, kernel_quantizer=FLOAT_WEIGHTS, learned_window=True
    ),
    "dual": bifsmn(**SMALL, dual_activations=True, learned_window=True),
    "two bits": bifsmn(
        **SMALL,
        two_bit_sites=("conv2", "projection", "memory"),
        learned_window=True,
    ),
    "two bits without thresholds": bifsmn(
        **SMALL, two_bit_sites=("memory", "expand"), thresholds=False
    ),
    "dual without thresholds": bifsmn(
        **SMALL, dual_activations=True, thresholds=False
    ),
}


def randomised(config, seed=0):
    """A network none of whose weights is where it was initialised."""
    network = FSMN(config)
    generator = np.random.default_rng(seed)
    for variable in network.weights:
        name = variable.name.split("/")[-1].split(":")[0]
        values = generator.normal(size=variable.shape)
        if name == "moving_variance":
            values = generator.uniform(5, 40, variable.shape)
        elif name == "gamma":
            values = values + np.sign(values) * 0.5
        elif name == "moving_mean":
            values = values * 3
        elif name == "slope":
            values = np.abs(values) * 0.5 if variable.constraint else values
        elif name == "range":
            values = 3 + np.abs(values)
        elif name == "window":
            values = np.exp(0.5 * values)
        elif name == "kernel" and not config.binary:
            values = values / np.sqrt(variable.shape[0])
        variable.assign(values)
    return network


def features_of(config, batch=3, seed=1):
    shape = (batch, config.frames, config.mels)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
