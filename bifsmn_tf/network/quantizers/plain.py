"""The sign and its surrogate gradients, the scaled sign (Eq. 1, 2)."""

from collections.abc import Callable
from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused

SURROGATES = ("ste", "approx")

Gradient = Callable[..., Any]
"""What a custom gradient gives beside its result."""


def sign(x: tf.Tensor) -> tf.Tensor:
    """Returns the sign of Eq. 1: +1 for x >= 0, -1 otherwise; never 0."""
    one = tf.ones((), x.dtype)
    return tf.where(x >= 0, one, -one)


def surrogate_slope(x: tf.Tensor, surrogate: str) -> tf.Tensor:
    """Returns the factor of a gradient through :func:`sign`.

    ``"ste"`` is 1 for abs(x) <= 1, else 0 (Eq. 1). ``"approx"`` is
    2 - 2 abs(x) for abs(x) <= 1, else 0 (Bi-Real Net, arXiv:1808.00278).
    """
    if surrogate == "ste":
        return tf.cast(tf.abs(x) <= 1, x.dtype)
    if surrogate == "approx":
        return tf.nn.relu(2.0 - 2.0 * tf.abs(x))
    raise ValueError(
        f"unknown surrogate gradient {surrogate!r}: one of {SURROGATES}"
    )


@lq.utils.register_alias("bifsmn_sign")
@lq.utils.register_keras_custom_object
class Sign(lq.quantizers.Quantizer):
    """Eq. 1: sign forward, a surrogate gradient backward.

    Args:
        surrogate: ``"ste"`` (Eq. 1) or ``"approx"`` (Bi-Real Net).
    """

    precision = 1

    def __init__(self, surrogate: str = "ste", **kwargs: Any):
        if surrogate not in SURROGATES:
            raise ValueError(
                f"unknown surrogate gradient {surrogate!r}: one of {SURROGATES}"
            )
        self.surrogate = surrogate
        super().__init__(**kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns +1 and -1 in the shape of ``inputs``."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            return sign(x), lambda dy: dy * surrogate_slope(x, self.surrogate)

        return super().call(quantize(inputs))

    def integers(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the signs of the weights, in the kernel's shape."""
        return sign(kernel)

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns a one for each output channel: (channels,)."""
        return tf.ones(kernel.shape[-1:], kernel.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this quantizer again."""
        return {**super().get_config(), "surrogate": self.surrogate}


def channel_scale(kernel: tf.Tensor) -> tf.Tensor:
    """Returns α of Eq. 2: the mean of abs(w) for each output channel.

    Args:
        kernel: Weights whose last axis is the output channel.

    Returns:
        float32 (output channels,).
    """
    return tf.reduce_mean(
        tf.abs(kernel), axis=list(range(kernel.shape.rank - 1))
    )


@lq.utils.register_alias("bifsmn_scaled_sign")
@lq.utils.register_keras_custom_object
class ScaledSign(Sign):
    """Eq. 2: w ≈ α·sign(w) with one α per output channel, the last axis.

    α carries no gradient: the gradient is Eq. 1's, times α.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns α·sign(w) in the shape of ``inputs``."""
        plain = type(self) is ScaledSign and self.surrogate == "ste"
        if plain and fused.enabled():
            return fused.scaled_sign(tf.convert_to_tensor(inputs))
        scale = tf.stop_gradient(self.scale(inputs))
        return scale * super().call(inputs)

    def scale(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns α for each output channel: (channels,)."""
        return channel_scale(kernel)


@lq.utils.register_alias("bifsmn_approx_sign")
@lq.utils.register_keras_custom_object
class ApproxSign(Sign):
    """:class:`Sign` with the surrogate gradient of Bi-Real Net."""

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "surrogate": "approx"})
