"""Sound that goes on although a piece of it is no sound."""

import warnings

import numpy as np

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import fault
from bifsmn_tf.errors import DataWarning


class Mender:
    """Puts silence in the place of pieces that have NaN or are far too loud.

    A stream keeps its time so, and what is heard before and after is as if
    nothing had been. The first one is warned of.

    Attributes:
        count: the pieces that were left out.
    """

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, piece: FloatArray) -> FloatArray:
        """Returns a piece, or silence that is as long."""
        wrong = fault(piece)
        if not wrong:
            return piece
        self.count += 1
        if self.count == 1:
            warnings.warn(
                f"the sound has {wrong}: such pieces are left out",
                DataWarning,
                stacklevel=2,
            )
        return np.zeros_like(piece)
