"""8-bit weights and activations: the first convolution's, and a few more.

The first convolution always has 8-bit weights. A site of
``NetworkConfig.int8_sites`` (mixed precision) is trained with TensorFlow's own
fake quantization: rounded forward, its gradient passed on where nothing was
cut off. All of it is symmetric, so that 0, which padding contributes, is exact.

In inference both are integers, and so are their products' sums: exact in
float32 up to :data:`MAX_EXACT_TERMS` terms, whatever their order.
"""

import math

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf

MAX_INT16_TERMS = 255
"""Weights of a channel up to which :class:`Int8` keeps sums in 16 bits."""

INITIAL_RANGE = 4.0
"""Initial r of :class:`Int8Activation`, as the first convolution's features."""

SMALLEST_RANGE = 1e-2

STEPS = 128
"""Steps of a range: activations are its multiples from -128 to 127."""

LARGEST_WEIGHT = 127

LARGEST_PRODUCT = STEPS * LARGEST_WEIGHT

MAX_EXACT_TERMS = (1 << 24) // LARGEST_PRODUCT
"""Products of an activation and a weight that float32 adds without rounding."""


@lq.utils.register_alias("bifsmn_int8")
@lq.utils.register_keras_custom_object
class Int8(lq.quantizers.Quantizer):
    """Symmetric 8-bit weights whose sums fit 16 bits.

    w ≈ s·round(w/s), one s per output channel (last axis), so large that
    round(w/s) is at most 127 and, with up to ``MAX_INT16_TERMS`` weights a
    channel, their absolute values sum up to at most 255: the sum of products
    with 8-bit inputs then fits a 16-bit integer, and a processor computes twice
    as many at a time. The gradient passes unchanged.
    """

    precision = 8

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns round(w/s), float32 in [-127, 127]."""
        return tf.round(kernel / self.scale(kernel))

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns s for each output channel: (channels,)."""
        axes = list(range(kernel.shape.rank - 1))
        magnitude = tf.abs(kernel)
        terms = math.prod(kernel.shape[:-1])
        scale = tf.reduce_max(magnitude, axis=axes) / 127.0
        if terms <= MAX_INT16_TERMS:
            # Rounding adds at most 1/2 to each term.
            room = 255.0 - terms / 2
            total = tf.reduce_sum(magnitude, axis=axes)
            scale = tf.maximum(scale, total / room)
        return tf.maximum(scale, 1e-8)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns s·round(w/s) in the shape of ``inputs``."""
        quantized = self.integers(inputs) * self.scale(inputs)
        return super().call(inputs + tf.stop_gradient(quantized - inputs))


@lq.utils.register_keras_custom_object
class ChannelInt8(lq.quantizers.Quantizer):
    """8-bit weights: w ≈ s·round(w/s), s = max abs(w) / 127 of the channel.

    The output channel is the last axis, and the gradient passes unchanged.
    Unlike :class:`Int8` it takes no care that sums fit 16 bits.
    """

    precision = 8

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns round(w/s), float32 in [-127, 127]."""
        return tf.round(kernel / self.scale(kernel))

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns s for each output channel: (channels,)."""
        return _largest(kernel) / LARGEST_WEIGHT

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns s·round(w/s) in the shape of ``inputs``."""
        largest = tf.stop_gradient(_largest(inputs))
        quantized = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            inputs, -largest, largest, num_bits=8, narrow_range=True
        )
        return super().call(quantized)


def _largest(kernel: tf.Tensor) -> tf.Tensor:
    """Returns the largest magnitude of each channel, not quite 0 in any."""
    axes = list(range(kernel.shape.rank - 1))
    return tf.maximum(tf.reduce_max(tf.abs(kernel), axis=axes), 1e-8)


class RangeBounds(tf.keras.constraints.Constraint):
    """Keeps a range at :data:`SMALLEST_RANGE` or more."""

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        """Returns the nearest range that is allowed."""
        return tf.maximum(w, SMALLEST_RANGE)


class Int8Activation(tf.keras.layers.Layer):
    """Activations of 8 bits in [-r, r): x ≈ s·round(x/s), s = r/128.

    r is learned; its gradient is the sum of those of what lies outside, with
    their signs (PACT, arXiv:1805.06085).
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the range r: a scalar."""
        self.range = self.add_weight(
            "range",
            (),
            initializer=tf.keras.initializers.Constant(INITIAL_RANGE),
            constraint=RangeBounds(),
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns multiples of r/128 in the shape of ``inputs``."""
        return tf.quantization.fake_quant_with_min_max_vars(
            inputs, -self.range, self.range * (127 / 128), num_bits=8
        )

    @property
    def step(self) -> tf.Tensor:
        """r/128, a scalar."""
        return self.range / STEPS

    @property
    def inverse_step(self) -> tf.Tensor:
        """128/r, a scalar: what the deployed operation multiplies with."""
        return STEPS / self.range

    def integers(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the multiples, float32 in the shape of ``inputs``."""
        return tf.clip_by_value(
            tf.round(inputs * self.inverse_step), -STEPS, STEPS - 1
        )
