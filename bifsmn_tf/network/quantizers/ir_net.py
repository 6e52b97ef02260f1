"""IR-Net's quantizers (arXiv:1909.10788).

Libra parameter binarization balances the weights before their signs are
taken. The Error Decay Estimator is a surrogate gradient that sharpens as the
training goes on.
"""

import math
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import Gradient
from bifsmn_tf.network.quantizers.plain import sign

FIRST_SHARPNESS = 1e-2
"""t of the Error Decay Estimator when a training begins, ..."""

LAST_SHARPNESS = 1e1
"""... and when it ends."""

_SMALLEST_VARIANCE = 1e-12
_SMALLEST_EXPONENT = -8.0


class ErrorDecayEstimator(lq.quantizers.Quantizer):
    """A sign with the surrogate gradient k·t·(1 - tanh²(t·x)).

    t grows from 10^-2 to 10^1, evenly in its logarithm, with the fraction of
    the training that is over; k is the larger of 1/t and 1. It begins as the
    identity and ends near the sign itself. A network that is not trained by
    :func:`~bifsmn_tf.training.loop.fit` stays at 0 until :meth:`set_progress`.
    """

    precision = 1

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # A variable, so that a traced training step sees it change.
        self.progress = tf.Variable(0.0, trainable=False, name="progress")

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        """None: the progress is the training's, not the network's."""
        return []

    def set_progress(self, fraction: float) -> None:
        """Says which fraction of the training is over, in [0, 1].

        Raises:
            ValueError: it is not in [0, 1].
        """
        if not 0 <= fraction <= 1:
            raise ValueError(
                f"the progress of a training is in [0, 1], not {fraction}"
            )
        self.progress.assign(fraction)

    def sharpness(self) -> tf.Tensor:
        """Returns t, a scalar."""
        first, last = math.log(FIRST_SHARPNESS), math.log(LAST_SHARPNESS)
        return tf.exp(first + (last - first) * self.progress)

    def estimate(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the sign of ``x``, with the gradient of the class."""
        t = tf.cast(self.sharpness(), x.dtype)

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            def gradient(dy: tf.Tensor) -> tf.Tensor:
                # k * t, since k is the larger of 1 / t and 1.
                height = tf.maximum(t, 1.0)
                return dy * height * (1.0 - tf.square(tf.tanh(t * x)))

            return sign(x), gradient

        return quantize(x)


@lq.utils.register_alias("bifsmn_ede_sign")
@lq.utils.register_keras_custom_object
class EdeSign(ErrorDecayEstimator):
    """The sign of Eq. 1 with the Error Decay Estimator's gradient."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns +1 and -1 in the shape of ``inputs``."""
        return super().call(self.estimate(inputs))


@lq.utils.register_alias("bifsmn_libra")
@lq.utils.register_keras_custom_object
class Libra(ErrorDecayEstimator):
    """w ≈ 2^s·sign(ŵ) with ŵ = (w - mean) / deviation of an output channel.

    s is the mean of abs(ŵ) in powers of two, rounded, so that a scale is a
    shift of bits. The gradient is the Error Decay Estimator's at ŵ, times the
    scale, and goes on through mean and deviation. A channel of equal weights,
    where nothing is to balance, is +1 times the smallest scale.
    """

    @staticmethod
    def balanced(kernel: tf.Tensor) -> tf.Tensor:
        """Returns ŵ; the last axis of the kernel is the output channel."""
        axes = list(range(kernel.shape.rank - 1))
        centred = kernel - tf.reduce_mean(kernel, axis=axes)
        variance = tf.reduce_mean(tf.square(centred), axis=axes)
        return centred * tf.math.rsqrt(variance + _SMALLEST_VARIANCE)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns 2^s·sign(ŵ) in the shape of ``inputs``."""
        scale = tf.stop_gradient(self.scale(inputs))
        return super().call(scale * self.estimate(self.balanced(inputs)))

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the signs of ŵ, in the kernel's shape."""
        return sign(self.balanced(kernel))

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns 2^s for each output channel: (channels,)."""
        axes = list(range(kernel.shape.rank - 1))
        mean = tf.reduce_mean(tf.abs(self.balanced(kernel)), axis=axes)
        exponent = tf.math.log(mean) / math.log(2.0)
        exponent = tf.maximum(tf.round(exponent), _SMALLEST_EXPONENT)
        return tf.pow(tf.constant(2.0, kernel.dtype), exponent)
