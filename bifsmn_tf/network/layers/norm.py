"""BatchNorm and PReLU with parameters for each depth."""

from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers import Gradient

EPSILON = 1e-5
"""Added to the variance in every BatchNorm."""

MEMORY_EPSILON = 0.1
"""The same behind the one-bit memory of a stream, which has few taps and no
padding: the bits of a channel that are all alike have no variance there, and
the first other one would be made some hundred times as large as the rest."""

LARGEST_SLOPE = 1.99
"""Largest slope of a binary network's PReLU, 16-bit integers when deployed."""

INITIAL_SLOPE = 0.25
"""Initial slope of every PReLU."""


class VariantNorm(tf.keras.layers.Layer):
    """BatchNorm with statistics, scale and shift for each variant.

    y = γ (x - μ) / sqrt(σ² + ε) + β, with μ and σ² those of the batch in
    training and moving averages of them in inference.

    Args:
        variants: The number of depths that run through the layer.
        momentum: The share of the moving statistics that stays in a step.
        epsilon: What is added to the variance, ε.
        initial_scale: The initial γ.
    """

    def __init__(
        self,
        variants: int = 1,
        momentum: float = 0.9,
        epsilon: float = EPSILON,
        initial_scale: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.variants = variants
        self.initial_scale = initial_scale
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
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

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalises (..., variants, channels) by its batch, in training."""
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

    def fold(
        self, scale: tf.Tensor, bias: tf.Tensor | float, variant: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the layer behind ``dot * scale + bias`` as ``dot * s + t``.

        Args:
            scale: The factor of an integer dot product, (channels,).
            bias: (channels,) or 0.0.
            variant: Which of the variants.

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

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        """Returns the nearest slopes that are allowed."""
        return tf.clip_by_value(w, 0.0, LARGEST_SLOPE)


class VariantPReLU(tf.keras.layers.Layer):
    """PReLU with slopes for each variant.

    With the thresholds and norms around it this is ReActNet's RPReLU,
    PReLU(x - γ) + ζ with γ and ζ for each channel (arXiv:2003.03488): the
    BatchNorm in front has a shift of its own, which is -γ, and ζ is a constant
    on the residual that what reads it absorbs exactly. Every later
    threshold of a sign moves by the sum of the ζ before it, and the
    classifier's bias by the product of its kernel with that sum.

    Args:
        variants: The number of depths that run through the layer.
        per_channel: Whether each channel has a slope; else one for all.
        bounded: Whether to keep slopes in [0, LARGEST_SLOPE]: not negative, as
            only then what a sign follows is a threshold on the integer dot
            product, and below 2, so that the deployed residual can be 16-bit
            integers.
    """

    def __init__(
        self,
        variants: int = 1,
        per_channel: bool = True,
        bounded: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.variants = variants
        self.per_channel = per_channel
        self.bounded = bounded

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the slopes: (variants, channels or 1)."""
        self.slope = self.add_weight(
            "slope",
            (self.variants, input_shape[-1] if self.per_channel else 1),
            initializer=tf.keras.initializers.Constant(INITIAL_SLOPE),
            constraint=SlopeBounds() if self.bounded else None,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., variants, channels) to the same shape, in training."""
        rank = inputs.shape.rank

        @tf.custom_gradient
        def prelu(x: tf.Tensor, slope: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            factor = tf.where(x >= 0, 1.0, slope)

            def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                # One variant may come without an axis of its own.
                axes = list(range(rank - (2 if self.variants > 1 else 1)))
                dslope = tf.reduce_sum(dy * tf.minimum(x, 0.0), axis=axes)
                if not self.per_channel:
                    dslope = tf.reduce_sum(dslope, axis=-1, keepdims=True)
                return dy * factor, tf.reshape(dslope, slope.shape)

            return x * factor, gradient

        return prelu(inputs, self.slope)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Maps (..., channels) to the same shape, in inference.

        Written as TFLite's converter expects a PReLU.
        """
        slope = self.slope[variant]
        return tf.nn.relu(inputs) + (-slope) * tf.nn.relu(-inputs)
