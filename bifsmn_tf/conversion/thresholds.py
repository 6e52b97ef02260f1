"""Folds what stands between a dot product and a sign into one comparison.

BatchNorm, the scale α and a PReLU of slope >= 0 are monotone in the integer
dot product, and so is every one of their float32 roundings. Whether the sign
behind them is +1 is therefore a comparison of the integer with a threshold,
in a direction that depends on the sign of the BatchNorm's scale. The threshold
is found by bisection of the float32 function itself, so it is exact.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Epilogue:
    """What follows a dot product, per channel: float32 (channels,) each.

    Attributes:
        scale: of BatchNorm, times α.
        offset: of BatchNorm.
        slope: of PReLU below 0.
    """

    scale: np.ndarray
    offset: np.ndarray
    slope: np.ndarray

    def __post_init__(self):
        for name in ("scale", "offset", "slope"):
            values = getattr(self, name)
            if not np.all(np.isfinite(values)):
                raise ValueError(
                    f"the network's {name} is not finite: its training diverged"
                )

    def __call__(self, dot: np.ndarray) -> np.ndarray:
        """float32 of integers (..., channels), rounded as in inference."""
        x = dot.astype(np.float32) * self.scale + self.offset
        return np.where(x >= 0, x, x * self.slope)


def fold(
    epilogue: Epilogue, threshold: np.ndarray, largest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the integer comparison that equals ``epilogue(dot) >= threshold``.

    Args:
        epilogue: between the dot product and the sign.
        threshold: of the sign, float32 (channels,).
        largest: dot products lie in [-largest, largest].

    Returns:
        ``thresholds``, int64 (channels,) in [-largest, largest + 1], and
        ``flips``, bool (channels,): the sign is -1 where
        ``(dot < thresholds) != flips``.

    Raises:
        ValueError: a slope is negative, so no single comparison does it.
    """
    negative = np.flatnonzero(epilogue.slope < 0)
    if negative.size:
        raise ValueError(
            f"the PReLU in front of a sign has a negative slope in channel "
            f"{negative[0]} ({epilogue.slope[negative[0]]:g}): it cannot be "
            "folded into a threshold. Train with slopes constrained to >= 0."
        )
    falling = epilogue.scale < 0

    # Counting a falling channel from the other end makes all of them rise.
    def passes(position):
        dot = np.where(falling, -position, position)
        return epilogue(dot) >= threshold

    def first_passing(passes_at):
        low = np.full(epilogue.scale.shape, -largest, np.int64)
        high = np.full(epilogue.scale.shape, largest + 1, np.int64)
        while np.any(low < high):
            middle = (low + high) // 2
            found = passes_at(middle)
            high = np.where(found, np.minimum(high, middle), high)
            low = np.where(found, low, np.minimum(middle + 1, high))
        return low

    rising = first_passing(passes)
    # +1 for -dot >= rising, so -1 for not (dot < 1 - rising).
    thresholds = np.where(falling, 1 - rising, rising)
    return thresholds, falling
