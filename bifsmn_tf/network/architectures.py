"""Architectures and binarizers by name, as settings of one network."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from bifsmn_tf.network.config import NetworkConfig


def dfsmn(classes: int, **changes: Any) -> NetworkConfig:
    """The full-precision D-FSMN of the paper: the teacher."""
    return NetworkConfig(classes=classes, **{"dropout": 0.2, **changes})


def bifsmn(classes: int, **changes: Any) -> NetworkConfig:
    """BiFSMN, N = 8, δ = 1, 2, 4, with what training 1-bit weights needs.

    ``thresholds=False, prelu="shared", projection_norm=False,
    activation_quantizer="bifsmn_sign"`` is the paper's plain form.
    """
    defaults = {
        "binary": True,
        "deltas": (1, 2, 4),
        "activation_quantizer": "bifsmn_approx_sign",
        "thresholds": True,
        "prelu": "channel",
        "projection_norm": True,
        "residual_scale": 0.3,
    }
    return NetworkConfig(classes=classes, **{**defaults, **changes})


_BNN = {
    "activation_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "thresholds": False,
}

BINARIZERS: Mapping[str, Mapping[str, Any]] = {
    "bnn": _BNN,
    "dorefa": {
        "activation_quantizer": "bifsmn_dorefa_activation",
        "kernel_quantizer": "bifsmn_dorefa_kernel",
        "thresholds": False,
    },
    # The weight is that of its authors' command.
    "rad": {**_BNN, "distribution_weight": 2.0},
    "xnor": {
        "activation_quantizer": "ste_sign",
        "kernel_quantizer": "bifsmn_xnor_kernel",
        "input_scale": True,
        "thresholds": False,
    },
    "bireal": {
        "activation_quantizer": "bifsmn_approx_sign",
        "kernel_quantizer": "bifsmn_scaled_sign",
        "thresholds": False,
    },
    "irnet": {
        "activation_quantizer": "bifsmn_ede_sign",
        "kernel_quantizer": "bifsmn_libra",
        "thresholds": False,
    },
    "w32a1": {
        "activation_quantizer": "bifsmn_sign",
        "kernel_quantizer": "bifsmn_scaled_sign",
        "float_pointwise": True,
        "thresholds": False,
    },
}
"""Settings that compare a binarizer with BiFSMN (Table 2), by its name.

What each one is: :mod:`bifsmn_tf.network.quantizers`. None of them learns
thresholds.
"""

UNSCALED_KERNELS = frozenset(
    {
        "bifsmn_sign",
        "bifsmn_approx_sign",
        "bifsmn_ede_sign",
        "bifsmn_latent",
        "ste_sign",
        "approx_sign",
        "swish_sign",
    }
)
"""Quantizers that give weights no scale beside their signs."""

_SMALL = {"memory_size": 32, "hidden_size": 64, "front_kernel": 3}


def dfsmn_s(classes: int, **changes: Any) -> NetworkConfig:
    """Full precision in the sizes of BiFSMN_S."""
    return dfsmn(classes, **{**_SMALL, **changes})


def bifsmn_s(classes: int, **changes: Any) -> NetworkConfig:
    """BiFSMN_S: memory 32, hidden 64, front-end kernels of 3."""
    return bifsmn(classes, **{**_SMALL, **changes})


def bifsmn_wide(classes: int, **changes: Any) -> NetworkConfig:
    """BiFSMN that loses less in front: all of it one bit, as the rest.

    48 instead of 32 channels behind the second convolution, and a projection
    of the first one beside it.
    """
    return bifsmn(
        classes, **{"front_outputs": 48, "front_skip": True, **changes}
    )


def bifsmn_mixed(classes: int, **changes: Any) -> NetworkConfig:
    """Mixed precision: the same with 8 bits where one bit costs most."""
    return bifsmn_wide(
        classes, **{"int8_sites": ("conv2", "projection"), **changes}
    )


_STREAMING = {"streaming": True, "look_back": 1, "look_ahead": 0}


def dfsmn_stream(classes: int, **changes: Any) -> NetworkConfig:
    """The full-precision D-FSMN of a stream: the teacher of bifsmn_stream."""
    return dfsmn(classes, **{**_STREAMING, **changes})


def bifsmn_stream(classes: int, **changes: Any) -> NetworkConfig:
    """BiFSMN of a stream, with the wider front end, one bit everywhere."""
    return bifsmn_wide(classes, **{**_STREAMING, **changes})


ARCHITECTURES: Mapping[str, Callable[..., NetworkConfig]] = {
    "dfsmn": dfsmn,
    "dfsmn_s": dfsmn_s,
    "bifsmn": bifsmn,
    "bifsmn_s": bifsmn_s,
    "bifsmn_wide": bifsmn_wide,
    "bifsmn_mixed": bifsmn_mixed,
    "dfsmn_stream": dfsmn_stream,
    "bifsmn_stream": bifsmn_stream,
}
"""What ``--architecture`` names, each taking the classes and changes."""
