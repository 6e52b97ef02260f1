"""Who computes a training step: TensorFlow's operations, or the native ones.

A stage is trained by three steps: what its linear layer reads, the layer, and
what comes behind it up to what the next stage reads. :class:`PlainBackend`
does them as the layers define them. :class:`NativeBackend` does the same by
:mod:`~bifsmn_tf.network.fused` where that serves. Inference has no backend: it
is what conversion reads.
"""

from collections.abc import Callable
from typing import Any
from typing import Protocol

from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused
from bifsmn_tf.network.layers import AnySign
from bifsmn_tf.network.layers import BinaryConv2D
from bifsmn_tf.network.layers import BinaryDense
from bifsmn_tf.network.layers import FirstConv2D
from bifsmn_tf.network.layers import TwoBitSign
from bifsmn_tf.network.layers import VariantNorm
from bifsmn_tf.network.layers import VariantPReLU
from bifsmn_tf.network.layers import VariantSign
from bifsmn_tf.network.quantizers import Int8Activation

Regularizer = Callable[[tf.Tensor], tf.Tensor]


class TrainableStage(Protocol):
    """What a backend sees of a stage, see ``Stage``."""

    linear: Any
    sign: AnySign | None
    int8_activation: Int8Activation | None
    norm: VariantNorm | None
    prelu: VariantPReLU

    @property
    def surrogate(self) -> str | None:
        """The surrogate gradient where Eq. 1 is all that is in front."""

    @property
    def level_step(self) -> float | None:
        """The step of two bits; 0 where Eq. 1 is all in front; else None."""

    def read(self, x: tf.Tensor) -> Any:
        """Returns what the stage's linear layer takes of ``x``."""


class PlainBackend:
    """Trains by the layers themselves."""

    def read(self, stage: TrainableStage, x: tf.Tensor) -> tf.Tensor:
        """Returns what a stage's linear layer reads of ``x``.

        Args:
            stage: The stage.
            x: (..., variants, channels).

        Returns:
            Its signs; its values rounded to 8 bits; or itself.
        """
        if stage.int8_activation:
            return stage.int8_activation(x)
        return stage.sign(x) if stage.sign else x

    def linear(self, stage: TrainableStage, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the linear layer's outputs for what :meth:`read` gave."""
        return stage.linear(inputs)

    def epilogue(
        self,
        stage: TrainableStage,
        z: tf.Tensor,
        residual: tf.Tensor | None,
        follower: TrainableStage | None,
        regularize: Regularizer | None,
        keep: bool,
    ) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Computes what is behind a linear layer: BatchNorm, PReLU, residual.

        Args:
            stage: The stage.
            z: The linear layer's outputs, (..., variants, out).
            residual: What is added to the result, or None.
            follower: The stage that reads the result, or None.
            regularize: Applied to the result before the residual (dropout).
            keep: Whether the result itself is wanted, too.

        Returns:
            The result (..., variants, out), None if it need not be kept; and
            what ``follower`` reads of it, None without one.
        """
        x = stage.prelu(stage.norm(z) if stage.norm else z)
        if regularize:
            x = regularize(x)
        if residual is not None:
            x = residual + x
        return x, follower.read(x) if follower else None


class NativeBackend(PlainBackend):
    """Trains by the native operations wherever they serve."""

    def read(self, stage: TrainableStage, x: tf.Tensor) -> tf.Tensor:
        """Does as :meth:`PlainBackend.read`, signs in one pass."""
        sign = stage.sign
        if isinstance(sign, VariantSign) and sign.surrogate:
            return _sign(sign, x)
        if isinstance(sign, TwoBitSign) and sign.single.surrogate:
            return sign.level(lambda each: _sign(each, x))
        return super().read(stage, x)

    def linear(self, stage: TrainableStage, inputs: tf.Tensor) -> tf.Tensor:
        """Does as :meth:`PlainBackend.linear`, by bits where that is faster."""
        step = stage.level_step
        if step is not None and isinstance(
            stage.linear, (BinaryConv2D, BinaryDense)
        ):
            return stage.linear.of_levels(inputs, step)
        if isinstance(stage.linear, FirstConv2D):
            return stage.linear.natively(inputs)
        return super().linear(stage, inputs)

    def epilogue(
        self,
        stage: TrainableStage,
        z: tf.Tensor,
        residual: tf.Tensor | None,
        follower: TrainableStage | None,
        regularize: Regularizer | None,
        keep: bool,
    ) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Does as :meth:`PlainBackend.epilogue`, in two passes over memory."""
        norm = stage.norm
        if norm is None or regularize:
            return super().epilogue(
                stage, z, residual, follower, regularize, keep
            )
        surrogate = follower.surrogate if follower else None
        sign = follower.sign if follower and surrogate else None
        result = fused.epilogue(
            z,
            norm.gamma,
            norm.beta,
            stage.prelu.slope,
            epsilon=norm.epsilon,
            moving_mean=norm.moving_mean,
            moving_variance=norm.moving_variance,
            momentum=norm.momentum,
            residual=residual,
            threshold=sign.thresholds if sign else None,
            surrogate=surrogate or "ste",
            keep=keep,
        )
        norm.moving_mean.assign(result.mean)
        norm.moving_variance.assign(result.variance)
        if result.signs is not None:
            return result.value, result.signs
        x = result.value
        return x, follower.read(x) if follower else None


def _sign(layer: VariantSign, x: tf.Tensor) -> tf.Tensor:
    return fused.sign(x, layer.thresholds, layer.surrogate or "")


_PLAIN = PlainBackend()
_NATIVE = NativeBackend()


def current() -> PlainBackend:
    """Returns the backend of what is traced here."""
    return _NATIVE if fused.enabled() else _PLAIN
