"""XNOR-Net's binary weights and the scale of its inputs (arXiv:1603.05279).

XNOR-Net multiplies what a layer of signs gives with α of its weights and with
K, the mean size of the inputs behind each output. K depends on the data: no
file has it, as the ops multiply with trained constants only.
"""

import math
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import Gradient
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import surrogate_slope


@lq.utils.register_alias("bifsmn_xnor_kernel")
@lq.utils.register_keras_custom_object
class XnorKernel(ScaledSign):
    """w ≈ α·sign(w) as :class:`ScaledSign`, with a gradient through α.

    With n weights of an output channel the gradient is multiplied with
    1/n + α for abs(w) <= 1, and with 1/n beyond.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns α·sign(w) in the shape of ``inputs``."""
        share = 1.0 / math.prod(inputs.shape[:-1])

        @tf.custom_gradient
        def quantize(kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            scale = self.scale(kernel)

            def gradient(dy: tf.Tensor) -> tf.Tensor:
                slope = surrogate_slope(kernel, self.surrogate)
                return dy * (share + scale * slope)

            return scale * self.integers(kernel), gradient

        return quantize(inputs)


def input_scale(linear: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Returns K: the mean size of the inputs behind each output.

    Without a gradient. A padded position counts as an input of 0; an output
    of the memory filter sees one channel only, and so does its K.

    Args:
        linear: The layer whose outputs are multiplied: a convolution, the
            memory filter, or a dense layer.
        inputs: What the signs in front of the layer are taken of, (..., in).

    Returns:
        A shape that multiplies with the layer's outputs.
    """
    magnitudes = tf.abs(tf.stop_gradient(inputs))
    if isinstance(linear, tf.keras.layers.Conv2D):
        means = tf.reduce_mean(magnitudes, axis=-1, keepdims=True)
        positions = math.prod(linear.kernel_size)
        box = tf.fill((*linear.kernel_size, 1, 1), 1.0 / positions)
        return tf.nn.conv2d(means, box, linear.strides, "SAME")
    if isinstance(linear, tf.keras.layers.Dense):
        return tf.reduce_mean(magnitudes, axis=-1, keepdims=True)
    taps = linear.kernel.shape[0]
    return linear.dot(magnitudes, tf.fill(linear.kernel.shape, 1.0 / taps))
