"""What Hypothesis draws, in the place of a generator of random numbers."""

import numpy as np
from hypothesis import strategies as st

_EXTREMES = (0.0, -0.0, 1e4, -1e4, 0.5)


class Drawn:
    """Draws single numbers, which can shrink; arrays come from one seed.

    Makers of random cases take it for their generator.
    """

    def __init__(self, data: st.DataObject):
        self._data = data
        self._rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))

    def integers(self, low, high=None, size=None, dtype=np.int64):
        if size is not None:
            return self._rng.integers(low, high, size, dtype)
        low, high = (0, low) if high is None else (low, high)
        return dtype(self._data.draw(st.integers(int(low), int(high) - 1)))

    def choice(self, values, *arguments, **options):
        if arguments or options or np.ndim(values) != 1:
            return self._rng.choice(values, *arguments, **options)
        return values[self._data.draw(st.integers(0, len(values) - 1))]

    def __getattr__(self, name):
        return getattr(self._rng, name)


def arrays(data: st.DataObject, shape, scale: float = 1.0) -> np.ndarray:
    """Normal float32 from a drawn seed, with extremes in drawn places."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = (scale * rng.normal(size=shape)).astype(np.float32)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, values.size - 1))
        values.flat[at] = data.draw(st.sampled_from(_EXTREMES))
    return values
