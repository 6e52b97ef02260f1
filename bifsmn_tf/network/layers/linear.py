"""Linear layers of one bit, 8 bits or full precision (Eq. 2, 4).

Larq's layers with the project's quantizers, and what inference in integers
needs beside them: the weights as integers, their scale, and the bare product.
"""

import functools
from collections.abc import Callable
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.config import SCALED_SIGN
from bifsmn_tf.network.layers.frames import frames_from

FEATURE_SCALE = 32.0
"""Steps of one unit of normalised features in the 8-bit first convolution."""


def scaled_product(
    product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    gradients: Callable[..., Any] | None = None,
) -> tf.Tensor:
    """Returns a product with one-bit weights, scaled after it is added up.

    Of inputs that are signs the sum is an integer and exact, so that a 0 is a 0
    at every order of adding: as floats, products of ±α may leave ±1e-7, and the
    next layer's sign is chance. Gradients are those of the bare product.

    Args:
        product: The bare product, linear in both factors.
        inputs: Of the layer.
        kernel: α·sign(w), with one α for each output channel (last axis).
        gradients: Computes those of inputs and kernel of these and the
            product's gradient; None has TensorFlow do it.

    Returns:
        What ``product`` does.
    """

    @tf.custom_gradient
    def scaled(
        inputs: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, quantizers.Gradient]:
        def gradient(dz: tf.Tensor) -> Any:
            if gradients:
                return gradients(inputs, kernel, dz)
            with tf.GradientTape() as tape:
                tape.watch((inputs, kernel))
                z = product(inputs, kernel)
            return tape.gradient(z, (inputs, kernel), dz)

        axes = list(range(kernel.shape.rank - 1))
        scale = tf.reduce_max(tf.abs(kernel), axis=axes)
        return product(inputs, quantizers.sign(kernel)) * scale, gradient

    return scaled(inputs, kernel)


class IntegerWeights:
    """Mixes in what a layer with quantized weights computes in integers.

    The layer has a ``kernel``, its ``kernel_quantizer`` and a method ``dot``.
    """

    kernel: tf.Variable
    kernel_quantizer: Any
    use_bias: bool

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the bare product with a kernel shaped as the layer's own."""
        raise NotImplementedError

    @property
    def looks_up(self) -> bool:
        """Whether native operations know products with such weights."""
        return (
            type(self.kernel_quantizer) is quantizers.ScaledSign
            and not self.use_bias
            and fused.enabled()
        )

    @property
    def one_bit(self) -> bool:
        """Whether weights are signs times a scale for each channel."""
        return getattr(self.kernel_quantizer, "precision", None) == 1

    def integers(self) -> tf.Tensor:
        """Returns the weights without their scale, in the kernel's shape.

        They are the signs of a layer of one bit or the integers of one of 8,
        as float32.
        """
        return quantizers.integers(self.kernel_quantizer, self.kernel)

    def weight_scale(self) -> tf.Tensor:
        """Returns the factor of an integer dot product: (channels,)."""
        return quantizers.scale(self.kernel_quantizer, self.kernel)

    def integer_dot(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the product with the weights' integers, which is exact.

        Args:
            inputs: Signs or integers of 8 bits, (..., in).

        Returns:
            float32 that holds integers, (..., out).
        """
        return self.dot(inputs, self.integers())


class BinaryDense(IntegerWeights, lq.layers.QuantDense):
    """A pointwise layer on the last axis, one-bit by default (Eq. 4).

    It computes z = x·W with W = α·sign(w) of Eq. 2; the gradient of w is that
    of the kernel quantizer. Pass ``kernel_quantizer=None`` for full precision.
    """

    def __init__(
        self,
        units: int,
        input_quantizer: Any = None,
        kernel_quantizer: Any = SCALED_SIGN,
        use_bias: bool = False,
        **kwargs: Any,
    ):
        kwargs.setdefault(
            "kernel_constraint", "weight_clip" if kernel_quantizer else None
        )
        super().__init__(
            units,
            input_quantizer=input_quantizer,
            kernel_quantizer=kernel_quantizer,
            use_bias=use_bias,
            **kwargs,
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., in) to (..., units), as one matrix product."""
        if not self.one_bit or self.use_bias:
            return self._by_rows(inputs, super().call)
        if self.input_quantizer:
            inputs = self.input_quantizer(inputs)
        kernel = self.kernel_quantizer(tf.convert_to_tensor(self.kernel))
        return self._by_rows(
            inputs, lambda rows: scaled_product(tf.matmul, rows, kernel)
        )

    def of_levels(self, levels: tf.Tensor, step: float) -> tf.Tensor:
        """Does the same by native operations, where there are some.

        Args:
            levels: +1 and -1, whose bits are counted where that is fast; or
                levels of two bits.
            step: Of two bits, see :func:`fused.level_gradients`; else 0.
        """
        if not self.looks_up:
            return self(levels)
        kernel = self.kernel_quantizer(self.kernel)
        if not step and fused.multiplies_signs():
            return self._by_rows(
                levels, lambda rows: fused.sign_product(rows, kernel)
            )
        gradients = functools.partial(fused.level_gradients, step=step)
        return self._by_rows(
            levels,
            lambda rows: scaled_product(tf.matmul, rows, kernel, gradients),
        )

    def _by_rows(
        self, inputs: tf.Tensor, product: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        shape = tf.shape(inputs)
        outputs = product(tf.reshape(inputs, (-1, inputs.shape[-1])))
        outputs = tf.reshape(
            outputs, tf.concat([shape[:-1], [self.units]], axis=0)
        )
        outputs.set_shape(inputs.shape[:-1] + (self.units,))
        return outputs

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the bare product with a kernel shaped as the layer's own.

        Args:
            inputs: (..., in); signs for an integer result.
            kernel: (in, units).

        Returns:
            (..., units).
        """
        return tf.tensordot(inputs, kernel, 1)


class Windowed(IntegerWeights):
    """Mixes in the padding of a convolution over (time, frequency).

    Padding is TensorFlow's ``"same"`` and is put in after the input quantizer:
    a padded position contributes nothing. In a stream there is none in time.
    """

    streaming: bool
    kernel_size: tuple[int, int]
    strides: tuple[int, int]

    @staticmethod
    def padding_of(streaming: bool) -> str:
        """Returns Keras' name of the padding that the layer itself puts in."""
        return "valid" if streaming else "same"

    def padded(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs with what the layer itself does not put in."""
        return self._with_bands(self._read(inputs))

    def _read(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the frames that are in a window."""
        if not self.streaming:
            return inputs
        # The newest one is in the last window.
        behind = inputs.shape[1] - self.kernel_size[0]
        return frames_from(inputs, behind % self.strides[0])

    def _with_bands(self, inputs: tf.Tensor) -> tf.Tensor:
        if not self.streaming:
            return inputs
        before, behind = self._missing(inputs.shape[2], 1)
        return tf.pad(inputs, ((0, 0), (0, 0), (before, behind), (0, 0)))

    def _window(self, inputs: tf.Tensor) -> dict[str, Any]:
        """Returns strides, and the padding in front, of what is read."""
        return {
            "strides": self.strides,
            "before": tuple(
                self._missing(inputs.shape[1 + axis], axis)[0]
                for axis in range(2)
            ),
        }

    def _missing(self, size: int, axis: int) -> tuple[int, int]:
        """Returns the padding of an axis, time or frequency, at both ends."""
        if self.streaming and axis == 0:
            return 0, 0
        kernel, stride = self.kernel_size[axis], self.strides[axis]
        missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        return missing // 2, missing - missing // 2

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Does as :meth:`BinaryDense.dot`, for the convolution."""
        return self.dot_of_read(self._read(inputs), kernel)

    def dot_of_read(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Does as :meth:`dot` with frames that are all in a window."""
        padding = self.padding_of(self.streaming).upper()
        return tf.nn.conv2d(
            self._with_bands(inputs), kernel, self.strides, padding
        )


class BinaryConv2D(Windowed, lq.layers.QuantConv2D):
    """A 2-D convolution over (time, frequency), one-bit by default.

    As :class:`BinaryDense` with a window, see :class:`Windowed`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        input_quantizer: Any = None,
        kernel_quantizer: Any = SCALED_SIGN,
        use_bias: bool = False,
        streaming: bool = False,
        **kwargs: Any,
    ):
        kwargs.setdefault(
            "kernel_constraint", "weight_clip" if kernel_quantizer else None
        )
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=self.padding_of(streaming),
            input_quantizer=input_quantizer,
            kernel_quantizer=kernel_quantizer,
            use_bias=use_bias,
            **kwargs,
        )
        self.streaming = streaming

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (batch, time, frequency, in) to (..., filters)."""
        return super().call(self.padded(inputs))

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the convolution with a quantized kernel."""
        product = super().convolution_op
        if not self.one_bit:
            return product(inputs, kernel)
        return scaled_product(product, inputs, tf.convert_to_tensor(kernel))

    def of_levels(self, levels: tf.Tensor, step: float) -> tf.Tensor:
        """Does the same, with native gradients where there are some.

        Args:
            levels: +1 and -1, or levels of two bits.
            step: Of two bits, see :func:`fused.level_gradients`; else 0.
        """
        if not self.looks_up:
            return self(levels)
        levels = self._read(levels)
        gradients = functools.partial(
            fused.level_gradients, step=step, **self._window(levels)
        )
        return scaled_product(
            self.dot_of_read,
            levels,
            self.kernel_quantizer(self.kernel),
            gradients,
        )


class FirstConv2D(Windowed, lq.layers.QuantConv2D):
    """The first convolution with weights and features of 8 bits.

    Features are rounded to steps of 1/32 in [-4, 4) (of a standard deviation,
    when they are normalised), weights to 8 bits per output channel. All sums
    are integers below 2^24, exact in float32 whatever their order. The weights'
    gradient passes their rounding unchanged; features have none.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int,
        streaming: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=self.padding_of(streaming),
            kernel_quantizer="bifsmn_int8",
            use_bias=False,
            **kwargs,
        )
        self.streaming = streaming

    @staticmethod
    def integer_features(features: tf.Tensor) -> tf.Tensor:
        """Returns normalised features as integers in [-128, 127] (float32)."""
        return tf.clip_by_value(tf.round(features * FEATURE_SCALE), -128, 127)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (batch, time, frequency, 1) to (batch, time/2, .../2, C)."""
        integers = self.integer_features(self.padded(inputs))
        return super().call(integers / FEATURE_SCALE)

    def natively(self, inputs: tf.Tensor) -> tf.Tensor:
        """Does the same, with a native gradient of the kernel."""
        inputs = self._read(inputs)
        inputs = self.integer_features(inputs) / FEATURE_SCALE

        # Features have no gradient, for their rounding.
        @tf.custom_gradient
        def convolved(kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
            def gradient(dz: tf.Tensor) -> tf.Tensor:
                return fused.kernel_gradient(
                    inputs, kernel, dz, **self._window(inputs)
                )

            return self.dot_of_read(inputs, kernel), gradient

        return convolved(self.kernel_quantizer(self.kernel))

    def weight_scale(self) -> tf.Tensor:
        """Returns the factor of the dot product of both's integers."""
        return super().weight_scale() / FEATURE_SCALE

    def integer_dot(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the convolution of features and weights in integers."""
        return super().integer_dot(self.integer_features(inputs))
