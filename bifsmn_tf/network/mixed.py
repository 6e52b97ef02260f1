"""8-bit weights and activations, for sites that one bit costs most.

A site of ``NetworkConfig.int8_sites`` is trained with TensorFlow's own fake
quantization: rounded forward, its gradient passed on where nothing was cut
off. Both are symmetric, so that 0, which padding contributes, is exact.
"""

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf

INITIAL_RANGE = 4.0
"""Of activations: that of the first convolution's features, too."""

SMALLEST_RANGE = 1e-2


@lq.utils.register_keras_custom_object
class ChannelInt8(lq.quantizers.Quantizer):
    """8-bit weights: w ≈ s·round(w/s), s = max abs(w) / 127 of the channel.

    The output channel is the last axis, and the gradient passes unchanged.
    Unlike :class:`~bifsmn_tf.network.quantizers.Int8` it takes no care that
    sums fit 16 bits.
    """

    precision = 8

    def call(self, inputs):
        """Gives s·round(w/s) in the shape of ``inputs``."""
        axes = list(range(inputs.shape.rank - 1))
        largest = tf.reduce_max(tf.abs(inputs), axis=axes)
        largest = tf.stop_gradient(tf.maximum(largest, 1e-8))
        quantized = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            inputs, -largest, largest, num_bits=8, narrow_range=True
        )
        return super().call(quantized)


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
