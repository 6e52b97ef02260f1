"""The sign in front of a one-bit layer, thresholds for each depth (Eq. 1)."""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import quantizers


class VariantSign(tf.keras.layers.Layer):
    """Sign of ``x - threshold``, thresholds for each variant (Eq. 1; RSign).

    The gradient is that of the quantizer at ``x - threshold``; a threshold's
    is the sum of it over the batch, negated.

    Args:
        quantizer: A Larq quantizer or its name.
        variants: The number of depths that run through the layer.
        learned: Whether to learn the thresholds (RSign, arXiv:2003.03488);
            else they are 0.
        regularized: Whether to add a :func:`distribution_loss` of what goes
            in, for each batch trained on.
        learned_window: Whether to learn the scale k of each variant in
            sign(k (x - threshold)), k > 0, which changes nothing but the
            gradient: it passes where abs(k (x - threshold)) <= 1 (BiFSMNv2's
            Learning Propagation Binarizer).
    """

    def __init__(
        self,
        quantizer: Any,
        variants: int = 1,
        learned: bool = True,
        regularized: bool = False,
        learned_window: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.learned_window = learned_window
        self.quantizer = lq.quantizers.get(quantizer)
        self.gives_signs = quantizers.gives_signs(self.quantizer)
        self.variants = variants
        self.learned = learned
        self.regularized = regularized

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes thresholds (variants, channels) and windows (variants, 1)."""
        shape = (self.variants, input_shape[-1])
        self.thresholds = (
            self.add_weight("threshold", shape, initializer="zeros")
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
        """The surrogate gradient where Eq. 1 is all there is; else None."""
        plain = type(self.quantizer) in (quantizers.Sign, quantizers.ApproxSign)
        plain = plain and not self.regularized
        plain = plain and not self.learned_window
        return self.quantizer.surrogate if plain else None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., variants, channels) to +1 and -1, in training."""
        if self.learned:
            inputs = inputs - self.thresholds
        if self.regularized:
            # One variant may come without an axis of its own.
            own = 2 if self.variants > 1 else 1
            self.add_loss(distribution_loss(inputs, own))
        if self.learned_window:
            inputs = inputs * self.window
        return self.quantizer(inputs)

    def start_from(self, other: "VariantSign | DualSign") -> None:
        """Takes over thresholds and windows, where both signs learn them."""
        if isinstance(other, DualSign):
            other = other.first
        if self.learned and other.learned:
            self.thresholds.assign(other.thresholds)
        if self.learned_window and other.learned_window:
            self.window.assign(other.window)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Maps (..., channels) to +1 where x >= threshold, else -1.

        A quantizer with other values than these gives its own.
        """
        if not self.gives_signs:
            return self.quantizer(inputs - self.thresholds[variant])
        return tf.where(inputs >= self.thresholds[variant], 1.0, -1.0)


def distribution_loss(x: tf.Tensor, own_axes: int = 1) -> tf.Tensor:
    """Returns what keeps the inputs of a sign useful (RAD, arXiv:1904.02823).

    With mean μ and deviation σ of each channel over a batch, the mean over
    channels of three parts, as in the code of that paper::

        max(0, μ² - σ²)           degeneration: nearly all of one sign
        max(0, σ - 4)²            saturation: outside the surrogate's window
        max(0, 2 - abs(μ) - σ)²   gradient mismatch: all inside of it

    Args:
        x: What a sign is taken of.
        own_axes: The number of last axes that have statistics of their own.

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
        quantizer: As in :class:`VariantSign`.
        variants: The number of depths that run through the layer.
        **settings: Those of each of the two signs.
    """

    surrogate = None
    """No plain sign, which native operations compute."""

    gives_signs = False
    """No op takes its values."""

    def __init__(self, quantizer: Any, variants: int = 1, **settings: Any):
        super().__init__()
        self.variants = variants
        self.first, self.second = (
            VariantSign(quantizer, variants, **settings) for _ in range(2)
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
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

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., variants, channels) to b0 + s b1, in training."""
        first = self.first(inputs)
        return first + self.scale * self.second(inputs - first)

    def start_from(self, other: "VariantSign | DualSign") -> None:
        """Takes over what both learn; of a single sign, the first bit."""
        self.first.start_from(other)
        if isinstance(other, DualSign):
            self.second.start_from(other.second)
            self.scale.assign(other.scale)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Maps (..., channels) to b0 + s b1, in inference."""
        first = self.first.apply(inputs, variant)
        second = self.second.apply(inputs - first, variant)
        return first + self.scale[variant] * second
