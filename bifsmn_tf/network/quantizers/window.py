"""The scaled sign with a learned window of its gradient (BiFSMNv2)."""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import Sign


class WindowBounds(tf.keras.constraints.Constraint):
    """Keeps the scales of surrogate gradients' inputs in [1/16, 16].

    They have to stay positive, since sign(k x) = sign(x) for k > 0 only.
    """

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        """Returns the nearest scales that are allowed."""
        return tf.clip_by_value(w, 1 / 16, 16.0)


@lq.utils.register_alias("bifsmn_windowed_scaled_sign")
@lq.utils.register_keras_custom_object
class WindowedScaledSign(ScaledSign):
    """Eq. 2 with a learned window of the gradient (BiFSMNv2).

    w ≈ α·sign(k w), k > 0: what :class:`ScaledSign` gives. The gradient passes
    where abs(k w) <= 1 and is multiplied with α k; that of k is w times what
    passes (the Learning Propagation Binarizer, arXiv:2211.06987; its scale in
    the authors' code is not kept positive).
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.window = self.add_weight(
            "window", (), initializer="ones", constraint=WindowBounds()
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns α·sign(w) in the shape of ``inputs``."""
        scale = tf.stop_gradient(self.scale(inputs))
        return scale * Sign.call(self, inputs * self.window)
