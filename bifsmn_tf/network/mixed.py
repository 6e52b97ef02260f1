"""8-bit weights and activations, for sites that one bit costs most.

A site of ``NetworkConfig.int8_sites`` is trained with TensorFlow's own fake
quantization: rounded forward, its gradient passed on where nothing was cut
off. Both are symmetric, so that 0, which padding contributes, is exact.

In inference both are integers, and so are their products' sums: exact in
float32 up to :data:`MAX_EXACT_TERMS` terms, whatever their order.
"""

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf

INITIAL_RANGE = 4.0
"""Of activations: that of the first convolution's features, too."""

SMALLEST_RANGE = 1e-2

STEPS = 128
"""Of a range: activations are its multiples from -128 to 127."""

LARGEST_WEIGHT = 127

MAX_EXACT_TERMS = (1 << 24) // (STEPS * LARGEST_WEIGHT)
"""Products of an activation and a weight that float32 adds without rounding."""


@lq.utils.register_keras_custom_object
class ChannelInt8(lq.quantizers.Quantizer):
    """8-bit weights: w ≈ s·round(w/s), s = max abs(w) / 127 of the channel.

    The output channel is the last axis, and the gradient passes unchanged.
    Unlike :class:`~bifsmn_tf.network.quantizers.Int8` it takes no care that
    sums fit 16 bits.
    """

    precision = 8

    @staticmethod
    def integers(kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The integers (as float, in [-127, 127]) and s per channel."""
        scale = _largest(kernel) / LARGEST_WEIGHT
        return tf.round(kernel / scale), scale

    def call(self, inputs):
        """Gives s·round(w/s) in the shape of ``inputs``."""
        largest = tf.stop_gradient(_largest(inputs))
        quantized = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            inputs, -largest, largest, num_bits=8, narrow_range=True
        )
        return super().call(quantized)


def _largest(kernel: tf.Tensor) -> tf.Tensor:
    """Largest magnitude in each channel, not quite 0 in any."""
    axes = list(range(kernel.shape.rank - 1))
    return tf.maximum(tf.reduce_max(tf.abs(kernel), axis=axes), 1e-8)


class RangeBounds(tf.keras.constraints.Constraint):
    """Keeps a range at :data:`SMALLEST_RANGE` or more."""

    def __call__(self, w):
        """Returns the nearest range that is allowed."""
        return tf.maximum(w, SMALLEST_RANGE)


class Int8Activation(tf.keras.layers.Layer):
    """Activations of 8 bits in [-r, r): steps of r/128, one learned r.

    Its gradient is the sum of those of what lies outside, with their signs
    (PACT, arXiv:1805.06085).
    """

    def build(self, input_shape):
        """Makes the range: a scalar."""
        self.range = self.add_weight(
            "range",
            (),
            initializer=tf.keras.initializers.Constant(INITIAL_RANGE),
            constraint=RangeBounds(),
        )
        super().build(input_shape)

    def call(self, inputs):
        """Gives multiples of r/128 in the shape of ``inputs``."""
        return tf.quantization.fake_quant_with_min_max_vars(
            inputs, -self.range, self.range * (127 / 128), num_bits=8
        )

    @property
    def step(self) -> tf.Tensor:
        """r/128."""
        return self.range / STEPS

    @property
    def inverse_step(self) -> tf.Tensor:
        """128/r: what the deployed operation multiplies with."""
        return STEPS / self.range

    def integers(self, inputs: tf.Tensor) -> tf.Tensor:
        """The multiples, as float32 in the shape of ``inputs``."""
        return tf.clip_by_value(
            tf.round(inputs * self.inverse_step), -STEPS, STEPS - 1
        )
