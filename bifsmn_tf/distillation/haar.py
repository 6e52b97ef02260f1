"""The 2-D Haar wavelet transform as TensorFlow operations (Eq. 5).

The two last axes are transformed once. The coefficients are those of
PyWavelets for ``wavelet="haar", mode="zero"``, which the tests compare with: an
odd axis is padded with one zero at its end.
"""

import math

from bifsmn_tf._keras import tf

Details = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""The horizontal, vertical and diagonal coefficients."""


def _split(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the low and the high band along the axis -1 or -2."""
    size = x.shape[axis]
    if size % 2:
        padding = [[0, 0]] * x.shape.rank
        padding[axis] = [0, 1]
        x = tf.pad(x, padding)
    if axis == -1:
        even, odd = x[..., 0::2], x[..., 1::2]
    else:
        even, odd = x[..., 0::2, :], x[..., 1::2, :]
    return (even + odd) * math.sqrt(0.5), (even - odd) * math.sqrt(0.5)


def _merge(low: tf.Tensor, high: tf.Tensor, axis: int) -> tf.Tensor:
    """Inverts :func:`_split`; the result has an even size."""
    even = (low + high) * math.sqrt(0.5)
    odd = (low - high) * math.sqrt(0.5)
    position = axis % low.shape.rank
    stacked = tf.stack([even, odd], axis=position + 1)
    shape = tf.concat(
        [
            tf.shape(low)[:position],
            [-1],
            tf.shape(low)[position + 1 :],
        ],
        axis=0,
    )
    return tf.reshape(stacked, shape)


def dwt2(x: tf.Tensor) -> tuple[tf.Tensor, Details]:
    """Decomposes planes once.

    Args:
        x: (..., rows, columns), both sizes static.

    Returns:
        The approximation and the details (horizontal, vertical, diagonal) in
        PyWavelets' order, each (..., ceil(rows / 2), ceil(columns / 2)).
    """
    low, high = _split(x, -1)
    approximation, horizontal = _split(low, -2)
    vertical, diagonal = _split(high, -2)
    return approximation, (horizontal, vertical, diagonal)


def idwt2(approximation: tf.Tensor, details: Details) -> tf.Tensor:
    """Inverts :func:`dwt2`.

    Args:
        approximation: (..., n, m).
        details: three of (..., n, m), as :func:`dwt2` gives them.

    Returns:
        (..., 2 n, 2 m). Where an axis was odd, the last row or column is the
        padding: crop it.
    """
    horizontal, vertical, diagonal = details
    low = _merge(approximation, horizontal, -2)
    high = _merge(vertical, diagonal, -2)
    return _merge(low, high, -1)


def high_frequency(x: tf.Tensor) -> tf.Tensor:
    """Returns what is left of x without its low band (Eq. 8).

    The low band alone, transformed back, is the mean of each 2 x 2 square, so
    that neither transform has to be computed.

    Args:
        x: (..., rows, columns), both sizes static.

    Returns:
        The same shape.
    """
    rows, columns = x.shape[-2:]
    padding = [[0, 0]] * (x.shape.rank - 2) + [[0, rows % 2], [0, columns % 2]]
    padded = tf.pad(x, padding) if rows % 2 or columns % 2 else x
    squares = tf.reshape(
        padded, (-1, (rows + 1) // 2, 2, (columns + 1) // 2, 2)
    )
    means = tf.reduce_mean(squares, axis=2, keepdims=True)
    means = tf.reduce_mean(means, axis=4, keepdims=True)
    high = tf.reshape(squares - means, tf.shape(padded))
    return high[..., :rows, :columns]


def relative_energy(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the relative wavelet energies of Eq. 6 and 7.

    Args:
        x: (batch, rows, columns).

    Returns:
        p_H and p_L of the whole batch, scalars that sum to 1.
    """
    approximation, details = dwt2(x)
    low = tf.reduce_sum(tf.square(approximation))
    high = tf.add_n([tf.reduce_sum(tf.square(d)) for d in details])
    total = tf.maximum(low + high, tf.keras.backend.epsilon())
    return high / total, low / total
