"""The layers of the network, on tensors that hold several depths at once.

A thinnable network is trained at all its depths together. The depths that run
through a block share its weights and differ only in their normalisation, so
their activations are stacked on an axis of their own and go through every
operation together::

    (batch, time, variant, channel)

Rows of the pointwise layers are then (batch x time x variant), and a BatchNorm
of ``variants x channels`` channels has one set of statistics a variant, both
without moving memory.

In inference every layer computes ``dot * scale + offset`` with an integer
``dot``: the same roundings, in the same order, as the deployed operations.
Keras and the .tflite therefore agree bit for bit up to the classifier.
"""

import numpy as np

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused
from bifsmn_tf.network import mixed
from bifsmn_tf.network import quantizers

EPSILON = 1e-5

FEATURE_SCALE = 32.0
"""Steps of one unit of normalised features in the 8-bit first convolution."""

LARGEST_SLOPE = 1.99
"""Of a binary network's PReLU, which is 16-bit integers when deployed."""

INITIAL_SLOPE = 0.25
"""Of every PReLU."""


class BinaryDense(lq.layers.QuantDense):
    """A pointwise layer on the last axis, one-bit by default (Eq. 4).

    Larq's ``QuantDense`` with the project's quantizers as defaults; pass
    ``kernel_quantizer=None`` for full precision.
    """

    def __init__(
        self,
        units: int,
        input_quantizer=None,
        kernel_quantizer="bifsmn_scaled_sign",
        use_bias: bool = False,
        **kwargs,
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

    def call(self, inputs):
        """(..., in) to (..., units), as one matrix product."""
        return self._by_rows(inputs, super().call)

    def of_signs(self, signs):
        """The same of +1 and -1, with bits counted where that is faster."""
        counts = (
            type(self.kernel_quantizer) is quantizers.ScaledSign
            and not self.use_bias
            and fused.multiplies_signs()
        )
        if not counts:
            return self(signs)
        kernel = self.kernel_quantizer(self.kernel)
        return self._by_rows(
            signs, lambda rows: fused.sign_product(rows, kernel)
        )

    def _by_rows(self, inputs, product):
        shape = tf.shape(inputs)
        outputs = product(tf.reshape(inputs, (-1, inputs.shape[-1])))
        outputs = tf.reshape(
            outputs, tf.concat([shape[:-1], [self.units]], axis=0)
        )
        outputs.set_shape(inputs.shape[:-1] + (self.units,))
        return outputs

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The bare product with a kernel shaped as the layer's own.

        Args:
            inputs: (..., in); signs for an integer result.
            kernel: (in, units).

        Returns:
            (..., units).
        """
        return tf.tensordot(inputs, kernel, 1)

    def integer_dot(self, integers: tf.Tensor) -> tf.Tensor:
        """The product with the integers of the weights: exact.

        Args:
            integers: +1 and -1, or of 8 bits, (..., in).

        Returns:
            float32 that holds integers, (..., units).
        """
        return self.dot(integers, layer_integers(self))

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """K of XNOR-Net: the mean size of the inputs behind each output.

        Args:
            magnitudes: absolute inputs in front of their signs, (..., in).

        Returns:
            A shape that multiplies with the layer's outputs: here (..., 1).
        """
        return tf.reduce_mean(magnitudes, axis=-1, keepdims=True)


class BinaryConv2D(lq.layers.QuantConv2D):
    """A 2-D convolution over (time, frequency), one-bit by default.

    Larq's ``QuantConv2D`` with the project's quantizers as defaults. Padding
    is TensorFlow's ``"same"`` and is put in after the input quantizer: a
    padded position contributes nothing.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        input_quantizer=None,
        kernel_quantizer="bifsmn_scaled_sign",
        use_bias: bool = False,
        **kwargs,
    ):
        kwargs.setdefault(
            "kernel_constraint", "weight_clip" if kernel_quantizer else None
        )
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            input_quantizer=input_quantizer,
            kernel_quantizer=kernel_quantizer,
            use_bias=use_bias,
            **kwargs,
        )

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.dot`, for the convolution."""
        return tf.nn.conv2d(inputs, kernel, self.strides, "SAME")

    def integer_dot(self, integers: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.integer_dot`, for the convolution."""
        return self.dot(integers, layer_integers(self))

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.input_scale`, for the convolution.

        A padded position counts as an input of 0.
        """
        means = tf.reduce_mean(magnitudes, axis=-1, keepdims=True)
        positions = self.kernel_size[0] * self.kernel_size[1]
        box = tf.fill((*self.kernel_size, 1, 1), 1.0 / positions)
        return tf.nn.conv2d(means, box, self.strides, "SAME")


class FirstConv2D(lq.layers.QuantConv2D):
    """The first convolution with weights and features of 8 bits.

    Features are rounded to steps of 1/32 in [-4, 4) (of a standard deviation,
    when they are normalised), weights to 8 bits per output channel. All sums
    are integers below 2^24, exact in float32 whatever their order.
    """

    def __init__(self, filters: int, kernel_size: int, strides: int, **kwargs):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            kernel_quantizer="bifsmn_int8",
            use_bias=False,
            **kwargs,
        )

    @staticmethod
    def integer_features(features: tf.Tensor) -> tf.Tensor:
        """Normalised features as integers in [-128, 127] (float32)."""
        return tf.clip_by_value(tf.round(features * FEATURE_SCALE), -128, 127)

    def integer_kernel(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Integer weights (as float32) and their scale per output channel."""
        return quantizers.Int8.integers(self.kernel)

    def call(self, inputs):
        """(batch, time, frequency, 1) to (batch, time/2, frequency/2, C)."""
        return super().call(self.integer_features(inputs) / FEATURE_SCALE)

    def integer_dot(self, features: tf.Tensor) -> tf.Tensor:
        """The convolution of integer features with integer weights."""
        integers, _ = self.integer_kernel()
        return tf.nn.conv2d(
            self.integer_features(features), integers, self.strides, "SAME"
        )


class MemoryFilter(tf.keras.layers.Layer):
    """The two sums of Eq. 3: a depthwise filter over time.

    Tap i of ``look_back + 1 + look_ahead`` reads, in order of time, the frame
    ``(i - look_back) * stride_back`` for the past and the present, and
    ``(i - look_back) * stride_ahead`` for the future. Frames outside the clip
    contribute nothing.

    Args:
        look_back: N1.
        look_ahead: N2.
        stride_back: s1 in frames.
        stride_ahead: s2 in frames.
        kernel_quantizer: Larq quantizer or name; ``None`` is full precision.
        kernel_constraint: Keras constraint or name; by default one-bit weights
            are clipped to [-1, 1].
        use_bias: add a bias per channel.
    """

    def __init__(
        self,
        look_back: int = 2,
        look_ahead: int = 2,
        stride_back: int = 1,
        stride_ahead: int = 1,
        kernel_quantizer="bifsmn_scaled_sign",
        kernel_initializer="glorot_uniform",
        kernel_constraint=None,
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.look_back = look_back
        self.look_ahead = look_ahead
        self.stride_back = stride_back
        self.stride_ahead = stride_ahead
        self.kernel_quantizer = lq.quantizers.get(kernel_quantizer)
        self.kernel_initializer = tf.keras.initializers.get(kernel_initializer)
        if getattr(self.kernel_quantizer, "precision", None) == 1:
            kernel_constraint = kernel_constraint or "weight_clip"
        self.kernel_constraint = tf.keras.constraints.get(kernel_constraint)
        self.use_bias = use_bias

    @property
    def offsets(self) -> list[int]:
        """Which frame each tap reads, relative to the present one."""
        past = [-i * self.stride_back for i in range(self.look_back, 0, -1)]
        future = [i * self.stride_ahead for i in range(1, self.look_ahead + 1)]
        return [*past, 0, *future]

    def build(self, input_shape):
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

    def call(self, inputs):
        """(batch, time, variant, channel) to the same shape."""
        kernel = self.kernel
        if self.kernel_quantizer:
            kernel = self.kernel_quantizer(kernel)
        if fused.enabled() and self._dense:
            outputs = fused.memory(inputs, kernel, self.look_back)
        else:
            outputs = self._depthwise(inputs, kernel)
        return outputs + self.bias if self.use_bias else outputs

    def dot(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.dot`, for the taps: kernel (taps, channels)."""
        if fused.serves_frozen() and self._dense:
            return fused.memory(inputs, kernel, self.look_back)
        return self._depthwise(inputs, kernel)

    @property
    def _dense(self) -> bool:
        """Whether the taps read every frame of their reach."""
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

    def integer_dot(self, integers: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.integer_dot`, for the taps."""
        return self.dot(integers, layer_integers(self))

    def input_scale(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """As :meth:`BinaryDense.input_scale`, for the taps.

        An output sees one channel only, and so does its scale: the same shape
        as the inputs.
        """
        box = tf.fill(self.kernel.shape, 1.0 / len(self.offsets))
        return self.dot(magnitudes, box)


class VariantNorm(tf.keras.layers.Layer):
    """BatchNorm with statistics, scale and shift for each variant.

    Args:
        variants: how many depths run through the layer.
        momentum: of the moving statistics.
        epsilon: added to the variance.
        initial_scale: of gamma.
    """

    def __init__(
        self,
        variants: int = 1,
        momentum: float = 0.9,
        epsilon: float = EPSILON,
        initial_scale: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.variants = variants
        self.initial_scale = initial_scale
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        """Makes gamma, beta and the moving statistics: (variants, channels)."""
        shape = (self.variants, input_shape[-1])
        self.gamma = self.add_weight(
            "gamma",
            shape,
            initializer=tf.keras.initializers.Constant(self.initial_scale),
        )
        self.beta = self.add_weight("beta", shape, initializer="zeros")
        statistics = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.MEAN,
        }
        self.moving_mean = self.add_weight(
            "moving_mean", shape, initializer="zeros", **statistics
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, initializer="ones", **statistics
        )
        super().build(input_shape)

    def call(self, inputs):
        """Training: normalises (..., variants, channels) by its batch."""
        channels = inputs.shape[-1]
        flat = tf.reshape(inputs, (-1, 1, 1, self.variants * channels))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=flat,
            scale=tf.reshape(self.gamma, (-1,)),
            offset=tf.reshape(self.beta, (-1,)),
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            batch = tf.reshape(batch, moving.shape)
            moving.assign_sub((moving - batch) * (1.0 - self.momentum))
        return tf.reshape(outputs, tf.shape(inputs))

    def fold(self, scale, bias, variant: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The layer behind ``dot * scale + bias`` as ``dot * s + t``.

        Args:
            scale: (channels,), what an integer dot product is multiplied with.
            bias: (channels,) or 0.0.
            variant: which of the variants.

        Returns:
            s and t, each (channels,).
        """
        inverse = self.gamma[variant] / tf.sqrt(
            self.moving_variance[variant] + self.epsilon
        )
        offset = (bias - self.moving_mean[variant]) * inverse
        return scale * inverse, self.beta[variant] + offset


class SlopeBounds(tf.keras.constraints.Constraint):
    """Keeps a PReLU's slopes in [0, :data:`LARGEST_SLOPE`]."""

    def __call__(self, w):
        """Returns the nearest slopes that are allowed."""
        return tf.clip_by_value(w, 0.0, LARGEST_SLOPE)


class VariantPReLU(tf.keras.layers.Layer):
    """PReLU with slopes for each variant.

    With the thresholds and norms around it this is ReActNet's RPReLU,
    PReLU(x - γ) + ζ with γ and ζ for each channel (arXiv:2003.03488): the
    BatchNorm in front has a shift of its own, which is -γ, and ζ is a constant
    on the stream that what reads the stream absorbs exactly. Every later
    threshold of a sign moves by the sum of the ζ before it, and the
    classifier's bias by the product of its kernel with that sum.

    Args:
        variants: how many depths run through the layer.
        per_channel: a slope per channel; else one for all channels.
        bounded: keep slopes in [0, LARGEST_SLOPE]: not negative, as only then
            what a sign follows is a threshold on the integer dot product, and
            below 2, so that the deployed stream can be 16-bit integers.
    """

    def __init__(
        self,
        variants: int = 1,
        per_channel: bool = True,
        bounded: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.variants = variants
        self.per_channel = per_channel
        self.bounded = bounded

    def build(self, input_shape):
        """Makes the slopes: (variants, channels or 1)."""
        self.slope = self.add_weight(
            "slope",
            (self.variants, input_shape[-1] if self.per_channel else 1),
            initializer=tf.keras.initializers.Constant(INITIAL_SLOPE),
            constraint=SlopeBounds() if self.bounded else None,
        )
        super().build(input_shape)

    def call(self, inputs):
        """Training: (..., variants, channels) to the same shape."""
        rank = inputs.shape.rank

        @tf.custom_gradient
        def prelu(x, slope):
            factor = tf.where(x >= 0, 1.0, slope)

            def gradient(dy):
                # One variant may come without an axis of its own.
                axes = list(range(rank - (2 if self.variants > 1 else 1)))
                dslope = tf.reduce_sum(dy * tf.minimum(x, 0.0), axis=axes)
                if not self.per_channel:
                    dslope = tf.reduce_sum(dslope, axis=-1, keepdims=True)
                return dy * factor, tf.reshape(dslope, slope.shape)

            return x * factor, gradient

        return prelu(inputs, self.slope)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Inference: (..., channels) to the same shape.

        Written as TFLite's converter expects a PReLU.
        """
        slope = self.slope[variant]
        return tf.nn.relu(inputs) + (-slope) * tf.nn.relu(-inputs)


class VariantSign(tf.keras.layers.Layer):
    """Sign of ``x - threshold``, thresholds for each variant (Eq. 1; RSign).

    Args:
        quantizer: Larq quantizer or name.
        variants: how many depths run through the layer.
        learned: learn the thresholds (RSign, arXiv:2003.03488); else they are
            0.
        initial: of learned thresholds.
        regularized: add a :func:`distribution_loss` of what goes in, for each
            batch trained on.
        learned_window: learn the scale k of each variant in sign(k (x -
            threshold)), k > 0, which changes nothing but the gradient: it
            passes where abs(k (x - threshold)) <= 1 (BiFSMNv2's Learning
            Propagation Binarizer).
    """

    def __init__(
        self,
        quantizer,
        variants: int = 1,
        learned=True,
        initial: float = 0.0,
        regularized: bool = False,
        learned_window: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.initial = initial
        self.learned_window = learned_window
        self.quantizer = lq.quantizers.get(quantizer)
        self.gives_signs = quantizers.gives_signs(self.quantizer)
        self.variants = variants
        self.learned = learned
        self.regularized = regularized

    def build(self, input_shape):
        """Makes thresholds (variants, channels) and windows (variants, 1)."""
        shape = (self.variants, input_shape[-1])
        self.thresholds = (
            self.add_weight(
                "threshold",
                shape,
                initializer=tf.keras.initializers.Constant(self.initial),
            )
            if self.learned
            else tf.zeros(shape)
        )
        if self.learned_window:
            self.window = self.add_weight(
                "window",
                (self.variants, 1),
                initializer="ones",
                constraint=quantizers.WindowBounds(),
            )
        super().build(input_shape)

    @property
    def surrogate(self) -> str | None:
        """The surrogate gradient, of a sign that is nothing but Eq. 1."""
        plain = type(self.quantizer) in (quantizers.Sign, quantizers.ApproxSign)
        plain = plain and not self.regularized
        plain = plain and not self.learned_window
        return self.quantizer.surrogate if plain else None

    def call(self, inputs):
        """Training: (..., variants, channels) to +1 and -1."""
        if self.learned:
            inputs = inputs - self.thresholds
        if self.regularized:
            # One variant may come without an axis of its own.
            own = 2 if self.variants > 1 else 1
            self.add_loss(distribution_loss(inputs, own))
        if self.learned_window:
            inputs = inputs * self.window
        return self.quantizer(inputs)

    def start_from(self, other) -> None:
        """Takes over thresholds and windows, where both signs learn them."""
        other = getattr(other, "first", other)
        if self.learned and other.learned:
            self.thresholds.assign(other.thresholds)
        if self.learned_window and other.learned_window:
            self.window.assign(other.window)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Inference: (..., channels) to +1 where x >= threshold, else -1.

        A quantizer with other values than these gives its own.
        """
        if not self.gives_signs:
            return self.quantizer(inputs - self.thresholds[variant])
        return tf.where(inputs >= self.thresholds[variant], 1.0, -1.0)


def distribution_loss(x: tf.Tensor, own_axes: int = 1) -> tf.Tensor:
    """What keeps the inputs of a sign useful (RAD, arXiv:1904.02823).

    With mean μ and deviation σ of each channel over a batch, the mean over
    channels of three parts, as in the code of that paper::

        max(0, μ² - σ²)           degeneration: nearly all of one sign
        max(0, σ - 4)²            saturation: outside the surrogate's window
        max(0, 2 - abs(μ) - σ)²   gradient mismatch: all inside of it

    Args:
        x: in front of a sign.
        own_axes: how many of the last axes have statistics of their own.

    Returns:
        A scalar.
    """
    axes = list(range(x.shape.rank - own_axes))
    mean, variance = tf.nn.moments(x, axes)
    # The root has no gradient at 0.
    deviation = tf.sqrt(variance + 1e-10)
    degeneration = tf.nn.relu(tf.square(mean) - tf.square(deviation))
    saturation = tf.square(tf.nn.relu(deviation - 4.0))
    mismatch = tf.square(tf.nn.relu(2.0 - tf.abs(mean) - deviation))
    return tf.reduce_mean(degeneration + saturation + mismatch)


class DualSign(tf.keras.layers.Layer):
    """Two bits in two scales: b0 + s b1 (BiFSMNv2, arXiv:2211.06987).

    b0 = sign(x - t0) and b1 = sign(x - b0 - t1), thresholds as in
    :class:`VariantSign`. The scale s of the second bit is learned, one a
    variant; in the authors' code it is the mean of abs(x - b0 - t1) over each
    clip, which a deployed network would have to compute before it can multiply.

    Args:
        quantizer: as in :class:`VariantSign`, like all but ``initial``.
        variants: how many depths run through the layer.
        learned: learn the thresholds.
        initial: of the first sign's thresholds; the second one's start at 0.
        **settings: others of each of the two signs.
    """

    surrogate = None
    """No plain sign, which native operations compute."""

    def __init__(
        self,
        quantizer,
        variants: int = 1,
        learned=True,
        initial: float = 0.0,
        **settings,
    ):
        super().__init__()
        self.variants = variants
        self.first, self.second = (
            VariantSign(quantizer, variants, learned, start, **settings)
            for start in (initial, 0.0)
        )

    def build(self, input_shape):
        """Makes the scales, (variants, 1), and builds the two signs."""
        self.first.build(input_shape)
        self.second.build(input_shape)
        # The mean of abs(x - sign(x)) for a standard normal x is 0.48.
        self.scale = self.add_weight(
            "scale",
            (self.variants, 1),
            initializer=tf.keras.initializers.Constant(0.5),
        )
        super().build(input_shape)

    def call(self, inputs):
        """Training: (..., variants, channels) to b0 + s b1."""
        first = self.first(inputs)
        return first + self.scale * self.second(inputs - first)

    def start_from(self, other) -> None:
        """Takes over what both learn; of a single sign, the first bit."""
        self.first.start_from(other)
        if isinstance(other, DualSign):
            self.second.start_from(other.second)
            self.scale.assign(other.scale)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Inference: (..., channels) to b0 + s b1."""
        first = self.first.apply(inputs, variant)
        second = self.second.apply(inputs - first, variant)
        return first + self.scale[variant] * second


def layer_scale(layer) -> tf.Tensor:
    """What a layer's integer dot product is multiplied with, per channel."""
    if isinstance(layer, FirstConv2D):
        return layer.integer_kernel()[1] / FEATURE_SCALE
    if isinstance(layer.kernel_quantizer, mixed.ChannelInt8):
        return layer.kernel_quantizer.integers(layer.kernel)[1]
    return quantizers.scale(layer.kernel_quantizer, layer.kernel)


def layer_integers(layer) -> tf.Tensor:
    """A layer's weights without their scale, float32 in the kernel's shape.

    The signs of a binary layer, or the integers of one of 8 bits.
    """
    if isinstance(layer.kernel_quantizer, mixed.ChannelInt8):
        return layer.kernel_quantizer.integers(layer.kernel)[0]
    return quantizers.signs(layer.kernel_quantizer, layer.kernel)


def integer_weights(layer) -> np.ndarray:
    """As :func:`layer_integers`, as int8."""
    return layer_integers(layer).numpy().astype(np.int8)
