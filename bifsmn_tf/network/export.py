"""Trained weights as plain NumPy values, without TensorFlow.

What a stage has learned leaves Keras once, for each depth: the weights as
integers, and what follows their products. The writer of model files and the
integer network read the same values.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.topology import Node

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Epilogue:
    """What follows a dot product, for each channel: float32 (channels,) each.

    Attributes:
        scale: The factor: BatchNorm's, times α.
        offset: The summand: BatchNorm's.
        slope: PReLU's slope below 0.

    Raises:
        UserError: A value is not finite.
    """

    scale: Floats
    offset: Floats
    slope: Floats

    def __post_init__(self) -> None:
        for name in ("scale", "offset", "slope"):
            _check_finite(name, getattr(self, name))

    def __call__(self, dot: npt.NDArray) -> Floats:
        """Returns float32 of integers (..., channels), as inference rounds."""
        x = dot.astype(np.float32) * self.scale + self.offset
        return np.where(x >= 0, x, x * self.slope)


@dataclasses.dataclass(frozen=True)
class ExportedStage:
    """What a stage has learned, at one depth.

    Attributes:
        node: Its place in the topology.
        kernel: The trained weights, float32 in the kernel's shape.
        integers: The weights as the ops take them, int8 in the kernel's shape;
            None in full precision.
        weight_scale: The factor of products with the integers, float32
            (channels,); ones in full precision.
        epilogue: What follows the products.
        threshold: The threshold of the sign in front, float32 (in,); of two
            bits three of them, ascending, (3, in); None without a sign.
        input_step: The step of the 8-bit activation in front, or None.
        input_inverse_step: Its inverse, as float32 rounds it.
        statistics: BatchNorm's moving mean and variance of what the linear
            layer gives, float32 (channels,) each; None without a norm.

    Raises:
        UserError: A value is not finite.
    """

    node: Node
    kernel: Floats
    integers: npt.NDArray[np.int8] | None
    weight_scale: Floats
    epilogue: Epilogue
    threshold: Floats | None
    input_step: np.float32 | None
    input_inverse_step: float | None
    statistics: tuple[Floats, Floats] | None

    def __post_init__(self) -> None:
        if self.threshold is not None:
            _check_finite("thresholds", self.threshold)

    def image(self) -> npt.NDArray[np.int8]:
        """Returns the integers as (outputs, rows, columns, channels)."""
        assert self.integers is not None
        node = self.node
        image = self.integers.reshape(
            *node.kernel_size, node.input_shape[-1], node.outputs
        )
        return np.ascontiguousarray(image.transpose(3, 0, 1, 2))


@dataclasses.dataclass(frozen=True)
class ExportedNetwork:
    """What a network has learned.

    Attributes:
        config: The network's settings.
        stages: Each stage at each of its depths, by the node's name.
        classifier_weights: float32 (inputs, classes).
        classifier_bias: float32 (classes,).
    """

    config: NetworkConfig
    stages: Mapping[str, tuple[ExportedStage, ...]]
    classifier_weights: Floats
    classifier_bias: Floats

    def stage(self, node: Node, delta: int) -> ExportedStage:
        """Returns a node's stage at one depth."""
        return self.stages[node.name][node.variant(delta)]


def _check_finite(name: str, values: npt.NDArray) -> None:
    if not np.all(np.isfinite(values)):
        raise UserError(
            f"the network's {name} is not finite: its training diverged"
        )
