"""The residual stream in 16-bit integers.

One resolution, in units of the trained network per step, holds for a whole
file. It is as fine as it can be while no sum of the network, whatever its
input, leaves 16 bits: what every stage can add at most is known from its
weights, so that no recordings are needed to choose it.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bifsmn_tf.conversion.thresholds import Epilogue
from bifsmn_tf.model_file.ops import MAX_DENSE_WEIGHTS

_LARGEST = 32767
_ONE = 1 << 15


@dataclasses.dataclass(frozen=True)
class StreamStage:
    """A stage that adds to the stream.

    Attributes:
        epilogue: what follows its integer dot products.
        largest_dot: they lie in [-largest_dot, largest_dot]; one for all
            channels, or (channels,).
        multiplies: whether they are multiplied in 16 bits, too; those of 8-bit
            weights become floats, which are rounded to the stream's steps.
    """

    epilogue: Epilogue
    largest_dot: int | npt.NDArray[np.int64]
    multiplies: bool = True

    @property
    def shift(self) -> int:
        """The most bits to shift a dot product by without leaving 16."""
        return (_LARGEST // int(np.max(self.largest_dot))).bit_length() - 1

    def largest(self) -> npt.NDArray[np.float64]:
        """The largest magnitude before or behind PReLU, per channel."""
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


def resolution(paths: Iterable[Iterable[StreamStage]]) -> float:
    """Units of the network per step of the integer stream.

    Args:
        paths: the stages that add to one stream, for each depth.

    Returns:
        The smallest with which nothing saturates.
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
    stage: StreamStage, threshold: npt.NDArray, step: float
) -> npt.NDArray[np.int16]:
    """The input ``parameters`` of an op into the integer stream.

    Args:
        stage: the stage.
        threshold: of the sign that looks at the stream next, (channels,).
        step: of :func:`resolution`.

    Returns:
        int16 (4, channels): scale, offset, slope less 1, threshold.

    Raises:
        ValueError: a slope is not in [0, 2).
    """
    epilogue = stage.epilogue
    outside = np.flatnonzero((epilogue.slope < 0) | (epilogue.slope >= 2))
    if outside.size:
        raise ValueError(
            f"PReLU has a slope of {epilogue.slope[outside[0]]:g} in channel "
            f"{outside[0]}; a stream of 16-bit integers takes slopes in "
            "[0, 2). Convert with a float32 stream."
        )
    scale = epilogue.scale.astype(np.float64) / step * _ONE / (1 << stage.shift)
    offset = epilogue.offset.astype(np.float64) / step
    slope = (epilogue.slope.astype(np.float64) - 1) * _ONE
    above = limit(threshold, step)
    rows = np.stack([np.rint(scale), np.rint(offset), np.rint(slope), above])
    return np.clip(rows, -_LARGEST, _LARGEST).astype(np.int16)


def limit(threshold: npt.NDArray, step: float) -> npt.NDArray[np.float64]:
    """Whole numbers below which the same steps lie as below ``threshold``."""
    above = np.ceil(threshold.astype(np.float64) / step)
    return np.clip(above, -_LARGEST, _LARGEST)


def dense(
    weights: npt.NDArray, bias: npt.NDArray, step: float
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """The classifier on the integer stream.

    Args:
        weights: float32 (outputs, inputs).
        bias: float32 (outputs,).
        step: of :func:`resolution`.

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
