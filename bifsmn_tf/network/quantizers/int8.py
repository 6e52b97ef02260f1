"""8-bit weights, those of the first convolution."""

import math

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf

MAX_SHORT_TERMS = 255
"""Weights of a channel up to which :class:`Int8` keeps sums in 16 bits."""


@lq.utils.register_alias("bifsmn_int8")
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
