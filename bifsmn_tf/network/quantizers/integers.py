"""What a layer of one bit computes in integers, of any quantizer.

A quantizer of weights says so itself by two methods: ``signs(kernel)``, +1
and -1 in the kernel's shape, and ``scale(kernel)``, a factor per output
channel (last axis), so that signs times scale is what it gives. Of Larq's own
quantizers, which have no such methods, what they give tells.
"""

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.ir_net import EdeSign
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import Sign
from bifsmn_tf.network.quantizers.plain import sign


def signs(quantizer, kernel: tf.Tensor) -> tf.Tensor:
    """The signs of a layer's quantized weights.

    Args:
        quantizer: of the weights.
        kernel: the latent weights.

    Returns:
        +1 and -1 in the kernel's shape.
    """
    if hasattr(quantizer, "signs"):
        return quantizer.signs(kernel)
    return sign(quantizer(kernel))


def scale(quantizer, kernel: tf.Tensor) -> tf.Tensor:
    """The scale of a layer's quantized weights.

    Args:
        quantizer: of the weights.
        kernel: the latent weights.

    Returns:
        Shape (output channels,).
    """
    if hasattr(quantizer, "scale"):
        return quantizer.scale(kernel)
    # All of a channel have the same magnitude.
    magnitude = tf.abs(quantizer(kernel))
    return tf.reduce_max(magnitude, axis=list(range(kernel.shape.rank - 1)))


def gives_signs(quantizer) -> bool:
    """Whether a quantizer gives +1 for x >= 0 and -1 otherwise."""
    plain = (
        Sign,
        EdeSign,
        lq.quantizers.SteSign,
        lq.quantizers.ApproxSign,
        lq.quantizers.SwishSign,
    )
    return isinstance(quantizer, plain) and not isinstance(
        quantizer, ScaledSign
    )
