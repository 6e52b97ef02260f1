"""From one sample rate to another."""

import numpy as np
import soxr

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import check_rate


def resampled(samples: FloatArray, rate: float, wanted: float) -> FloatArray:
    """Returns samples at the rate that is wanted.

    Args:
        samples: of one channel, (samples,).
        rate: of these, in Hz.
        wanted: of the result, in Hz.

    Raises:
        UserError: ``rate`` is none of a recording.
    """
    check_rate(rate)
    if rate == wanted:
        return samples
    return soxr.resample(samples, rate, wanted).astype(np.float32)
