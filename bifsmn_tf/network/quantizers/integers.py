"""What a layer with quantized weights computes in integers.

A quantizer of weights says so itself by two methods: ``integers(kernel)``, +1
and -1 or integers of 8 bits in the kernel's shape, and ``scale(kernel)``, a
factor per output channel (last axis), so that integers times scale is what it
gives. Larq's own quantizers have no such methods: what they give tells.
"""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.ir_net import EdeSign
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import Sign
from bifsmn_tf.network.quantizers.plain import sign


def integers(quantizer: Any, kernel: tf.Tensor) -> tf.Tensor:
    """Returns quantized weights without their scale.

    Args:
        quantizer: The quantizer of the weights.
        kernel: The latent weights.

    Returns:
        float32 in the kernel's shape.
    """
    if hasattr(quantizer, "integers"):
        return quantizer.integers(kernel)
    return sign(quantizer(tf.convert_to_tensor(kernel)))


def scale(quantizer: Any, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the scale of quantized weights.

    Args:
        quantizer: The quantizer of the weights.
        kernel: The latent weights.

    Returns:
        float32 (output channels,).
    """
    if hasattr(quantizer, "scale"):
        return quantizer.scale(kernel)
    # All of a channel have the same magnitude.
    magnitude = tf.abs(quantizer(tf.convert_to_tensor(kernel)))
    return tf.reduce_max(magnitude, axis=list(range(kernel.shape.rank - 1)))


def gives_signs(quantizer: Any) -> bool:
    """Says whether a quantizer gives +1 for x >= 0 and -1 otherwise."""
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
