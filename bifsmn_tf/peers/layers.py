"""What the peers are made of: layers in full precision or in one bit.

A peer takes a :class:`Binarizer` and makes all its layers with it, except
those that read the input and the classifier. One-bit layers are Larq's, with
quantizers by name.
"""

import contextlib
import dataclasses

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import quantizers


@lq.utils.register_keras_custom_object
class PerChannel(lq.quantizers.Quantizer):
    """Quantizes a depthwise kernel, each of whose channels is an output.

    A quantizer scales each channel of the last axis; a depthwise kernel is
    (rows, columns, inputs, multiplier), with outputs inputs x multiplier.

    Args:
        quantizer: of the kernel, an object or a name.
    """

    def __init__(self, quantizer, **kwargs):
        self.quantizer = quantizers.get(quantizer)
        self.precision = self.quantizer.precision
        super().__init__(**kwargs)

    def call(self, inputs):
        """Gives the quantized kernel in the shape of ``inputs``."""
        rows, columns, channels, multiplier = inputs.shape
        kernel = tf.reshape(inputs, (rows, columns, channels * multiplier))
        return super().call(tf.reshape(self.quantizer(kernel), inputs.shape))

    def get_config(self):
        """The arguments that make this quantizer again."""
        return {
            **super().get_config(),
            "quantizer": tf.keras.utils.serialize_keras_object(self.quantizer),
        }


@dataclasses.dataclass(frozen=True)
class Binarizer:
    """How the layers of a peer are made.

    Attributes:
        activations: name of the quantizer of what a layer reads; None for
            full precision.
        kernels: name of the quantizer of weights; None for full precision.
    """

    activations: str | None = None
    kernels: str | None = None

    @property
    def binary(self) -> bool:
        """Whether weights and activations are one bit."""
        return self.kernels is not None

    def conv2d(self, filters: int, size, **kwargs):
        """A convolution, as Keras's of these arguments."""
        return lq.layers.QuantConv2D(
            filters,
            size,
            input_quantizer=self.activations,
            kernel_quantizer=self.kernels,
            kernel_constraint=self._constraint,
            **kwargs,
        )

    def depthwise(self, size, **kwargs):
        """A depthwise convolution, as Keras's of these arguments."""
        return lq.layers.QuantDepthwiseConv2D(
            size,
            input_quantizer=self.activations,
            depthwise_quantizer=PerChannel(self.kernels)
            if self.kernels
            else None,
            depthwise_constraint=self._constraint,
            **kwargs,
        )

    def dense(self, units: int, **kwargs):
        """A fully connected layer on the last axis, as Keras's."""
        return lq.layers.QuantDense(
            units,
            input_quantizer=self.activations,
            kernel_quantizer=self.kernels,
            kernel_constraint=self._constraint,
            **kwargs,
        )

    def relu(self, **kwargs):
        """ReLU, or PReLU with a slope for each channel in front of signs.

        The sign of what a ReLU gives is always +1: a binary network with it
        sees nothing.
        """
        return prelu(**kwargs) if self.binary else tf.keras.layers.ReLU()

    @property
    def _constraint(self):
        return "weight_clip" if self.binary else None


FULL_PRECISION = Binarizer()
"""Of the layers that read the input, and of the classifier."""

BINARIZERS = {
    "none": FULL_PRECISION,
    "sign": Binarizer("bifsmn_sign", "bifsmn_scaled_sign"),
}
"""``sign`` is Eq. 1 and 2 of the BiFSMN paper, as its HED rows have it."""


def prelu(shared_axes=(1, 2)):
    """PReLU that starts with a slope of 1/4, as PyTorch's."""
    return tf.keras.layers.PReLU(
        alpha_initializer=tf.keras.initializers.Constant(0.25),
        shared_axes=shared_axes,
    )


class Dropout(tf.keras.layers.Layer):
    """Dropout that depends on the seed of :func:`seeded` and nothing else.

    Keras's own draws from a state that no checkpoint keeps, so that a run
    that was stopped would not go on as it would have. Without a seed nothing
    is dropped.

    Args:
        rate: share of the values that become 0; the rest grows accordingly.
        channels: drop whole channels of (batch, rows, columns, channels).
    """

    def __init__(self, rate: float, channels: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.channels = channels
        self.seed = None

    def call(self, inputs, training=False):
        """Any shape to the same shape."""
        if not training or self.seed is None:
            return inputs
        shape = tf.shape(inputs)
        if self.channels:
            shape = tf.stack([shape[0], 1, 1, shape[3]])
        kept = tf.random.stateless_uniform(shape, self.seed) >= self.rate
        return inputs * tf.cast(kept, inputs.dtype) / (1.0 - self.rate)


@contextlib.contextmanager
def seeded(model: tf.keras.Model, seed: tf.Tensor | None):
    """Gives the dropout of a model the seed of one step.

    Args:
        model: with :class:`Dropout` layers, or without.
        seed: int32 (2,), new for each step; None drops nothing.
    """
    dropouts = [x for x in model.layers if isinstance(x, Dropout)]
    for salt, layer in enumerate(dropouts):
        layer.seed = None if seed is None else seed + [0, 1000 * (salt + 1)]
    try:
        yield
    finally:
        for layer in dropouts:
            layer.seed = None
