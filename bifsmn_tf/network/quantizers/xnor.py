"""XNOR-Net's binary weights (arXiv:1603.05279).

The other half of XNOR-Net, the scale K of a layer's inputs, depends on the
data and belongs to the layers: ``input_scale`` of
:mod:`~bifsmn_tf.network.layers`.
"""

import math

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import surrogate_slope


@lq.utils.register_alias("bifsmn_xnor_kernel")
@lq.utils.register_keras_custom_object
class XnorKernel(ScaledSign):
    """w ≈ α·sign(w) as :class:`ScaledSign`, with a gradient through α.

    With n weights of an output channel the gradient is multiplied with
    1/n + α for abs(w) <= 1, and with 1/n beyond.
    """

    def call(self, inputs):
        """Gives α·sign(w) in the shape of ``inputs``."""
        share = 1.0 / math.prod(inputs.shape[:-1])

        @tf.custom_gradient
        def quantize(kernel):
            scale = self.scale(kernel)

            def gradient(dy):
                slope = surrogate_slope(kernel, self.surrogate)
                return dy * (share + scale * slope)

            return scale * self.signs(kernel), gradient

        return quantize(inputs)
