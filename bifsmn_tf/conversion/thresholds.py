"""Folds what stands between a dot product and a sign into one comparison.

BatchNorm, the scale α and a PReLU of slope >= 0 are monotone in the integer
dot product, and so is every one of their float32 roundings. Whether the sign
behind them is +1 is therefore a comparison of the integer with a threshold,
in a direction that depends on the sign of the BatchNorm's scale. The threshold
is found by bisection of the float32 function itself, so it is exact.
"""

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.network.export import Epilogue


def fold(
    epilogue: Epilogue, threshold: npt.NDArray[np.float32], largest: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Finds the integer comparison that equals ``epilogue(dot) >= threshold``.

    Args:
        epilogue: What is between the dot product and the sign.
        threshold: The sign's threshold, float32 (channels,); or some
            thresholds, (thresholds, channels).
        largest: The bound of the dot products, in [-largest, largest].

    Returns:
        ``thresholds``, int64 in [-largest, largest + 1], and ``flips``, bool,
        in the shape of ``threshold``: the sign is -1 where
        ``(dot < thresholds) != flips``.

    Raises:
        UserError: A slope is negative, so no single comparison does it.
    """
    negative = np.flatnonzero(epilogue.slope < 0)
    if negative.size:
        raise UserError(
            f"the PReLU in front of a sign has a negative slope in channel "
            f"{negative[0]} ({epilogue.slope[negative[0]]:g}): it cannot be "
            "folded into a threshold. Train with slopes constrained to >= 0."
        )
    falling = epilogue.scale < 0

    # Counting a falling channel from the other end makes all of them rise.
    def passes(position: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        dot = np.where(falling, -position, position)
        return epilogue(dot) >= threshold

    low = np.full(threshold.shape, -largest, np.int64)
    high = np.full(threshold.shape, largest + 1, np.int64)
    while np.any(low < high):
        middle = (low + high) // 2
        found = passes(middle)
        high = np.where(found, np.minimum(high, middle), high)
        low = np.where(found, low, np.minimum(middle + 1, high))
    # +1 for -dot >= low, so -1 for not (dot < 1 - low).
    thresholds = np.where(falling, 1 - low, low)
    return thresholds, np.broadcast_to(falling, threshold.shape)
