"""The memory of a block: a filter over time (Eq. 3)."""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused
from bifsmn_tf.network.config import SCALED_SIGN
from bifsmn_tf.network.config import tap_offsets
from bifsmn_tf.network.layers.frames import frames_from
from bifsmn_tf.network.layers.linear import IntegerWeights
from bifsmn_tf.network.layers.linear import scaled_product


class MemoryFilter(IntegerWeights, tf.keras.layers.Layer):
    """The two sums of Eq. 3: a depthwise filter over time.

    Tap i of ``look_back + 1 + look_ahead`` reads, in order of time, the frame
    ``(i - look_back) * stride_back`` for the past and the present, and
    ``(i - look_back) * stride_ahead`` for the future. Frames outside the clip
    contribute nothing.

    Every channel has a filter of its own, of one bit times a scale per channel
    by default. The gradient of its latent weights is the quantizer's.

    Args:
        look_back: The number of past taps, N1.
        look_ahead: The number of future taps, N2.
        stride_back: The distance of past taps in frames, s1.
        stride_ahead: The distance of future taps in frames, s2.
        kernel_quantizer: A Larq quantizer or its name; None is full precision.
        kernel_initializer: A Keras initializer or its name.
        kernel_constraint: A Keras constraint or its name; by default one-bit
            weights are clipped to [-1, 1].
        use_bias: Whether to add a bias per channel.
        streaming: Whether to leave out the frames whose past is not there.
    """

    def __init__(
        self,
        look_back: int = 2,
        look_ahead: int = 2,
        stride_back: int = 1,
        stride_ahead: int = 1,
        kernel_quantizer: Any = SCALED_SIGN,
        kernel_initializer: Any = "glorot_uniform",
        kernel_constraint: Any = None,
        use_bias: bool = False,
        streaming: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.history = look_back * stride_back if streaming else 0
        self.look_back = look_back
        self.look_ahead = look_ahead
        self.stride_back = stride_back
        self.stride_ahead = stride_ahead
        self.kernel_quantizer = lq.quantizers.get(kernel_quantizer)
        self.kernel_initializer = tf.keras.initializers.get(kernel_initializer)
        if self.one_bit:
            kernel_constraint = kernel_constraint or "weight_clip"
        self.kernel_constraint = tf.keras.constraints.get(kernel_constraint)
        self.use_bias = use_bias

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frame that each tap reads, relative to the present one."""
        return tap_offsets(
            self.look_back, self.look_ahead, self.stride_back, self.stride_ahead
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel: (taps, channels)."""
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            "kernel",
            (len(self.offsets), channels),
            initializer=self.kernel_initializer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (channels,), initializer="zeros"
            )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (batch, time, variant, channel) to (batch, time, ...).

        In a stream there are fewer frames, by those in front of the first one
        that has all its past.
        """
        kernel = self.kernel
        if self.kernel_quantizer:
            kernel = self.kernel_quantizer(kernel)
        if fused.enabled() and self._dense:
            outputs = fused.memory(inputs, kernel, self.look_back)
        elif self.one_bit:
            outputs = scaled_product(self._depthwise, inputs, kernel)
        else:
            outputs = self._depthwise(inputs, kernel)
        outputs = frames_from(outputs, self.history)
        return outputs + self.bias if self.use_bias else outputs

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the bare filter with a kernel (taps, channels)."""
        if fused.serves_frozen() and self._dense:
            outputs = fused.memory(inputs, kernel, self.look_back)
        else:
            outputs = self._depthwise(inputs, kernel)
        return frames_from(outputs, self.history)

    @property
    def _dense(self) -> bool:
        """Says whether the taps read every frame of their reach."""
        return self.stride_back == self.stride_ahead == 1

    def _depthwise(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        time = inputs.shape[1]
        live = {o: tap for tap, o in enumerate(self.offsets) if abs(o) < time}
        reach = max(map(abs, live))
        # A depthwise convolution over (time, variant) with a symmetric kernel:
        # where no tap is, or none that a clip this short can see, it is zero.
        absent = len(self.offsets)
        rows = [live.get(o, absent) for o in range(-reach, reach + 1)]
        if rows != list(range(absent)):
            kernel = tf.gather(tf.pad(kernel, ((0, 1), (0, 0))), rows)
        return tf.nn.depthwise_conv2d(
            inputs,
            kernel[:, tf.newaxis, :, tf.newaxis],
            strides=(1, 1, 1, 1),
            padding="SAME",
        )
