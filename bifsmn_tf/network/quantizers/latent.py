"""Weights that are one bit by name only: the published code's mistake."""

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import Gradient
from bifsmn_tf.network.quantizers.plain import surrogate_slope


@lq.utils.register_alias("bifsmn_latent")
@lq.utils.register_keras_custom_object
class Latent(lq.quantizers.Quantizer):
    """abs(w)·sign(w) = w, with Eq. 1's gradient times abs(w).

    The authors' code takes the mean of abs(w) in Eq. 2 over the kernel's width
    alone. In a convolution of width 1 that is abs(w) itself, and the weight
    stays what it was: a network of 32-bit weights and 1-bit activations. For
    comparison only.
    """

    precision = 32

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns w."""

        @tf.custom_gradient
        def quantize(kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            slope = tf.abs(kernel) * surrogate_slope(kernel, "ste")
            return tf.identity(kernel), lambda dy: dy * slope

        return super().call(quantize(inputs))

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the weights themselves, which no scale makes integers."""
        return kernel

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns a one for each output channel: (channels,)."""
        return tf.ones(kernel.shape[-1:], kernel.dtype)
