"""The layers of the baselines, in full precision or in one bit.

A baseline takes a :class:`Binarizer` and makes all its layers with it, except
those that read the input and the classifier; FSMN makes its first memory with
it, too. One-bit layers are Larq's, with quantizers by name.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import architectures


@lq.utils.register_keras_custom_object
class PerChannel(lq.quantizers.Quantizer):
    """Quantizes a depthwise kernel, each of whose channels is an output.

    A quantizer scales each channel of the last axis; a depthwise kernel is
    (rows, columns, inputs, multiplier), with outputs inputs x multiplier.

    Args:
        quantizer: The kernel's quantizer, an object or a name.
    """

    def __init__(self, quantizer: str | lq.quantizers.Quantizer, **kwargs: Any):
        super().__init__(**kwargs)
        self.quantizer = lq.quantizers.get(quantizer)
        self.precision = self.quantizer.precision

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the quantized kernel in the shape of ``inputs``."""
        rows, columns, channels, multiplier = inputs.shape
        by_output = tf.reshape(inputs, (rows, columns, channels * multiplier))
        quantized = self.quantizer(by_output)
        return super().call(tf.reshape(quantized, inputs.shape))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this quantizer again."""
        return {
            **super().get_config(),
            "quantizer": tf.keras.utils.serialize_keras_object(self.quantizer),
        }


class InputScaled(tf.keras.layers.Layer):
    """Multiplies a layer's outputs with XNOR-Net's K, in front of the bias.

    K is the mean size of the inputs behind each output, without a gradient. A
    padded position counts as an input of 0. Mix it into a layer that defines
    ``input_scale``.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps inputs to outputs as the layer that this is mixed into does."""
        outputs = super().call(inputs)
        scale = self.input_scale(tf.abs(tf.stop_gradient(inputs)))
        bias = self.bias if self.use_bias else 0.0
        return (outputs - bias) * scale + bias


class ScaledConv2D(InputScaled, lq.layers.QuantConv2D):
    """Larq's ``QuantConv2D`` times K."""

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """Returns K from absolute inputs, (batch, rows, columns, 1)."""
        means = tf.reduce_mean(magnitudes, axis=-1, keepdims=True)
        positions = self.kernel_size[0] * self.kernel_size[1]
        return tf.nn.conv2d(
            means,
            tf.fill((*self.kernel_size, 1, 1), 1.0 / positions),
            self.strides,
            self.padding.upper(),
            dilations=self.dilation_rate,
        )


class ScaledDepthwiseConv2D(InputScaled, lq.layers.QuantDepthwiseConv2D):
    """Larq's ``QuantDepthwiseConv2D`` times K, which each channel has apart."""

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """Returns K from absolute inputs, (batch, rows, columns, outputs)."""
        positions = self.kernel_size[0] * self.kernel_size[1]
        return tf.nn.depthwise_conv2d(
            magnitudes,
            tf.fill(self.depthwise_kernel.shape, 1.0 / positions),
            (1, *self.strides, 1),
            self.padding.upper(),
            dilations=self.dilation_rate,
        )


class ScaledDense(InputScaled, lq.layers.QuantDense):
    """Larq's ``QuantDense`` times K."""

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """Returns K from absolute inputs, (..., 1)."""
        return tf.reduce_mean(magnitudes, axis=-1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Binarizer:
    """Makes the layers of a baseline.

    Attributes:
        activations: The name of the quantizer of what a layer reads; None for
            full precision.
        kernels: The name of the quantizer of weights; None for full precision.
        input_scale: Whether outputs are multiplied with XNOR-Net's K.
    """

    activations: str | None = None
    kernels: str | None = None
    input_scale: bool = False

    @classmethod
    def named(cls, name: str) -> "Binarizer":
        """Returns a binarizer that BiFSMN is compared with, by its name."""
        settings = architectures.BINARIZERS[name]
        return cls(
            settings["activation_quantizer"],
            settings["kernel_quantizer"],
            settings.get("input_scale", False),
        )

    @property
    def binary(self) -> bool:
        """Whether weights and activations are one bit."""
        return self.kernels is not None

    def conv2d(
        self, filters: int, size: int | tuple[int, int], **kwargs: Any
    ) -> tf.keras.layers.Layer:
        """Makes a convolution, with the arguments of Keras's."""
        layer = ScaledConv2D if self.input_scale else lq.layers.QuantConv2D
        return layer(
            filters,
            size,
            input_quantizer=self.activations,
            kernel_quantizer=self.kernels,
            kernel_constraint=self._constraint,
            **kwargs,
        )

    def depthwise(
        self, size: int | tuple[int, int], **kwargs: Any
    ) -> tf.keras.layers.Layer:
        """Makes a depthwise convolution, with the arguments of Keras's."""
        layer = (
            ScaledDepthwiseConv2D
            if self.input_scale
            else lq.layers.QuantDepthwiseConv2D
        )
        return layer(
            size,
            input_quantizer=self.activations,
            depthwise_quantizer=PerChannel(self.kernels)
            if self.kernels
            else None,
            depthwise_constraint=self._constraint,
            **kwargs,
        )

    def dense(self, units: int, **kwargs: Any) -> tf.keras.layers.Layer:
        """Makes a dense layer on the last axis, with Keras's arguments."""
        layer = ScaledDense if self.input_scale else lq.layers.QuantDense
        return layer(
            units,
            input_quantizer=self.activations,
            kernel_quantizer=self.kernels,
            kernel_constraint=self._constraint,
            **kwargs,
        )

    def classifier(self, classes: int) -> tf.keras.layers.Layer:
        """Makes the last layer, in full precision.

        Behind one-bit layers its weights start at zero: the width of those
        layers would make the first logits large and wrong.
        """
        return tf.keras.layers.Dense(
            classes,
            kernel_initializer="zeros" if self.binary else "glorot_uniform",
            name="logits",
        )

    def relu(self, **kwargs: Any) -> tf.keras.layers.Layer:
        """Makes a ReLU, or a PReLU in front of signs.

        The PReLU has a slope for each channel. The sign of what a ReLU gives
        is always +1: a binary network with it sees nothing.
        """
        return prelu(**kwargs) if self.binary else tf.keras.layers.ReLU()

    @property
    def _constraint(self) -> str | None:
        return "weight_clip" if self.binary else None


FULL_PRECISION = Binarizer()
"""The binarizer of the layers that read the input, which binarizes nothing."""

BINARIZERS = {
    "none": FULL_PRECISION,
    "sign": Binarizer("bifsmn_sign", "bifsmn_scaled_sign"),
    "xnor": Binarizer.named("xnor"),
    "irnet": Binarizer.named("irnet"),
}
"""The binarizers by name. ``sign`` is Eq. 1 and 2 of the BiFSMN paper, as its
rows with HED have it."""


def prelu(
    shared_axes: tuple[int, ...] | None = (1, 2),
) -> tf.keras.layers.Layer:
    """Makes a PReLU that starts with a slope of 1/4, as PyTorch's does.

    Args:
        shared_axes: The axes along which slopes are shared, from 1.
    """
    return tf.keras.layers.PReLU(
        alpha_initializer=tf.keras.initializers.Constant(0.25),
        shared_axes=shared_axes,
    )


def batch_norm() -> tf.keras.layers.Layer:
    """Makes a BatchNorm with PyTorch's default momentum and epsilon."""
    return tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


class Dropout(tf.keras.layers.Layer):
    """Dropout that depends on the seed of :func:`seeded` alone.

    Keras's own draws from a state that no checkpoint keeps, so that a run
    that was stopped would not go on as it would have. Without a seed nothing
    is dropped.

    Args:
        rate: The share of the values that become 0; the rest grows
            accordingly.
        channels: Whether to drop whole channels of (batch, rows, columns,
            channels).
    """

    def __init__(self, rate: float, channels: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.channels = channels
        self.seed: tf.Tensor | None = None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps any shape to the same shape."""
        if not training or self.seed is None:
            return inputs
        shape = tf.shape(inputs)
        if self.channels:
            shape = tf.stack([shape[0], 1, 1, shape[3]])
        kept = tf.random.stateless_uniform(shape, self.seed) >= self.rate
        return inputs * tf.cast(kept, inputs.dtype) / (1.0 - self.rate)


@contextlib.contextmanager
def seeded(model: tf.keras.Model, seed: tf.Tensor | None) -> Iterator[None]:
    """Gives the dropout of a model the seed of one step.

    Args:
        model: A model with or without :class:`Dropout` layers.
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
