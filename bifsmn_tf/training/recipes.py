"""What belongs together, by name: recipes of training, sizes of features.

A single setting overrides what a name stands for.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.errors import UserError
from bifsmn_tf.network import architectures
from bifsmn_tf.network.config import NetworkConfig

FEATURES: Mapping[str, FeatureParameters] = {
    "paper": FeatureParameters(),
    "board": BOARD_FEATURES,
}
"""Features by name: the paper's, and those that cost a board a quarter."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a one-bit network is built and trained, as far as it is a choice.

    Attributes:
        network: Changes of the architecture's ``NetworkConfig``.
        loss: Changes of ``LossConfig``.
        fit: Changes of ``FitConfig``.
        data: Changes of ``DataConfig``.
    """

    network: Mapping[str, Any]
    loss: Mapping[str, Any]
    fit: Mapping[str, Any]
    data: Mapping[str, Any]


NO_RECIPE = Recipe({}, {}, {}, {})
"""Of a network in full precision."""

RECIPES: Mapping[str, Recipe] = {
    # The architectures are ours.
    "ours": Recipe(
        network={},
        loss={"logit_weight": 2.0},
        fit={"learning_rate": 1e-2},
        data={},
    ),
    "paper": Recipe(
        network={
            "activation_quantizer": "bifsmn_sign",
            "thresholds": False,
            "prelu": "shared",
            "projection_norm": False,
            "residual_scale": 1.0,
        },
        loss={"logit_weight": 0.0, "weight_decay": 1e-4},
        fit={"optimizer": "sgd", "learning_rate": 5e-3},
        data={"spec_mask": 0},
    ),
}
"""``"paper"`` is the paper's plain form, optimizer and augmentation those of
the authors' code; ``"ours"`` adds what training one-bit weights needs."""

SETTINGS = tuple(
    dict.fromkeys(
        name
        for recipe in RECIPES.values()
        for part in (recipe.loss, recipe.fit, recipe.data)
        for name in part
    )
)
"""The settings beside the network's that recipes say something of."""


def student(
    architecture: str,
    features: FeatureParameters,
    recipe: Recipe = NO_RECIPE,
    binarizer: str | None = None,
    **changes: Any,
) -> NetworkConfig:
    """Returns the network to train, with one class: a data set has more.

    The later of these overrides the earlier: architecture, recipe, binarizer,
    single changes.

    Args:
        architecture: One of ``ARCHITECTURES``.
        features: What the network reads.
        recipe: How the network is built.
        binarizer: One of ``BINARIZERS``, for one-bit networks.
        **changes: Single settings.

    Raises:
        UserError: Settings exclude each other, or there is no such quantizer.
    """
    frames, mels = features.shape
    config = architectures.ARCHITECTURES[architecture](
        classes=1,
        frames=frames,
        mels=mels,
        **{
            **recipe.network,
            **(architectures.BINARIZERS[binarizer] if binarizer else {}),
            **changes,
        },
    )
    for name in ("activation_quantizer", "kernel_quantizer"):
        quantizer = getattr(config, name)
        try:
            lq.quantizers.get(quantizer)
        except ValueError:
            raise UserError(
                f"{name}: there is no quantizer {quantizer!r}, see "
                "bifsmn_tf/network/quantizers/__init__.py"
            ) from None
    return config
