"""DoReFa-Net's quantizers for one bit (arXiv:1606.06160)."""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import Gradient
from bifsmn_tf.network.quantizers.plain import sign


@lq.utils.register_alias("bifsmn_dorefa_kernel")
@lq.utils.register_keras_custom_object
class DoReFaKernel(lq.quantizers.Quantizer):
    """w ≈ E·sign(w) with E the mean of abs(w) over the whole layer (Eq. 7).

    The gradient passes unchanged. Larq's ``DoReFa(1, "weights")`` is of the
    case of more bits: it has no E.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns E·sign(w) in the shape of ``inputs``."""

        @tf.custom_gradient
        def quantize(kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            return self.scale(kernel) * self.integers(kernel), lambda dy: dy

        return super().call(quantize(inputs))

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the signs of the weights, in the kernel's shape."""
        return sign(kernel)

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns E for each output channel: (channels,), all the same."""
        return tf.fill(kernel.shape[-1:], tf.reduce_mean(tf.abs(kernel)))


@lq.utils.register_alias("bifsmn_dorefa_activation")
@lq.utils.register_keras_custom_object
class DoReFaActivation(lq.quantizers.DoReFa):
    """Larq's ``DoReFa`` with one bit: 1 for x > 1/2, else 0.

    The gradient is 1 for x in [0, 1], else 0.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "k_bit": 1, "mode": "activations"})
