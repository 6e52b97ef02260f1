"""A file as a spotter in C reads it: with no check of Python's before."""

import numpy as np

from bifsmn_tf.runtime.native import ErrorText
from bifsmn_tf.runtime.native import functions


def try_c_spotter(content: bytes) -> bool:
    """Makes a spotter in C of a file, which hears noise at every depth.

    Args:
      content: of the file.

    Returns:
      Whether it ran; otherwise it was refused, with a message.
    """
    c = functions()
    error = ErrorText()
    spotter = c.bifsmn_spotter_from_memory(
        content, len(content), None, *error.arguments
    )
    if not spotter:
        assert str(error), "refused without a message"
        return False
    noise = np.random.default_rng(0).integers(-9000, 9000, 16000, np.int16)
    samples = np.ctypeslib.as_ctypes(noise)
    for depth in range(c.bifsmn_spotter_deltas(spotter)):
        delta = c.bifsmn_spotter_delta(spotter, depth)
        c.bifsmn_spotter_set_delta(spotter, delta)
        c.bifsmn_spotter_push_int16(spotter, samples, len(noise))
    c.bifsmn_spotter_destroy(spotter)
    return True
