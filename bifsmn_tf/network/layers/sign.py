"""The sign in front of a one-bit layer, thresholds for each depth (Eq. 1)."""

from collections.abc import Callable
from typing import Any
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

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
        initial: The initial threshold; the threshold if none is learned.
    """

    def __init__(
        self,
        quantizer: Any,
        variants: int = 1,
        learned: bool = True,
        regularized: bool = False,
        learned_window: bool = False,
        initial: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.initial = initial
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
            self.add_weight(
                "threshold",
                shape,
                initializer=tf.keras.initializers.Constant(self.initial),
            )
            if self.learned
            else tf.fill(shape, self.initial)
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
        if self.learned or self.initial:
            inputs = inputs - self.thresholds
        if self.regularized:
            # One variant may come without an axis of its own.
            own = 2 if self.variants > 1 else 1
            self.add_loss(distribution_loss(inputs, own))
        if self.learned_window:
            inputs = inputs * self.window
        return self.quantizer(inputs)

    @property
    def single(self) -> "VariantSign":
        """The sign that stands for the layer where there is but one."""
        return self

    def exported(self, variant: int) -> npt.NDArray[np.float32]:
        """Returns the thresholds of a variant, (channels,)."""
        return np.asarray(self.thresholds[variant])

    def start_from(self, other: "AnySign") -> None:
        """Takes over thresholds and windows, where both signs learn them.

        What was moved apart when it was made stays so.
        """
        other = other.single
        if self.learned and other.learned:
            moved = self.initial - other.initial
            self.thresholds.assign(other.thresholds + moved)
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

    @property
    def single(self) -> VariantSign:
        """The first bit."""
        return self.first

    def start_from(self, other: "AnySign") -> None:
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


TWO_BIT_STEP = 0.5
"""What a level of two bits is in units: -1.5, -0.5, 0.5 or 1.5. With thresholds
one apart these are near the best four levels of a normal distribution."""


class TwoBitSign(tf.keras.layers.Layer):
    """Two bits in one scale: four levels, three learned thresholds.

    With a sign of x for each threshold, as in :class:`VariantSign`, the level
    is their sum, -3, -1, 1 or 3: in the file two bits whose products count
    double and once, 2·b1 + b2. In training it is that times
    :data:`TWO_BIT_STEP`. The gradients are those of the three signs, so that
    one passes around each threshold; these are learned for each channel and
    depth, and may be in any order, which changes nothing of the sum.

    Args:
        quantizer: As in :class:`VariantSign`.
        variants: The number of depths that run through the layer.
        **settings: Those of each of the three signs.
    """

    surrogate = None
    """No plain sign, which native operations compute."""

    def __init__(self, quantizer: Any, variants: int = 1, **settings: Any):
        super().__init__()
        self.variants = variants
        self.signs = [
            VariantSign(quantizer, variants, initial=initial, **settings)
            for initial in (-1.0, 0.0, 1.0)
        ]
        self.gives_signs = self.single.gives_signs

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the three signs."""
        for sign in self.signs:
            sign.build(input_shape)
        super().build(input_shape)

    @property
    def single(self) -> VariantSign:
        """The sign in the middle."""
        return self.signs[1]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., variants, channels) to four levels, in training."""
        return self.level(lambda sign: sign(inputs))

    def level(self, of: Callable[[VariantSign], tf.Tensor]) -> tf.Tensor:
        """Returns the level, of what ``of`` gives for each of the signs."""
        return TWO_BIT_STEP * tf.add_n([of(sign) for sign in self.signs])

    def exported(self, variant: int) -> npt.NDArray[np.float32]:
        """Returns the thresholds of a variant, ascending: (3, channels)."""
        return np.sort([sign.exported(variant) for sign in self.signs], axis=0)

    def start_from(self, other: "AnySign") -> None:
        """Takes over what both learn; of a single sign, all three from it."""
        theirs = other.signs if isinstance(other, TwoBitSign) else [other] * 3
        for mine, its in zip(self.signs, theirs, strict=True):
            mine.start_from(its)

    def apply(self, inputs: tf.Tensor, variant: int) -> tf.Tensor:
        """Maps (..., channels) to -3, -1, 1 and 3, in inference."""
        return tf.add_n([sign.apply(inputs, variant) for sign in self.signs])


AnySign: TypeAlias = VariantSign | DualSign | TwoBitSign
