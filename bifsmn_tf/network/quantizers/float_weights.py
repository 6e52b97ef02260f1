"""Weights that are not quantized, behind one-bit activations."""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf


@lq.utils.register_alias("bifsmn_float")
@lq.utils.register_keras_custom_object
class FloatWeights(lq.quantizers.NoOp):
    """The weights as they are, for the first of two stages of training.

    Martinez 2020 (arXiv:2003.11535) and ReActNet (arXiv:2003.03488) train
    one-bit activations first, and go on from there with one-bit weights.
    """

    def __init__(self, precision: int = 32, **kwargs: Any):
        super().__init__(precision, **kwargs)

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the weights themselves, which no scale makes integers."""
        return kernel

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns a one for each output channel: (channels,)."""
        return tf.ones(kernel.shape[-1:], kernel.dtype)
