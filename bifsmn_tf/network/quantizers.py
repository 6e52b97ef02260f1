"""Quantizers: what makes a weight or an activation one bit (Eq. 1, 2).

A quantizer is a function with a gradient of its own. As in Larq it is an
object, ``Sign(surrogate="approx")``, or a name, ``"bifsmn_sign"``, that
``larq.quantizers.get`` and every Larq layer resolve:

========================  ====================================================
``"bifsmn_sign"``         :class:`Sign`, Eq. 1: clipped straight-through
``"bifsmn_approx_sign"``  :class:`Sign` with Bi-Real's surrogate gradient
``"bifsmn_scaled_sign"``  :class:`ScaledSign`, Eq. 2: one scale per channel
``"bifsmn_int8"``         :class:`Int8`, one scale per channel, 16-bit sums
========================  ====================================================
"""

import math

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf

SURROGATES = ("ste", "approx")

MAX_SHORT_TERMS = 255
"""Weights of a channel up to which :class:`Int8` keeps sums in 16 bits."""


def sign(x: tf.Tensor) -> tf.Tensor:
    """The sign of Eq. 1: +1 for x >= 0, -1 otherwise; never 0."""
    one = tf.ones((), x.dtype)
    return tf.where(x >= 0, one, -one)


def surrogate_slope(x: tf.Tensor, surrogate: str) -> tf.Tensor:
    """What a gradient through :func:`sign` is multiplied with.

    ``"ste"`` is 1 for abs(x) <= 1, else 0 (Eq. 1). ``"approx"`` is
    2 - 2 abs(x) for abs(x) <= 1, else 0 (Bi-Real Net, arXiv:1808.00278).
    """
    if surrogate == "ste":
        return tf.cast(tf.abs(x) <= 1, x.dtype)
    if surrogate == "approx":
        return tf.nn.relu(2.0 - 2.0 * tf.abs(x))
    raise ValueError(
        f"unknown surrogate gradient {surrogate!r}: one of {SURROGATES}"
    )


@lq.utils.register_keras_custom_object
class Sign(lq.quantizers.Quantizer):
    """Eq. 1: sign forward, a surrogate gradient backward.

    Args:
        surrogate: ``"ste"`` (Eq. 1) or ``"approx"`` (Bi-Real Net).
    """

    precision = 1

    def __init__(self, surrogate: str = "ste", **kwargs):
        if surrogate not in SURROGATES:
            raise ValueError(
                f"unknown surrogate gradient {surrogate!r}: one of {SURROGATES}"
            )
        self.surrogate = surrogate
        super().__init__(**kwargs)

    def call(self, inputs):
        """Gives +1 and -1 in the shape of ``inputs``."""

        @tf.custom_gradient
        def quantize(x):
            return sign(x), lambda dy: dy * surrogate_slope(x, self.surrogate)

        return super().call(quantize(inputs))

    def get_config(self):
        """The arguments that make this quantizer again."""
        return {**super().get_config(), "surrogate": self.surrogate}


def channel_scale(kernel: tf.Tensor) -> tf.Tensor:
    """α of Eq. 2: the mean of abs(w) for each output channel.

    Args:
        kernel: weights whose last axis is the output channel.

    Returns:
        Shape (output channels,).
    """
    return tf.reduce_mean(
        tf.abs(kernel), axis=list(range(kernel.shape.rank - 1))
    )


@lq.utils.register_keras_custom_object
class ScaledSign(Sign):
    """Eq. 2: w ≈ α·sign(w) with one α per output channel, the last axis.

    α carries no gradient: the gradient is Eq. 1's, times α.
    """

    def call(self, inputs):
        """Gives α·sign(w) in the shape of ``inputs``."""
        scale = tf.stop_gradient(channel_scale(inputs))
        return scale * super().call(inputs)


@lq.utils.register_keras_custom_object
class Int8(lq.quantizers.Quantizer):
    """Symmetric 8-bit weights whose sums fit 16 bits.

    w ≈ s·round(w/s), one s per output channel (last axis), so large that
    round(w/s) is at most 127 and, with up to ``MAX_SHORT_TERMS`` weights a
    channel, their absolute values sum up to at most 255: the sum of products
    with 8-bit inputs then fits a 16-bit integer, and a processor computes twice
    as many at a time. The gradient passes unchanged.
    """

    precision = 8

    @staticmethod
    def integers(kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The integers (as float, in [-127, 127]) and the scale per channel."""
        axes = list(range(kernel.shape.rank - 1))
        magnitude = tf.abs(kernel)
        terms = math.prod(kernel.shape[:-1])
        scale = tf.reduce_max(magnitude, axis=axes) / 127.0
        if terms <= MAX_SHORT_TERMS:
            # Rounding adds at most 1/2 to each term.
            room = 255.0 - terms / 2
            total = tf.reduce_sum(magnitude, axis=axes)
            scale = tf.maximum(scale, total / room)
        scale = tf.maximum(scale, 1e-8)
        return tf.round(kernel / scale), scale

    def call(self, inputs):
        """Gives s·round(w/s) in the shape of ``inputs``."""
        integers, scale = self.integers(inputs)
        quantized = integers * scale
        return super().call(inputs + tf.stop_gradient(quantized - inputs))


for _name, _class in (
    ("bifsmn_sign", Sign),
    ("bifsmn_scaled_sign", ScaledSign),
    ("bifsmn_int8", Int8),
):
    lq.utils.register_alias(_name)(_class)


@lq.utils.register_alias("bifsmn_approx_sign")
@lq.utils.register_keras_custom_object
class ApproxSign(Sign):
    """:class:`Sign` with the surrogate gradient of Bi-Real Net."""

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "surrogate": "approx"})
