"""The residual in 16-bit integers.

One resolution, in units of the trained network per step, holds for a whole
file. It is as fine as it can be while no sum of the network, whatever its
input, leaves 16 bits: what every stage can add at most is known from its
weights, so that no recordings are needed to choose it.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.ops import MAX_DENSE_WEIGHTS
from bifsmn_tf.network.export import Epilogue
from bifsmn_tf.network.export import ExportedNetwork
from bifsmn_tf.network.export import ExportedStage
from bifsmn_tf.network.quantizers.int8 import STEPS
from bifsmn_tf.network.topology import nodes

_LARGEST = 32767
_ONE = 1 << 15

_MOST_DEVIATIONS = 16
"""Standard deviations of sums of 8-bit products that there is room for."""


@dataclasses.dataclass(frozen=True)
class ResidualStage:
    """A stage that adds to the residual.

    Attributes:
        epilogue: What follows its integer dot products.
        largest_dot: The bound of these, in [-largest_dot, largest_dot]: one
            for all channels, or (channels,).
        multiplies: Whether they are multiplied in 16 bits, too; those of 8-bit
            weights become floats, which are rounded to the residual's steps.
    """

    epilogue: Epilogue
    largest_dot: int | npt.NDArray[np.int64]
    multiplies: bool = True

    @classmethod
    def of(cls, stage: ExportedStage) -> "ResidualStage":
        """Returns a stage of one bit, two bits or 8 bits."""
        if stage.input_step is not None:
            largest = _largest_int8_dot(stage)
            return cls(stage.epilogue, largest, multiplies=False)
        return cls(stage.epilogue, stage.node.largest_dot)

    @property
    def shift(self) -> int:
        """The most bits to shift a dot product by without leaving 16."""
        return (_LARGEST // int(np.max(self.largest_dot))).bit_length() - 1

    def largest(self) -> npt.NDArray[np.float64]:
        """Returns the largest magnitude before or behind PReLU, per channel."""
        scale, offset, slope = (
            x.astype(np.float64)
            for x in (
                self.epilogue.scale,
                self.epilogue.offset,
                self.epilogue.slope,
            )
        )
        ends = np.stack(
            [
                offset - scale * self.largest_dot,
                offset + scale * self.largest_dot,
            ]
        )
        behind = np.where(ends >= 0, ends, ends * slope)
        return np.abs(np.concatenate([ends, behind])).max(axis=0)


def step_of(network: ExportedNetwork) -> float:
    """Returns the units of a network per step of its residual in integers.

    Args:
        network: A network of one bit, where no site has more than 8.
    """
    return resolution(
        [
            ResidualStage.of(network.stage(node, delta))
            for node in nodes(network.config, delta)
            if node.writes_residual
        ]
        for delta in network.config.deltas
    )


def resolution(paths: Iterable[Iterable[ResidualStage]]) -> float:
    """Returns the smallest step with which nothing saturates.

    Args:
        paths: The stages that add to one residual, for each depth.
    """
    needed = 0.0
    for path in paths:
        total = np.zeros(())
        steps = 0
        for stage in path:
            total = total + stage.largest()
            if stage.multiplies:
                # A multiplier is a 16-bit fraction, too.
                scale = np.abs(stage.epilogue.scale.astype(np.float64)).max()
                needed = max(
                    needed, scale * _ONE / (1 << stage.shift) / _LARGEST
                )
            steps += 4
        # Each of a stage's roundings adds at most a step.
        needed = max(needed, float(np.max(total)) / (_LARGEST - steps))
    return needed


def parameters(
    stage: ResidualStage, threshold: npt.NDArray, step: float
) -> npt.NDArray[np.int16]:
    """Returns the input ``parameters`` of an op into the integer residual.

    Args:
        stage: The stage.
        threshold: The threshold of the sign that reads the residual next,
            (channels,); of two bits the three of them, (3, channels).
        step: What :func:`step_of` gives.

    Returns:
        int16 (4, channels) or (6, channels): scale, offset, slope less 1,
        threshold or thresholds.

    Raises:
        UserError: A slope is not in [0, 2).
    """
    epilogue = stage.epilogue
    outside = np.flatnonzero((epilogue.slope < 0) | (epilogue.slope >= 2))
    if outside.size:
        raise UserError(
            f"PReLU has a slope of {epilogue.slope[outside[0]]:g} in channel "
            f"{outside[0]}; a residual of 16-bit integers takes slopes "
            "in [0, 2). Convert with a float32 residual."
        )
    scale = epilogue.scale.astype(np.float64) / step * _ONE / (1 << stage.shift)
    offset = epilogue.offset.astype(np.float64) / step
    slope = (epilogue.slope.astype(np.float64) - 1) * _ONE
    above = limit(threshold, step)
    rows = np.vstack([np.rint(scale), np.rint(offset), np.rint(slope), above])
    return np.clip(rows, -_LARGEST, _LARGEST).astype(np.int16)


def limit(threshold: npt.NDArray, step: float) -> npt.NDArray[np.float64]:
    """Returns whole numbers that parts the same steps as ``threshold``."""
    above = np.ceil(threshold.astype(np.float64) / step)
    return np.clip(above, -_LARGEST, _LARGEST)


def dense(
    weights: npt.NDArray, bias: npt.NDArray, step: float
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Returns the classifier of the integer residual.

    Args:
        weights: float32 (outputs, inputs).
        bias: float32 (outputs,).
        step: What :func:`step_of` gives.

    Returns:
        int8 weights (outputs, inputs), and scale and bias, float32
        (2, outputs).
    """
    magnitude = np.abs(weights.astype(np.float64))
    # Rounding adds at most 1/2 to each weight.
    room = max(MAX_DENSE_WEIGHTS - weights.shape[1] / 2, 1.0)
    scale = np.maximum(
        magnitude.max(axis=1) / 127, magnitude.sum(axis=1) / room
    )
    scale = np.maximum(scale, 1e-12)
    integers = np.rint(weights / scale[:, np.newaxis]).astype(np.int8)
    return integers, np.stack([scale * step, bias]).astype(np.float32)


def _largest_int8_dot(stage: ExportedStage) -> npt.NDArray[np.int64]:
    """Returns what sums of 8-bit products are taken to reach, per channel.

    At most what their weights allow, which nothing comes near to; so no more
    than :data:`_MOST_DEVIATIONS` around the mean where training has kept
    statistics. What is beyond saturates, in Keras' integers as well.
    """
    assert stage.integers is not None and stage.input_step is not None
    weights = np.abs(stage.integers.astype(np.int64))
    largest = STEPS * weights.sum(axis=0)
    if stage.statistics is None:
        return largest
    mean, variance = stage.statistics
    reach = np.abs(mean) + _MOST_DEVIATIONS * np.sqrt(variance)
    scale = stage.weight_scale * stage.input_step
    return np.minimum(largest, np.ceil(reach / scale).astype(np.int64))
